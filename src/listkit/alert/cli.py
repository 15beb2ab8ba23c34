"""`listkit alert`: run the checks and report what has changed, or send a test message.

Exit status: 0 nothing to report, or reported; 1 when a message was not accepted, which is tried again at the next run.
"""

from __future__ import annotations

import argparse
import sys
import time

from listkit.alert import changes, delivery, message
from listkit.alert.configuration import Destination, load
from listkit.check import metrics, runner
from listkit.check.finding import Finding, Status
from listkit.common.configuration import ConfigurationError

CONFIRMATION_SECONDS = 60.0
"""A problem that has ended by then was a restart."""
DONE, FAILED = 0, 1


def main(argv: list[str]) -> int:
    """Run the checks and report, or test; return the exit status."""
    options = _parser().parse_args(argv)
    try:
        destination = load()
        if options.action == "test":
            delivery.send(message.of_test(destination.host), destination.url, destination.password)
        else:
            report(destination, options.confirm)
    except (ConfigurationError, delivery.DeliveryError) as error:
        print(f"the alert was not sent: {error}", file=sys.stderr)
        return FAILED
    return DONE


def report(destination: Destination, confirmation_seconds: float) -> None:
    """Run the checks, write the metrics, and send what has changed. Raises DeliveryError."""
    findings = look(set(changes.load()), confirmation_seconds)
    metrics.write(findings, time.time())
    now = time.time()
    reported, current = changes.load(), changes.problems(findings, now)
    if news := changes.compare(reported, current):
        delivery.send(message.of(news, destination.host, now), destination.url, destination.password)
    changes.save(changes.merged(reported, current))
    if destination.heartbeat:
        delivery.beat(destination.heartbeat)


def look(known: set[str], confirmation_seconds: float) -> list[tuple[str, Finding]]:
    """Return the findings. Components with a problem that was not reported are checked again a while later."""
    components = runner.components()
    findings = runner.run(components)
    suspect = {
        component
        for component, finding in findings
        if finding.status is not Status.OK and f"{component}/{finding.name}" not in known
    }
    if not suspect:
        return findings
    time.sleep(confirmation_seconds)
    again = runner.run([component for component in runner.components() if component.name in suspect])
    return [(name, finding) for name, finding in findings if name not in suspect] + again


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="listkit alert",
        description="Run the checks and report what has begun and what has ended since the last message.",
    )
    parser.add_argument("action", choices=["run", "test"], help="run the checks, or send a test message")
    parser.add_argument(
        "--confirm",
        type=float,
        default=CONFIRMATION_SECONDS,
        metavar="SECONDS",
        help="check a new problem again after this long before it is reported (default: %(default).0f)",
    )
    return parser

"""`listkit alert`: run the checks, write metrics and status page, and report what has changed; or send a test message.

Exit status: 0 nothing to report, or reported; 1 when a message was not accepted, which is tried again at the next run,
or when a file could not be written.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from listkit.alert import changes, delivery, message
from listkit.alert.configuration import Destination, Page, load
from listkit.canary import record
from listkit.check import metrics, runner
from listkit.check.finding import Finding, Status
from listkit.common.configuration import ConfigurationError
from listkit.status import publishing
from listkit.status import report as reports
from listkit.status.report import LastCanary, Report

CONFIRMATION_SECONDS = 45.0
"""A problem that has ended by then was a restart. With the timer's interval, an alert comes within five minutes."""
DEPLOYMENT = Path("/run/listkit-deployment")
"""A file that is there while Ansible changes this host, and restarts what it changes."""
MOST_DEPLOYMENT_SECONDS = 1800
"""An older file is that of a run which was interrupted."""
DONE, FAILED = 0, 1


def main(argv: list[str]) -> int:
    """Run the checks and report, or test; return the exit status."""
    options = _parser().parse_args(argv)
    try:
        destination = load()
        if options.action == "run":
            report(destination, options.confirm)
        elif not destination.url:
            raise delivery.DeliveryError("alert_to is not set")
        else:
            delivery.send(message.of_test(destination.host), destination.url, destination.password)
    except (ConfigurationError, delivery.DeliveryError) as error:
        print(f"the alert was not sent: {error}", file=sys.stderr)
        return FAILED
    except OSError as error:
        print(f"{error}; the status page may be old; `listkit check --only base` shows full disks", file=sys.stderr)
        return FAILED
    return DONE


def report(destination: Destination, confirmation_seconds: float) -> None:
    """Run the checks, write metrics and status page, and send what has changed. Raises DeliveryError and OSError."""
    was_deployed = _is_deployed()
    last = reports.load()
    findings = look(last.problems if last else set(), confirmation_seconds)
    now = time.time()
    metrics.write(findings, now)
    current = Report(destination.host, now, tuple(findings), _last_canary())
    try:
        reports.save(current)
        _publish(destination.page, current)
    finally:
        # That a disk is full is news, too. A service that was restarted meanwhile is not.
        if destination.url and not was_deployed and not _is_deployed():
            _send_news(destination, findings, now)
        if destination.heartbeat:
            delivery.beat(destination.heartbeat)


def _last_canary() -> LastCanary | None:
    try:
        trip = record.load()
    except (OSError, ValueError, TypeError):
        # The check of the canary reports a damaged record.
        return None
    return LastCanary(trip.sent, sum(trip.legs.values()) if trip.returned else None) if trip else None


def _publish(page: Page | None, current: Report) -> None:
    if page is None:
        publishing.withdraw()
    else:
        publishing.publish(page.site, current, [] if page.has_core else [publishing.core_report()])


def _is_deployed() -> bool:
    """Whether Ansible changes this host; its run ends with the checks."""
    try:
        return time.time() - DEPLOYMENT.stat().st_mtime < MOST_DEPLOYMENT_SECONDS
    except FileNotFoundError:
        return False


def _send_news(destination: Destination, findings: list[tuple[str, Finding]], now: float) -> None:
    reported, current = changes.load(), changes.problems(findings, now)
    if news := changes.compare(reported, current):
        delivery.send(message.of(news, destination.host, now), destination.url, destination.password)
    changes.save(changes.merged(reported, current))


def look(known: set[str], confirmation_seconds: float) -> list[tuple[str, Finding]]:
    """Return the findings. Components with a problem that is not yet known are checked again a while later."""
    components = runner.components()
    findings = runner.run_regularly(components)
    suspect = {
        component
        for component, finding in findings
        if finding.status is not Status.OK and f"{component}/{finding.name}" not in known
    }
    if not suspect:
        return findings
    time.sleep(confirmation_seconds)
    again = runner.run_regularly([component for component in runner.components() if component.name in suspect])
    return [(name, finding) for name, finding in findings if name not in suspect] + again


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="listkit alert",
        description="Run the checks, write metrics and status page, and report what has begun and what has ended.",
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

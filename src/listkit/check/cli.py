"""`listkit check`: print the state of every component on this host, and the remedy for each failure.

Exit status, as that of monitoring plugins: 0 ok, 1 warning, 2 critical, 3 unknown (something could not be checked).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from listkit.check import inspection, runner
from listkit.check.components import EVERYWHERE, MODULES
from listkit.check.finding import Finding, Status, worst
from listkit.reachability import BATCH, PATIENCE_SECONDS

Findings = Sequence[tuple[str, Finding]]


def main(argv: list[str]) -> int:
    """Run the checks and print the findings; return the exit status."""
    options = _parser().parse_args(argv)
    if options.round_trip is not None:
        return _report(_round_trip(options.round_trip, options.wait), as_json=options.json)
    if options.inspect:
        inspection.record(runner.inspect())
        return Status.OK.exit_status
    components = runner.components()
    if not components or {component.name for component in components} <= EVERYWHERE:
        print(f"{runner.DIRECTORY} has no settings; run the playbook to write them", file=sys.stderr)
        return Status.UNKNOWN.exit_status
    names = [component.name for component in components]
    if unknown := [name for name in options.only if name not in names]:
        print(f"{unknown[0]} is not on this host; its components: {', '.join(names)}", file=sys.stderr)
        return Status.UNKNOWN.exit_status
    selected = [component for component in components if not options.only or component.name in options.only]
    return _report(runner.run(selected, options.wait), as_json=options.json)


def _round_trip(addresses: Sequence[str], wait: float) -> Findings:
    # The bridge, the budget and their logs: only this option pays for them.
    from listkit.check import round_trip

    def announce(text: str) -> None:
        print(text, file=sys.stderr)

    found = round_trip.check(addresses, wait or PATIENCE_SECONDS, announce)
    return [(round_trip.COMPONENT, finding) for finding in found]


def _report(findings: Findings, *, as_json: bool) -> int:
    """Print the findings; return the exit status."""
    print(_as_json(findings) if as_json else "\n".join(_lines(findings)))
    return worst(finding for _, finding in findings).exit_status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="listkit check",
        description="Check every component on this host; print the cause of each failure and the remedy.",
        epilog="Exit status: 0 ok, 1 warning, 2 critical, 3 unknown.",
    )
    parser.add_argument("--json", action="store_true", help="print a list of findings as JSON")
    parser.add_argument(
        "--wait",
        type=float,
        default=0,
        metavar="SECONDS",
        help="retry failing checks for this long (not warnings)",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help=f"check only this component, such as {', '.join(MODULES)}; may be given several times",
    )
    parser.add_argument(
        "--inspect", action="store_true", help="make only those checks that the regular ones can't (systemd does it)"
    )
    parser.add_argument(
        "--round-trip",
        nargs="*",
        metavar="ADDRESS",
        help="instead, send a test message to each of these addresses, or to all of the lists, and wait for its arrival"
        f" (--wait: {PATIENCE_SECONDS:.0f} s for each {BATCH}); each costs one recipient of the limit",
    )
    return parser


def _as_json(findings: Findings) -> str:
    return json.dumps([{"component": component, **asdict(finding)} for component, finding in findings])


def _lines(findings: Findings) -> Iterator[str]:
    """Return the result and the counts in the first line, which monitoring shows; then a line for each finding."""
    counts = Counter(finding.status for _, finding in findings)
    listed = ", ".join(f"{counts[status]} {status}" for status in reversed(Status) if counts[status])
    yield f"{worst(finding for _, finding in findings).upper()}: {listed or 'nothing to check'}"
    for component, finding in findings:
        status = finding.status if finding.status is Status.OK else finding.status.upper()
        yield f"{status:8}  {component:11}  {finding.name}: {finding.seen}"
        if finding.remedy:
            yield f"{'':21}  → {finding.remedy}"

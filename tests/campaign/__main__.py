"""Run the campaign; see the package's documentation."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import astuple

import campaign
from campaign.faults import FAULTS, Fault
from campaign.stage import Count, Stage
from deployment import Deployment
from lab import LabError

SHORT = ("kill-bridge", "kill-in-window", "lose-250", "cut-data", "answer-451", "kill-mailman")
HEAD = (
    "fault", "sent", "archived", "received", "lost", "doubled", "sent twice by the relay", "set aside", "shunted",
    "seconds to settle",
)  # fmt: skip


def main() -> int:
    """0 when nothing was lost, doubled or given up, and every check of a fault held."""
    arguments = _parser().parse_args()
    names = SHORT if arguments.short else arguments.fault or [fault.name for fault in FAULTS]
    chosen = [fault for fault in FAULTS if fault.name in names]
    rows, unfinished = [], 0
    with Stage(Deployment.load(arguments.lab), arguments.site, arguments.hold) as stage:
        for fault in chosen:
            print(f"{fault.name}: {fault.what} …", file=sys.stderr, flush=True)
            try:
                count = _play(stage, fault, arguments.messages)
            except LabError as error:
                print(f"{fault.name}: {error}", file=sys.stderr, flush=True)
                unfinished += 1
                continue
            rows.append((fault, count))
            print(_row(fault, count), file=sys.stderr, flush=True)
    print(_table(rows))
    return int(unfinished > 0 or not all(count.clean for _, count in rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="campaign", description=campaign.__doc__.splitlines()[0])
    parser.add_argument("--lab", default="molecule-trixie", help="the deployment's lab (default: %(default)s)")
    parser.add_argument("--site", default="trixie", help="the deployed host (default: %(default)s)")
    parser.add_argument("--messages", type=int, default=30, help="messages a fault (default: %(default)s)")
    parser.add_argument("--short", action="store_true", help=f"only {', '.join(SHORT)}: some three minutes")
    parser.add_argument("--hold", type=float, default=20, help="seconds of a wrong password (default: %(default)s)")
    parser.add_argument("--fault", action="append", choices=[fault.name for fault in FAULTS], help="only this one")
    return parser


def _play(stage: Stage, fault: Fault, messages: int) -> Count:
    token = f"{fault.name}-{int(time.time())}"
    # Fast enough that there is always something in the air.
    stage.inject(token, messages, seconds=max(10, messages / 15), octets=fault.octets)
    fault.act(stage)
    return stage.settle()


def _row(fault: Fault, count: Count) -> str:
    *figures, seconds = astuple(count)
    return f"| {fault.what} | {' | '.join(map(str, figures))} | {seconds:.0f} |"


def _table(rows: list[tuple[Fault, Count]]) -> str:
    lines = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|", *(_row(*row) for row in rows)]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

"""`listkit canary`: send a message through the whole way, or show the last result.

`listkit canary rehearse` hands a message to Mailman on a host that stands by: what it sends stays in Postfix's queue.

Exit status: 0 returned, 1 not returned, 3 when the canary is not configured or was not sent yet.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from listkit.canary import record, rehearsal
from listkit.canary.configuration import load
from listkit.canary.round_trip import make
from listkit.canary.trip import RoundTrip
from listkit.common.configuration import ConfigurationError

PATIENCE_SECONDS = 300.0
RETURNED, LOST, UNKNOWN = 0, 1, 3


def main(argv: list[str]) -> int:
    """Send a canary or show the last one; return the exit status."""
    options = _parser().parse_args(argv)
    try:
        if options.action == "rehearse":
            return _rehearse(options.patience)
        trip = _now(options.patience) if options.action == "now" else record.load()
    except ConfigurationError as error:
        print(f"{error}\nset canary_interval and run the playbook", file=sys.stderr)
        return UNKNOWN
    if trip is None:
        print("no canary was sent yet; `listkit canary now` sends one", file=sys.stderr)
        return UNKNOWN
    print("\n".join(_lines(trip)))
    # A timer's job has failed only if it could not find out.
    return RETURNED if trip.returned or options.quiet else LOST


def _now(patience_seconds: float) -> RoundTrip:
    trip = make(load(), patience_seconds)
    record.save(trip)
    return trip


def _rehearse(patience: float) -> int:
    try:
        seconds = rehearsal.make(load(), patience)
    except rehearsal.Failed as error:
        print(error, file=sys.stderr)
        return LOST
    print(f"{rehearsal.LEG:20} {seconds:6.1f} s")
    return RETURNED


def _lines(trip: RoundTrip) -> Iterator[str]:
    for leg, seconds in trip.legs.items():
        yield f"{leg:20} {seconds:6.1f} s"
    if trip.returned:
        yield f"{'round trip':20} {sum(trip.legs.values()):6.1f} s"
    else:
        yield f"{trip.message_id}: {trip.failure}"
        yield f"→ `listkit trace '{trip.message_id}'` follows it; `listkit check` names what is down"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="listkit canary",
        description="Send a message through the provider, the bridge and Mailman, and print the time of each leg.",
        epilog="Exit status: 0 returned, 1 not returned, 3 not configured or not sent yet.",
    )
    parser.add_argument(
        "action",
        choices=["now", "last", "rehearse"],
        help="send a message now, show the last result, or (for playbooks/move.yml) see that Mailman handles one",
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=PATIENCE_SECONDS,
        metavar="SECONDS",
        help="how long to wait for its return (default: %(default).0f)",
    )
    parser.add_argument("--quiet", action="store_true", help="exit with 0 even if it does not return (for systemd)")
    return parser

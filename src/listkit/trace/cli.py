"""`listkit trace` follows a message through the site; `release`, `discard` and `repost` decide on it."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from listkit.trace import deciding, remote, report, serving
from listkit.trace.event import Query
from listkit.trace.place import Place
from listkit.trace.sources import sources
from listkit.trace.tracing import Trace, trace

DAYS = 5
"""Debian keeps Mailman's log for this long."""
MOST = 10
CORE = Path("/etc/mailman3/mailman.cfg")
FOUND, NOT_FOUND, UNKNOWN = 0, 1, 3


def main(argv: list[str]) -> int:
    """Print the way of the messages that match.

    Return the exit status: 0 found, 1 nothing found, 3 when a source could not be read.
    """
    options = _parser().parse_args(argv)
    if cause := _problem("trace"):
        print(cause, file=sys.stderr)
        return UNKNOWN
    if not CORE.exists():
        return remote.ask("trace", argv)
    query = Query(options.text)
    found = _search(query, options.days, options.most)
    print(report.as_json(found) if options.json else "\n".join(report.as_text(found, query)))
    if found.failures:
        return UNKNOWN
    if not found.messages:
        print(f"no message of the last {options.days} days matches {options.text!r}", file=sys.stderr)
        return NOT_FOUND
    return FOUND


def release(argv: list[str]) -> int:
    """Run `listkit release`; return the exit status, which `deciding` defines."""
    description = "Release a message that waits for a moderator or the relay."
    return _decide("release", description, deciding.release, argv)


def discard(argv: list[str]) -> int:
    """Run `listkit discard`; return the exit status, which `deciding` defines."""
    description = "Delete a waiting message, or one that Mailman has set aside."
    return _decide("discard", description, deciding.discard, argv)


def repost(argv: list[str]) -> int:
    """Run `listkit repost`; return the exit status, which `deciding` defines."""
    description = "Have the bridge deliver a message in a folder of the mailbox again."
    return _decide("repost", description, deciding.repost, argv)


def serve(argv: list[str]) -> int:
    """Run these commands for another host of the site; return the exit status."""
    description = "Follow messages, and decide on them, for another host of the site (for systemd)."
    argparse.ArgumentParser(prog="listkit trace-server", description=description).parse_args(argv)
    serving.serve_systemd({"trace": main, "release": release, "discard": discard, "repost": repost})
    return 0


def _decide(name: str, description: str, decision: Callable[[Place], str], argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog=f"listkit {name}",
        description=description,
        epilog="Exit status: 0 done, 1 no message or more than one matches, 2 not possible where it is, 3 failed.",
    )
    _add_search(parser)
    options = parser.parse_args(argv)
    if cause := _problem(name):
        print(cause, file=sys.stderr)
        return deciding.FAILED
    if not CORE.exists():
        return remote.ask(name, argv)
    query = Query(options.text)
    found = _search(query, options.days, MOST)
    for failure in found.failures:
        print(f"could not be read: {failure}", file=sys.stderr)
    return deciding.decide(decision, query, found, print)


def _search(query: Query, days: int, most: int) -> Trace:
    return trace(query, sources(time.time() - days * 86_400), most)


def _problem(command: str) -> str:
    """Return why messages can't be followed by this user, or on this host; empty if they can."""
    if os.geteuid():
        return f"only root can read the logs: `sudo listkit {command} …`"
    if not CORE.exists() and not remote.KEY.exists():
        return (
            f"Mailman's core does not run on this host, which has no key to ask the core's host ({remote.KEY});"
            " run the playbook on all hosts of the site, which copies the key"
        )
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="listkit trace",
        description="Follow a message from the mailbox to the provider's answer for each recipient.",
        epilog="Exit status: 0 found, 1 nothing found, 3 a source could not be read.",
    )
    _add_search(parser)
    parser.add_argument("--most", type=int, default=MOST, help="how many messages to show (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _add_search(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "text", metavar="MESSAGE-ID|ADDRESS|SUBJECT", help="the message to search for; a part of its subject is enough"
    )
    parser.add_argument("--days", type=int, default=DAYS, help="how many days back to search (default: %(default)s)")

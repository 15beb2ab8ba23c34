"""`listkit trace`: follow a message through the site.

Exit status: 0 found, 1 nothing found, 3 when a source could not be read.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from listkit.trace import report
from listkit.trace.event import Query
from listkit.trace.sources import sources
from listkit.trace.tracing import trace

DAYS = 5
"""Debian keeps Mailman's log for this long."""
MOST = 10
CORE = Path("/etc/mailman3/mailman.cfg")
FOUND, NOT_FOUND, UNKNOWN = 0, 1, 3


def main(argv: list[str]) -> int:
    """Print the way of the messages that match; return the exit status."""
    options = _parser().parse_args(argv)
    if cause := problem("trace"):
        print(cause, file=sys.stderr)
        return UNKNOWN
    query = Query(options.text)
    found = trace(query, sources(time.time() - options.days * 86_400), options.most)
    print(report.as_json(found) if options.json else "\n".join(report.as_text(found, query)))
    if found.failures:
        return UNKNOWN
    if not found.messages:
        print(f"no message of the last {options.days} days matches {options.text!r}", file=sys.stderr)
        return NOT_FOUND
    return FOUND


def problem(command: str) -> str:
    """Return why messages can't be followed by this user, or on this host; empty if they can."""
    if os.geteuid():
        return f"only root can read the logs: `sudo listkit {command} …`"
    if not CORE.exists():
        return f"Mailman's core does not run on this host; run `listkit {command}` on the core's host"
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="listkit trace",
        description="Follow a message from the mailbox to the provider's answer for each recipient.",
        epilog="Exit status: 0 found, 1 nothing found, 3 a source could not be read.",
    )
    parser.add_argument("text", metavar="MESSAGE-ID|ADDRESS|SUBJECT", help="what to search for; a part of the subject")
    parser.add_argument("--days", type=int, default=DAYS, help="how far back to search (default: %(default)s)")
    parser.add_argument("--most", type=int, default=MOST, help="how many messages to show (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser

"""The canary: a message that makes the whole way. Setting: `minutes`, the time between two."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from listkit.canary import record
from listkit.canary.configuration import CONFIGURATION
from listkit.canary.trip import RoundTrip
from listkit.check.finding import Check, Finding
from listkit.check.probes import date
from listkit.check.settings import Settings

NAME = "canary"
SPAM = "canary in Spam"
UNIT = "listkit-canary"
MINUTE_SECONDS = 60
MOST_INTERVALS = 2.5
"""Since the last message; one is missing then."""


def checks(settings: Settings) -> list[Check]:
    """Return the checks."""
    minutes = settings.own.integer("minutes", 1, 10_080)
    return [Check(NAME, lambda: check_canary(minutes)), Check(SPAM, check_spam)]


def check_canary(minutes: int, path: Path = record.PATH, configured: Path = CONFIGURATION) -> Iterator[Finding]:
    """The last message has returned, and messages are sent."""
    trip = record.load(path)
    since = trip.sent if trip else configured.stat().st_mtime
    if time.time() - since > MOST_INTERVALS * minutes * MINUTE_SECONDS:
        seen = f"none was sent since {date(since)}, although one is due every {minutes} minutes"
        yield Finding.critical(NAME, seen, f"`systemctl restart {UNIT}.timer`, then `systemctl start {UNIT}`")
    elif trip is None:
        yield Finding.ok(NAME, "the first one was not sent yet")
    elif trip.returned:
        yield Finding.ok(NAME, f"sent {date(trip.sent)}, back after {sum(trip.legs.values()):.0f} s")
    else:
        yield _lost(trip)


def _lost(trip: RoundTrip) -> Finding:
    seen = f"sent {date(trip.sent)}, {trip.failure}"
    return Finding.critical(NAME, seen, f"`listkit trace '{trip.message_id}'` follows it; then `listkit canary now`")


def check_spam(path: Path = record.PATH) -> Iterator[Finding]:
    """The provider's filter has not moved the last message: it may move members' posts, too."""
    trip = record.load(path)
    if trip and trip.in_spam:
        seen = f"the provider's filter classifies the message of {date(trip.sent)} as spam, and perhaps posts, too"
        remedy = "turn the spam filter of the mailbox off, and move the messages to the folder Replay"
        yield Finding.critical(SPAM, seen, f"{remedy}; then `listkit canary now`")
    else:
        yield Finding.ok(SPAM, "the last message is not there")

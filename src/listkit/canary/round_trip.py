"""Sending a message through the whole way, following it in the logs, and measuring each leg."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Callable, Iterable, Sequence
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid

from listkit.canary.configuration import Canary
from listkit.canary.trip import LEGS, SPAM, RoundTrip
from listkit.common.canary import HEADER, RETURNED, noted_keys
from listkit.common.endpoints import RELAY_SMTP
from listkit.trace import bridge, relay
from listkit.trace.event import Event, Query, bare
from listkit.trace.sources import sources
from listkit.trace.tracing import trace

SMTP_SECONDS = 30
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 15.0
CLOCK_SECONDS = 2
"""By which the times in logs may be before those of this program."""


def make(canary: Canary, patience_seconds: float) -> RoundTrip:
    """Send a message and wait for its return, `patience_seconds` at most."""
    message = compose(canary)
    trip = RoundTrip(message["Message-ID"], time.time())
    try:
        send(message, canary)
    except (OSError, smtplib.SMTPException) as error:
        return RoundTrip(trip.message_id, trip.sent, failure=f"the relay does not accept mail: {error}")
    return follow(trip, canary, patience_seconds, lambda: _logged(trip))


def compose(canary: Canary) -> EmailMessage:
    """Write the message."""
    message = EmailMessage()
    message["From"] = canary.account
    message["To"] = canary.list_address
    message["Subject"] = "Canary"
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid("canary", canary.account.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message[HEADER] = "yes"
    message.set_content("This message tests the way of the lists' mail. `listkit canary` has sent it.\n")
    return message


def send(message: EmailMessage, canary: Canary) -> None:
    """Hand the message to the local relay. Raises OSError and SMTPException."""
    with smtplib.SMTP(RELAY_SMTP.host, RELAY_SMTP.port, timeout=SMTP_SECONDS) as smtp:
        smtp.send_message(message, canary.account, [canary.list_address])


def follow(
    trip: RoundTrip, canary: Canary, patience_seconds: float, events: Callable[[], Iterable[Event]]
) -> RoundTrip:
    """Wait until the message has returned, or until patience ends; then say where it is."""
    deadline = time.monotonic() + patience_seconds
    wait = FIRST_WAIT_SECONDS
    while not (found := _so_far(trip, canary, list(events()))).returned:
        left = deadline - time.monotonic()
        if left <= 0:
            return RoundTrip(trip.message_id, trip.sent, found.legs, whereabouts(trip, patience_seconds))
        time.sleep(min(wait, left))
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)
    return found


def _so_far(trip: RoundTrip, canary: Canary, events: Sequence[Event]) -> RoundTrip:
    return RoundTrip(trip.message_id, trip.sent, legs(trip, canary, events), keys=keys(trip, events))


def keys(trip: RoundTrip, events: Iterable[Event]) -> list[str] | None:
    """Return the keys that the message was signed with when it returned; None if that is not known."""
    texts = [event.text for event in _own(trip, events) if RETURNED in event.text]
    return noted_keys(texts[0]) if texts else None


def legs(trip: RoundTrip, canary: Canary, events: Iterable[Event]) -> dict[str, float]:
    """Return the seconds of each leg that the message has made."""
    own = _own(trip, events)
    ends = (
        _first(own, "relay", lambda event: canary.list_address in event.people and relay.ACCEPTED in event.text),
        _first(own, "bridge", lambda event: canary.list_address in event.people),
        _first(own, "relay", lambda event: canary.account in event.people and relay.ACCEPTED in event.text),
        _first(own, "bridge", lambda event: RETURNED in event.text),
    )
    made: dict[str, float] = {}
    begin = trip.sent
    for leg, end in zip(LEGS, ends, strict=True):
        if end is None:
            break
        made[leg] = max(0.0, end - begin)
        begin = end
    return made


def _own(trip: RoundTrip, events: Iterable[Event]) -> list[Event]:
    return [event for event in events if bare(event.message_id) == bare(trip.message_id)]


def _first(events: Iterable[Event], component: str, matches: Callable[[Event], bool]) -> float | None:
    return min((event.time for event in events if event.component == component and matches(event)), default=None)


def _logged(trip: RoundTrip) -> list[Event]:
    since = trip.sent - CLOCK_SECONDS
    return [*bridge.events(since), *relay.events(since)]


def whereabouts(trip: RoundTrip, patience_seconds: float) -> str:
    """Say where a message is that has not returned: the last thing that happened to it, or where it waits."""
    query = Query(trip.message_id)
    found = trace(query, sources(trip.sent - CLOCK_SECONDS), 1)
    events = [event for message in found.messages for event in message.events]
    waiting = [event for event in events if event.waiting or f"lies in {SPAM} " in event.text]
    last = next(iter((waiting or events)[-1:]), None)
    place = f"{last.component}: {last.text}" if last else "no log mentions it"
    return f"not back after {patience_seconds:.0f} s; {place}"

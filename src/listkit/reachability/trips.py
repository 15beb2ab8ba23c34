"""Sending test messages, and following each until it arrives or is known to be lost."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid
from enum import Enum

from listkit.common.endpoints import RELAY_SMTP
from listkit.common.round_trip import ARRIVED, HEADER, mark
from listkit.reachability import BATCH
from listkit.reachability.targets import Target
from listkit.trace import bridge, mailbox, relay
from listkit.trace.event import Event, Query, bare

MOST_LOST = 10
"""A provider blocks accounts that write to many unknown addresses: no more messages are sent after this many."""
SMTP_SECONDS = 30
LOOK_SECONDS = 2.0
CLOCK_SECONDS = 2
"""By which the times in logs may be before those of this program."""


class State(Enum):
    """Where a message is. `LOST`: the provider has accepted it, and it is in no folder of a mailbox."""

    ARRIVED = "arrived"
    REFUSED = "refused"
    LOST = "lost"
    QUEUED = "queued"
    FILED = "filed"


@dataclass(frozen=True)
class Trip:
    """A test message.

    sent: in seconds since 1970. seconds: how long it took, if it arrived.
    place: where it is, or the provider's refusal, in the words of the log.
    """

    target: Target
    message_id: str
    sent: float
    state: State = State.LOST
    seconds: float = 0.0
    place: str = ""


@dataclass(frozen=True)
class Logs:
    """What is known of messages since a time: from the logs and the relay's queue, and from the mailboxes' folders."""

    logged: Callable[[float], Iterable[Event]] = lambda since: [*bridge.events(since), *relay.events(since)]
    filed: Callable[[Iterable[str], float], Iterable[Event]] = lambda ids, since: mailbox.events(Query(""), ids, since)


def make(
    targets: Sequence[Target], sender: str, secret: str, patience_seconds: float, logs: Logs | None = None
) -> Iterator[Trip]:
    """Write to each address from the account `sender`, and yield the outcomes.

    The messages leave in batches, each of which has `patience_seconds` to arrive. There is no further batch once
    `MOST_LOST` messages are lost. Raises OSError and SMTPException when the relay does not accept mail.
    """
    lost = 0
    for first in range(0, len(targets), BATCH):
        if lost >= MOST_LOST:
            return
        trips = [_send(target, sender, secret) for target in targets[first : first + BATCH]]
        for trip in follow(trips, patience_seconds, logs or Logs()):
            lost += trip.state in (State.LOST, State.REFUSED)
            yield trip


def compose(target: Target, sender: str, secret: str) -> EmailMessage:
    """Write the message to an address."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = target.address
    message["Subject"] = "Test of an address"
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid("round-trip", sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message[HEADER] = mark(secret, message["Message-ID"], target.address)
    message.set_content("This message tests whether mail arrives. `listkit check --round-trip` has sent it.\n")
    return message


def _send(target: Target, sender: str, secret: str) -> Trip:
    message = compose(target, sender, secret)
    with smtplib.SMTP(RELAY_SMTP.host, RELAY_SMTP.port, timeout=SMTP_SECONDS) as smtp:
        smtp.send_message(message, sender, [target.address])
    return Trip(target, message["Message-ID"], time.time())


def follow(trips: Sequence[Trip], patience_seconds: float, logs: Logs) -> list[Trip]:
    """Wait until each message has arrived or was refused, or until patience ends; return where each is."""
    deadline = time.monotonic() + patience_seconds
    since = min(trip.sent for trip in trips) - CLOCK_SECONDS
    while True:
        found = settled(trips, logs.logged(since))
        if all(trip.state in (State.ARRIVED, State.REFUSED) for trip in found) or time.monotonic() >= deadline:
            break
        time.sleep(LOOK_SECONDS)
    lost = [trip for trip in found if trip.state is State.LOST]
    if not lost:
        return found
    places = {bare(event.message_id): event.text for event in logs.filed([trip.message_id for trip in lost], since)}
    return [_filed(trip, places) for trip in found]


def settled(trips: Iterable[Trip], events: Iterable[Event]) -> list[Trip]:
    """Return the messages as the logs have them."""
    by_id: dict[str, list[Event]] = {}
    for event in events:
        by_id.setdefault(bare(event.message_id), []).append(event)
    return [_settled(trip, by_id.get(bare(trip.message_id), ())) for trip in trips]


def _settled(trip: Trip, events: Iterable[Event]) -> Trip:
    found = trip
    for event in events:
        if event.component == bridge.COMPONENT and f"{trip.target.address}: {ARRIVED}" in event.text:
            return replace(trip, state=State.ARRIVED, seconds=max(0.0, event.time - trip.sent))
        if event.component == relay.COMPONENT and relay.REFUSED in event.text:
            found = replace(trip, state=State.REFUSED, place=event.text.partition(f"{trip.target.address}: ")[2])
        elif event.waiting and found.state is State.LOST:
            found = replace(trip, state=State.QUEUED, place=event.text)
    return found


def _filed(trip: Trip, places: dict[str, str]) -> Trip:
    place = places.get(bare(trip.message_id), "") if trip.state is State.LOST else ""
    return replace(trip, state=State.FILED, place=place) if place else trip

"""Asking every source for a message, and sorting what they say by message."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from listkit.bridge.imap_connection import ImapError
from listkit.common.configuration import ConfigurationError
from listkit.common.rest import RestError
from listkit.trace.event import Event, Query, bare

COMPONENTS = ("mailbox", "bridge", "Mailman", "relay")
FAILURES = (OSError, ImapError, RestError, ConfigurationError, subprocess.SubprocessError)
"""A source that cannot be read: the others are shown all the same."""


@dataclass(frozen=True)
class Source:
    """Where events are found: of all messages, or of those that match the query or have one of the Message-IDs."""

    name: str
    events: Callable[[Query, Collection[str]], Iterable[Event]]


@dataclass(frozen=True)
class TracedMessage:
    """The events of one message, oldest first."""

    message_id: str
    events: tuple[Event, ...]

    @property
    def subject(self) -> str:
        """Its subject, if a source knows it."""
        return next((event.subject for event in self.events if event.subject), "")

    @property
    def waits(self) -> bool:
        """Whether it waits somewhere now."""
        return any(event.waiting for event in self.events)


@dataclass(frozen=True)
class Trace:
    """The messages that were found, the latest last; how many more there are; and which sources could not be read."""

    messages: tuple[TracedMessage, ...]
    more: int
    failures: tuple[str, ...]


def trace(query: Query, sources: Sequence[Source], most: int) -> Trace:
    """Follow the messages that match the query, and return the latest ones, `most` at most.

    The sources are asked in their order. Each is given the Message-IDs that match so far.
    """
    events: set[Event] = set()
    failures = []
    for source in sources:
        try:
            events.update(source.events(query, _matching(query, events)))
        except FAILURES as error:
            failures.append(f"{source.name}: {error}")
    found = sorted(_messages(query, events), key=lambda message: message.events[-1].time)
    return Trace(tuple(found[-most:]), max(0, len(found) - most), tuple(failures))


def _matching(query: Query, events: Iterable[Event]) -> list[str]:
    latest: dict[str, float] = {}
    for event in events:
        if event.message_id and query.matches(event):
            latest[event.message_id] = max(event.time, latest.get(event.message_id, 0))
    return sorted(latest, key=lambda message_id: latest[message_id])


def _messages(query: Query, events: Iterable[Event]) -> Iterator[TracedMessage]:
    """Yield the messages of which at least one event matches. Those without a Message-ID cannot be distinguished."""
    by_id: dict[str, list[Event]] = {}
    for event in events:
        by_id.setdefault(bare(event.message_id), []).append(event)
    for own in by_id.values():
        matching = [event for event in own if query.matches(event)]
        if matching:
            # Without a Message-ID, events of other messages are in the same group.
            shown = own if own[0].message_id else matching
            yield TracedMessage(own[0].message_id, tuple(sorted(shown, key=_place)))


def _place(event: Event) -> tuple[int, int, float]:
    """Mailman's log has whole seconds: within one, the order is that of a message's way."""
    return int(event.time), COMPONENTS.index(event.component), event.time

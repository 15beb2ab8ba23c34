"""When to try again: messages that wait for another attempt, and Mailman while it accepts no mail.

All times are `time.monotonic`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from listkit.bridge.context import MessageRef
from listkit.common.backoff import Backoff


@dataclass(slots=True)
class Retry:
    """The number of failures in a row, and the time of the next attempt."""

    failures: int = 0
    due: float = 0.0

    def postpone(self, backoff: Backoff, jitter: random.Random) -> float:
        """Count a failure; return the seconds until the next attempt."""
        self.failures += 1
        wait = backoff.delay(self.failures, jitter)
        self.due = time.monotonic() + wait
        return wait


@dataclass(slots=True)
class MessageRetry(Retry):
    """The failures of one message so far."""

    times_550: int = 0
    hang_ups: int = 0
    first_hang_up: float = 0.0
    refused_fetches: int = 0
    last_refused_fetch: float = 0.0
    missing: bool = False

    def count_hang_up(self) -> None:
        """Mailman closed the connection in the middle of this message."""
        self.hang_ups += 1
        self.first_hang_up = self.first_hang_up or time.monotonic()

    def count_refused_fetch(self) -> None:
        """The mail service refused to hand this message out."""
        self.refused_fetches += 1
        self.last_refused_fetch = time.monotonic()


class RetryQueue:
    """The messages of one mailbox that wait for another attempt."""

    def __init__(self, backoff: Backoff, jitter: random.Random) -> None:
        self._backoff = backoff
        self._jitter = jitter
        self._retries: dict[MessageRef, MessageRetry] = {}

    def __contains__(self, ref: MessageRef) -> bool:
        return ref in self._retries

    def of(self, ref: MessageRef) -> MessageRetry:
        """Look up what went wrong with a message so far."""
        return self._retries.get(ref, MessageRetry())

    def postpone(self, ref: MessageRef, count: Callable[[MessageRetry], None] = lambda _retry: None) -> float:
        """Count a failure, and what `count` adds to it; return the seconds until the next attempt."""
        retry = self._retries.setdefault(ref, MessageRetry())
        count(retry)
        return retry.postpone(self._backoff, self._jitter)

    def record_fetch(self, ref: MessageRef) -> None:
        """The mail service handed the message out."""
        if ref in self._retries:
            self._retries[ref].refused_fetches = 0

    def forget(self, ref: MessageRef) -> None:
        """Drop a message that waits no longer."""
        self._retries.pop(ref, None)

    def retain(self, folder: str, present: frozenset[MessageRef]) -> None:
        """Drop messages that are no longer in the folder."""
        for ref in [ref for ref in self._retries if ref.folder == folder and ref not in present]:
            del self._retries[ref]

    @property
    def failed(self) -> frozenset[MessageRef]:
        """The messages that failed at least once."""
        return frozenset(ref for ref, retry in self._retries.items() if retry.failures)

    @property
    def next_due(self) -> float:
        """When the next message is due; infinite when none waits."""
        return min((retry.due for retry in self._retries.values()), default=float("inf"))


class MailmanRetry:
    """Whether Mailman may be tried.

    holds_mail: messages wait for Mailman alone; while none does, its retry doesn't need a look into the mailbox.
    """

    def __init__(self, backoff: Backoff, jitter: random.Random) -> None:
        self._backoff = backoff
        self._jitter = jitter
        self._retry = Retry()
        self.holds_mail = False

    @property
    def is_due(self) -> bool:
        """Whether Mailman is believed to accept mail, or is due for another attempt."""
        return self._retry.due <= time.monotonic()

    @property
    def due(self) -> float:
        """When Mailman may be tried."""
        return self._retry.due

    def failed(self) -> float:
        """Mailman accepts no mail; return the seconds until the next attempt."""
        self.holds_mail = True
        return self._retry.postpone(self._backoff, self._jitter)

    def succeeded(self) -> None:
        """Mailman answered."""
        self._retry.failures = 0

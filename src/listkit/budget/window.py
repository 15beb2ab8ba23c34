"""The arithmetic of a sliding window of recipients.

A charge is what one message cost. While the message is on its way the charge has no time and doesn't age: the window of
the provider starts when the provider has taken the message, which is known only once Postfix has let go of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Limits:
    """What an account may send.

    `recipients` in any `window` seconds, of which `reserve` are kept for urgent mail: confirmations, password resets,
    moderation notices, mail to owners.
    """

    recipients: int
    reserve: int
    window: float

    def __post_init__(self) -> None:
        if not 0 <= self.reserve < self.recipients:
            raise ValueError(f"reserve is {self.reserve}, but must be at least 0 and less than {self.recipients}")
        if self.window <= 0:
            raise ValueError(f"window is {self.window}, but must be a positive number of seconds, such as 86400")

    def most(self, urgent: bool) -> int:
        """The most recipients that mail of this kind may ever take of a window."""
        return self.recipients if urgent else self.recipients - self.reserve


class Mail(Protocol):
    """What the window has to know of a message."""

    recipients: int
    list: str
    urgent: bool


@dataclass(frozen=True)
class Charge:
    """`recipients` taken for `list` by mail that was urgent or not.

    `spent_at` is None while the message is on its way.
    """

    recipients: int
    list: str
    urgent: bool
    spent_at: float | None

    def counts(self, now: float, window: float) -> bool:
        """Whether the charge lies in the window that ends now."""
        return self.spent_at is None or now - self.spent_at <= window


def used(charges: Iterable[Charge], limits: Limits, now: float) -> int:
    """How many recipients the window that ends `now` holds."""
    return sum(charge.recipients for charge in charges if charge.counts(now, limits.window))


def room(charges: Iterable[Charge], limits: Limits, now: float, urgent: bool, list_address: str = "") -> int:
    """How many recipients mail of this kind, of this list, may be sent to `now`; never negative.

    Urgent mail may take all that is left. Other mail never takes more than the limit less the reserve, however little
    urgent mail there is. The urgent mail of a list that has had the reserve for itself is no better than other mail:
    a thousand welcome messages, or a cron job gone mad, leave the reserve to the confirmations of others.
    """
    counting = [charge for charge in charges if charge.counts(now, limits.window)]
    had = had_by_list(counting, urgent=True)
    if urgent:
        had[list_address] += 1
    flooding = {address for address, recipients in had.items() if recipients > limits.reserve}
    left = limits.recipients - sum(charge.recipients for charge in counting)
    if not urgent or list_address in flooding:
        bulk = sum(charge.recipients for charge in counting if not charge.urgent or charge.list in flooding)
        left = min(left, limits.most(urgent=False) - bulk)
    return max(0, left)


def had_by_list(charges: Iterable[Charge], urgent: bool) -> Counter[str]:
    """How many recipients the mail of this kind has had, by list."""
    had = Counter()
    for charge in charges:
        if charge.urgent == urgent:
            had[charge.list] += charge.recipients
    return had


def fits(charges: Iterable[Charge], limits: Limits, now: float, message: Mail) -> bool:
    """Whether a message may go `now`. One that is larger than the window may ever hold goes when that is empty."""
    needed = min(message.recipients, limits.most(message.urgent))
    return room(charges, limits, now, message.urgent, message.list) >= needed


def opens_at(charges: Iterable[Charge], limits: Limits, now: float, message: Mail) -> float | None:
    """When a message fits: `now`, or the first moment at which enough charges have left the window.

    None: only once a message that is on its way has arrived.
    """
    charges = list(charges)
    # A charge counts up to and including the last moment of its window, so the room opens just after it.
    edges = sorted(
        charge.spent_at + limits.window + 0.001
        for charge in charges
        if charge.spent_at is not None and charge.counts(now, limits.window)
    )
    moments = [now, *edges]
    # Room only grows with time.
    first = bisect_left(moments, True, key=lambda time: fits(charges, limits, time, message))
    return moments[first] if first < len(moments) else None

"""The arithmetic of a sliding window of recipients.

A charge is the cost of one message. While the message is in delivery the charge has no time and does not age: the
provider's window starts when it accepts the message, which is known only once the message has left Postfix's queue.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol


class Kind(IntEnum):
    """Kinds of messages in the window. The ledger has these numbers.

    STRANGER: an automatic answer to an address that belongs to no member.
    """

    POST = 0
    URGENT = 1
    STRANGER = 2


@dataclass(frozen=True)
class Limits:
    """The limits of an account.

    `recipients` in any `window` seconds, of which `reserve` are kept for urgent mail: confirmations, password resets,
    moderation notices, mail to owners. Strangers get at most `strangers` of those that posts may use.
    """

    recipients: int
    reserve: int
    window: float
    strangers: int

    def __post_init__(self) -> None:
        if not 0 <= self.reserve < self.recipients:
            raise ValueError(f"reserve is {self.reserve}, but must be at least 0 and less than {self.recipients}")
        if self.window <= 0:
            raise ValueError(f"window is {self.window}, but must be a positive number of seconds, such as 86400")

    def maximum(self, kind: Kind) -> int:
        """Return the number of recipients that mail of this kind may use of a window at most."""
        for_posts = self.recipients - self.reserve
        return {Kind.URGENT: self.recipients, Kind.POST: for_posts, Kind.STRANGER: min(self.strangers, for_posts)}[kind]


class Mail(Protocol):
    """The attributes of a message that the window needs."""

    @property
    def recipients(self) -> int: ...

    @property
    def list(self) -> str: ...

    @property
    def kind(self) -> Kind: ...


@dataclass(frozen=True)
class Charge:
    """The `recipients` of one message of `list`; `spent_at` is None while the message is in delivery."""

    recipients: int
    list: str
    kind: Kind
    spent_at: float | None

    def counts(self, now: float, window: float) -> bool:
        """Whether the charge is in the window that ends now."""
        return self.spent_at is None or now - self.spent_at <= window


def used(charges: Iterable[Charge], limits: Limits, now: float) -> int:
    """Return the number of recipients in the window that ends `now`."""
    return sum(charge.recipients for charge in charges if charge.counts(now, limits.window))


def available(charges: Iterable[Charge], limits: Limits, now: float, kind: Kind, list_address: str = "") -> int:
    """Return the number of recipients to which mail of this kind, of this list, may be sent `now`; never negative.

    Urgent mail may use all that is left. Other mail never uses more than the limit less the reserve, even if there is
    little urgent mail. The urgent mail of a list that has used up a whole reserve counts as other mail: a thousand
    welcome messages, or a runaway cron job, leave the reserve to the confirmations of other lists.
    """
    counting = [charge for charge in charges if charge.counts(now, limits.window)]
    sent = sent_by_list(counting, Kind.URGENT)
    if kind == Kind.URGENT:
        sent[list_address] += 1
    flooding = {address for address, recipients in sent.items() if recipients > limits.reserve}
    left = limits.recipients - sum(charge.recipients for charge in counting)
    if kind != Kind.URGENT or list_address in flooding:
        bulk = sum(charge.recipients for charge in counting if charge.kind != Kind.URGENT or charge.list in flooding)
        left = min(left, limits.maximum(Kind.POST) - bulk)
    if kind == Kind.STRANGER:
        left = min(left, limits.maximum(kind) - sum(sent_by_list(counting, kind).values()))
    return max(0, left)


def sent_by_list(charges: Iterable[Charge], kind: Kind) -> Counter[str]:
    """Return the number of recipients of mail of this kind, by list."""
    sent: Counter[str] = Counter()
    for charge in charges:
        if charge.kind == kind:
            sent[charge.list] += charge.recipients
    return sent


def fits(charges: Iterable[Charge], limits: Limits, now: float, message: Mail) -> bool:
    """Whether a message may leave `now`. One that is larger than the whole window leaves when that is empty."""
    needed = min(message.recipients, limits.maximum(message.kind))
    return available(charges, limits, now, message.kind, message.list) >= needed


def opens_at(charges: Iterable[Charge], limits: Limits, now: float, message: Mail) -> float | None:
    """Return when a message fits: `now`, or as soon as enough charges have left the window.

    None: that depends on a message in delivery.
    """
    charges = list(charges)
    # A charge counts up to and including the last moment of its window.
    edges = sorted(
        charge.spent_at + limits.window + 0.001
        for charge in charges
        if charge.spent_at is not None and charge.counts(now, limits.window)
    )
    moments = [now, *edges]
    # The space only grows with time.
    first = bisect_left(moments, True, key=lambda time: fits(charges, limits, time, message))
    return moments[first] if first < len(moments) else None

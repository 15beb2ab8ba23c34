"""Which of the waiting messages of one account goes next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from listkit.budget.window import Charge, Limits, room

# One post at a time keeps the posts of a list in their order, and costs one refusal when the service starts to refuse.
BULK_AT_ONCE = 1
URGENT_AT_ONCE = 4


@dataclass(frozen=True)
class Waiting:
    """A message on hold that costs `recipients`.

    `queue_id` sorts by arrival (Postfix's long ids do). `not_before` is the time of its next try where it has been
    refused for a reason of its own; `suspect`: it was, again and again, for a reason that may as well be the service's.
    """

    queue_id: str
    list: str
    recipients: int
    urgent: bool
    not_before: float = 0
    suspect: bool = False


@dataclass(frozen=True)
class OnTheWay:
    """How many messages of an account Postfix is delivering."""

    bulk: int = 0
    urgent: int = 0


def choose(
    waiting: Iterable[Waiting],
    charges: Iterable[Charge],
    limits: Limits,
    on_the_way: OnTheWay,
    probing: bool,
    now: float,
) -> Waiting | None:
    """The message to release `now`, or None.

    Urgent mail goes first. Then the list that has had the least of this window goes, and of that list its oldest
    message. If there is no room for that one, nothing smaller overtakes it: big posts would never leave otherwise.
    `probing`: the account has just been refused; one message tries the ground before others follow.
    """
    charges = list(charges)
    ready = [message for message in waiting if message.not_before <= now]
    if probing and on_the_way.bulk + on_the_way.urgent:
        return None
    urgent = [message for message in ready if message.urgent]
    if urgent and on_the_way.urgent < URGENT_AT_ONCE:
        first = min(urgent, key=lambda message: (message.suspect, message.queue_id))
        if first.recipients <= room(charges, limits, now, urgent=True):
            return first
    bulk = [message for message in ready if not message.urgent]
    if bulk and on_the_way.bulk < BULK_AT_ONCE:
        first = next_in_turn(bulk, charges, limits, now)
        if first.recipients <= room(charges, limits, now, urgent=False):
            return first
    return None


def next_in_turn(bulk: Iterable[Waiting], charges: Iterable[Charge], limits: Limits, now: float) -> Waiting:
    """The message whose turn it is: of the list that has had least, the oldest; suspects after all others."""
    had = Counter()
    for charge in charges:
        if not charge.urgent and charge.counts(now, limits.window):
            had[charge.list] += charge.recipients
    return min(bulk, key=lambda message: (message.suspect, had[message.list], message.queue_id))

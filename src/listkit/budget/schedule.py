"""Which of the waiting messages of one account goes next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from listkit.budget.window import Charge, Limits, fits, had_by_list, opens_at

# One post at a time keeps the posts of a list in their order, and costs one refusal when the service starts to refuse.
BULK_AT_ONCE = 1
URGENT_AT_ONCE = 4
# So many releases ahead a list's next one is looked for: it costs time, and what lies further ahead is a guess.
FORESEEN_RELEASES = 100


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

    def has_place_for(self, message: Waiting) -> bool:
        """Whether one more of its kind may join them."""
        return self.urgent < URGENT_AT_ONCE if message.urgent else self.bulk < BULK_AT_ONCE


@dataclass(frozen=True)
class Probe:
    """The account has been refused: one message tries the ground before others follow.

    `list` and `urgent` are those of the probe before. If that was refused for its own sake, only another can tell.
    """

    list: str = ""
    urgent: bool = False

    def was_like(self, message: Waiting) -> bool:
        """Whether the probe before was of the same list and kind."""
        return (message.list, message.urgent) == (self.list, self.urgent)


def choose(
    waiting: Iterable[Waiting],
    charges: Iterable[Charge],
    limits: Limits,
    on_the_way: OnTheWay,
    probe: Probe | None,
    now: float,
) -> Waiting | None:
    """The message to release `now`, or None."""
    if probe and on_the_way != OnTheWay():
        return None
    charges = list(charges)
    for message in in_turn(waiting, charges, limits, probe, now):
        if on_the_way.has_place_for(message) and fits(charges, limits, now, message):
            return message
    return None


def opening(
    waiting: Iterable[Waiting], charges: Iterable[Charge], limits: Limits, probe: Probe | None, now: float
) -> float | None:
    """When there is room for the first that may go from `now` on; None when that hangs on a message on its way."""
    charges = list(charges)
    times = [opens_at(charges, limits, now, message) for message in in_turn(waiting, charges, limits, probe, now)]
    return min((time for time in times if time is not None), default=None)


def in_turn(
    waiting: Iterable[Waiting], charges: Iterable[Charge], limits: Limits, probe: Probe | None, now: float
) -> list[Waiting]:
    """The messages whose turn it is `now`: of each kind the first, urgent mail before posts.

    It is the oldest of the list that has had the least of this window for mail of this kind. If there is no room for
    that one, nothing smaller overtakes it: big posts would never leave otherwise.
    """
    ready = [message for message in waiting if message.not_before <= now]
    counting = [charge for charge in charges if charge.counts(now, limits.window)]
    had = {True: had_by_list(counting, urgent=True), False: had_by_list(counting, urgent=False)}

    def first_of_each_kind(messages: list[Waiting]) -> list[Waiting]:
        kinds = ([message for message in messages if message.urgent is urgent] for urgent in (True, False))
        return [min(kind, key=place) for kind in kinds if kind]

    def place(message: Waiting) -> tuple[bool, int, str]:
        return message.suspect, had[message.urgent][message.list], message.queue_id

    if not probe:
        return first_of_each_kind(ready)
    others = first_of_each_kind([message for message in ready if not probe.was_like(message)])
    others.sort(key=lambda message: message.urgent == probe.urgent)
    return others + first_of_each_kind([message for message in ready if probe.was_like(message)])


def foresee(
    waiting: Iterable[Waiting], charges: Iterable[Charge], limits: Limits, now: float, start: float
) -> dict[str, float]:
    """When the next message of each list may go, if none goes before `start`, no more come and nothing is refused.

    A list is missing when that lies more than `FORESEEN_RELEASES` ahead.
    """
    charges = [replace(charge, spent_at=now) if charge.spent_at is None else charge for charge in charges]

    def place(message: Waiting) -> tuple[float, bool, str]:
        return max(start, message.not_before), message.suspect, message.queue_id

    queues: dict[tuple[str, bool], list[Waiting]] = defaultdict(list)
    for message in sorted(waiting, key=place):
        queues[message.list, message.urgent].append(message)
    found, missing, moment = {}, {address for address, _ in queues}, start
    for _ in range(FORESEEN_RELEASES):
        heads = [queue[0] for queue in queues.values() if queue]
        if message := choose(heads, charges, limits, OnTheWay(), None, moment):
            queues[message.list, message.urgent].pop(0)
            charges.append(Charge(message.recipients, message.list, message.urgent, spent_at=moment))
            found.setdefault(message.list, moment)
            missing.discard(message.list)
        if not missing:
            break
        if not message:
            opens = opening(heads, charges, limits, None, moment)
            tries = [head.not_before for head in heads if head.not_before > moment]
            moment = min(tries if opens is None else [*tries, opens])
    return found

"""Which of the waiting messages of one account leaves next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from listkit.budget.window import Charge, Kind, Limits, fits, opens_at, sent_by_list

# One post at a time keeps a list's posts in order, and costs one refusal when the service begins to refuse.
AT_ONCE = {Kind.URGENT: 4, Kind.POST: 1, Kind.STRANGER: 1}
# Predicting more releases takes time, and the later ones are guesses.
PREDICTED_RELEASES = 100


@dataclass(frozen=True)
class Waiting:
    """A message on hold that costs `recipients`.

    `queue_id` sorts by arrival (Postfix's long ids do). `not_before`: when to try it again after a refusal of its own;
    `suspect`: it was refused several times, perhaps because of itself, perhaps because of the service.
    """

    queue_id: str
    list: str
    recipients: int
    kind: Kind
    not_before: float = 0
    suspect: bool = False


@dataclass(frozen=True)
class InDelivery:
    """The number of an account's messages that Postfix is delivering."""

    posts: int = 0
    urgent: int = 0
    strangers: int = 0

    def has_room_for(self, message: Waiting) -> bool:
        """Whether one more of this kind may be delivered at the same time."""
        count = {Kind.URGENT: self.urgent, Kind.POST: self.posts, Kind.STRANGER: self.strangers}[message.kind]
        return count < AT_ONCE[message.kind]


@dataclass(frozen=True)
class Probe:
    """The account was refused: a single message is tried before others follow.

    `list` and `kind` are those of the last probe. If it was refused because of itself, only another message can show.
    """

    list: str = ""
    kind: Kind = Kind.POST

    def was_like(self, message: Waiting) -> bool:
        """Whether the last probe was of the same list and kind."""
        return (message.list, message.kind) == (self.list, self.kind)


def next_message(
    waiting: Iterable[Waiting],
    charges: Iterable[Charge],
    limits: Limits,
    in_delivery: InDelivery,
    probe: Probe | None,
    now: float,
) -> Waiting | None:
    """Return the message to release `now`, or None."""
    if probe and in_delivery != InDelivery():
        return None
    charges = list(charges)
    for message in candidates(waiting, charges, limits, probe, now):
        if in_delivery.has_room_for(message) and fits(charges, limits, now, message):
            return message
    return None


def next_opening(
    waiting: Iterable[Waiting], charges: Iterable[Charge], limits: Limits, probe: Probe | None, now: float
) -> float | None:
    """Return when the first message fits, from `now` on; None if that depends on a message in delivery."""
    charges = list(charges)
    times = [opens_at(charges, limits, now, message) for message in candidates(waiting, charges, limits, probe, now)]
    return min((time for time in times if time is not None), default=None)


def candidates(
    waiting: Iterable[Waiting], charges: Iterable[Charge], limits: Limits, probe: Probe | None, now: float
) -> list[Waiting]:
    """Return the messages that may leave next: the first of each kind, urgent mail before posts.

    The first is the oldest message of the list that has used the least of this window for mail of this kind. If it
    does not fit, no smaller one overtakes it: otherwise large posts would never leave. Mail to strangers comes when no
    member's mail waits.
    """
    ready = [message for message in waiting if message.not_before <= now]
    counting = [charge for charge in charges if charge.counts(now, limits.window)]
    sent = {kind: sent_by_list(counting, kind) for kind in Kind}
    if any(message.kind != Kind.STRANGER for message in ready):
        ready = [message for message in ready if message.kind != Kind.STRANGER]

    def first_of_each_kind(messages: list[Waiting]) -> list[Waiting]:
        kinds = ([message for message in messages if message.kind == kind] for kind in AT_ONCE)
        return [min(kind, key=place) for kind in kinds if kind]

    def place(message: Waiting) -> tuple[bool, int, str]:
        return message.suspect, sent[message.kind][message.list], message.queue_id

    if not probe:
        return first_of_each_kind(ready)
    others = first_of_each_kind([message for message in ready if not probe.was_like(message)])
    others.sort(key=lambda message: message.kind == probe.kind)
    return others + first_of_each_kind([message for message in ready if probe.was_like(message)])


def predict_releases(
    waiting: Iterable[Waiting], charges: Iterable[Charge], limits: Limits, now: float, start: float
) -> dict[str, float]:
    """Return when each list's next message leaves, if none leaves before `start`, none arrives and none is refused.

    A list is absent if that is more than `PREDICTED_RELEASES` releases ahead.
    """
    charges = [replace(charge, spent_at=now) if charge.spent_at is None else charge for charge in charges]

    def place(message: Waiting) -> tuple[float, bool, str]:
        return max(start, message.not_before), message.suspect, message.queue_id

    queues: dict[tuple[str, Kind], list[Waiting]] = defaultdict(list)
    for message in sorted(waiting, key=place):
        queues[message.list, message.kind].append(message)
    found: dict[str, float] = {}
    missing, moment = {address for address, _ in queues}, start
    for _ in range(PREDICTED_RELEASES):
        heads = [queue[0] for queue in queues.values() if queue]
        if chosen := next_message(heads, charges, limits, InDelivery(), None, moment):
            queues[chosen.list, chosen.kind].pop(0)
            charges.append(Charge(chosen.recipients, chosen.list, chosen.kind, spent_at=moment))
            found.setdefault(chosen.list, moment)
            missing.discard(chosen.list)
        if not missing:
            break
        if not chosen:
            opens = next_opening(heads, charges, limits, None, moment)
            tries = [head.not_before for head in heads if head.not_before > moment]
            moment = min(tries if opens is None else [*tries, opens])
    return found

"""Which automatic answers may leave: what anyone can cause must not use up what the members need.

An answer over a limit is dropped. Waiting would only let the same mail leave on another day, and a stranger could fill
the queue for weeks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from listkit.budget.window import Kind, Limits
from listkit.common.answers import Answer

DAY_SECONDS = 86_400
HOUR_SECONDS = 3600
LONGEST_WAIT_SECONDS = 12 * HOUR_SECONDS
"""Mail to a stranger that has found no room for so long is dropped."""
MOST_PER_ACCOUNT = 5
"""Answers that the person of one account gets in a day: password resets, for instance."""


@dataclass(frozen=True)
class AnswerLimits:
    """The limits of all accounts: answers to an address in a day, and answers of a list in an hour."""

    per_recipient: int
    per_list_and_hour: int


@dataclass(frozen=True)
class Answered:
    """An automatic answer of `list` that was admitted `at` a time.

    `recipients`: their addresses, as `mailbox` returns them.
    """

    queue_id: str
    account: str
    answer: Answer
    list: str
    recipients: frozenset[str]
    at: float


def kind_of(answer: Answer) -> Kind:
    """Return how the window counts such an answer."""
    return Kind.STRANGER if answer is Answer.STRANGER else Kind.URGENT


def mailbox(address: str) -> str:
    """Return the address without what leads to the same mailbox: case, and a tag after a plus sign."""
    local, _, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def objection(new: Answered, before: Collection[Answered], limits: Limits, answer_limits: AnswerLimits) -> str | None:
    """Return why the answer must not leave after those `before` it, or None. The reason completes "more than …"."""
    day = [item for item in before if new.at - item.at < DAY_SECONDS]
    if reason := _objection_of_recipient(new, day, answer_limits):
        return reason
    if new.answer in (Answer.STRANGER, Answer.OWNERS):
        most = answer_limits.per_list_and_hour
        in_hour = [item for item in _like(new, day) if item.list == new.list and new.at - item.at < HOUR_SECONDS]
        if len(in_hour) >= most:
            return f"{most} of a list in an hour"
    return _objection_of_account(new, [item for item in before if new.at - item.at < limits.window], limits)


def _objection_of_recipient(new: Answered, day: Collection[Answered], limits: AnswerLimits) -> str | None:
    if new.answer is Answer.OWNERS:
        return None
    most = max(MOST_PER_ACCOUNT, limits.per_recipient) if new.answer is Answer.ACCOUNT else limits.per_recipient
    same = [item for item in _like(new, day) if item.recipients & new.recipients]
    if new.answer is Answer.MEMBER:
        same = [item for item in same if item.list == new.list]
    if len(same) < most:
        return None
    return f"{most} to an address in a day" + (" from a list" if new.answer is Answer.MEMBER else "")


def _objection_of_account(new: Answered, window: Collection[Answered], limits: Limits) -> str | None:
    share = {
        Answer.STRANGER: limits.strangers,
        Answer.OWNERS: limits.strangers,
        Answer.MEMBER: max(limits.reserve, limits.strangers),
    }.get(new.answer)
    if share is None:
        return None
    used = sum(len(item.recipients) for item in _like(new, window) if item.account == new.account)
    return f"{share} recipients of an account in a day" if used + len(new.recipients) > share else None


def _like(new: Answered, answers: Iterable[Answered]) -> list[Answered]:
    return [item for item in answers if item.answer is new.answer]

"""Admits automatic answers to the queue, or drops them, and tells the site's owner what was dropped."""

from __future__ import annotations

import logging
import math
from email.message import EmailMessage

from listkit.budget.answers import (
    DAY_SECONDS,
    HOUR_SECONDS,
    LONGEST_WAIT_SECONDS,
    Answered,
    AnswerLimits,
    kind_of,
    objection,
)
from listkit.budget.ledger import Dropped, Ledger
from listkit.budget.window import Kind, Limits
from listkit.common.answers import Answer

# So that the first summary has more than one message.
SUMMARY_AFTER_SECONDS = HOUR_SECONDS
SUBJECTS = {
    Answer.STRANGER: "answers to addresses that are not members'",
    Answer.MEMBER: "answers to members",
    Answer.ACCOUNT: "messages to accounts of the web interface",
    Answer.OWNERS: "messages to the owners",
}

log = logging.getLogger("listkit.budget")


class Admission:
    """Decides once on each answer. Its memory is in the ledger. `window`: the longest of the accounts."""

    def __init__(self, limits: AnswerLimits, ledger: Ledger, window: float) -> None:
        self._limits, self._ledger = limits, ledger
        self._remembered_seconds = max(window, DAY_SECONDS)
        self._answered: dict[str, Answered] = {}
        self._read_at = -math.inf

    def admits(self, new: Answered, limits: Limits) -> bool:
        """Whether the answer may leave. One that may not is counted for the summary."""
        self._forget_old(new.at)
        known = self._answered.get(new.queue_id)
        if known and not self._has_waited_too_long(known, new.at):
            return True
        waited = f"{LONGEST_WAIT_SECONDS // HOUR_SECONDS} hours of waiting"
        reason = waited if known else objection(new, self._answered.values(), limits, self._limits)
        if reason:
            log.info("%s is dropped: more than %s", new.queue_id, reason)
            self._ledger.drop(new.list, new.answer, reason, new.at)
            return False
        self._answered[new.queue_id] = new
        self._ledger.admit(new)
        return True

    def overdue(self, now: float) -> list[Answered]:
        """Return the answers that have waited too long, if they still wait."""
        return [item for item in self._answered.values() if self._has_waited_too_long(item, now)]

    @staticmethod
    def _has_waited_too_long(item: Answered, now: float) -> bool:
        return kind_of(item.answer) is Kind.STRANGER and now - item.at > LONGEST_WAIT_SECONDS

    def _forget_old(self, now: float) -> None:
        """Read the ledger again once an hour: what is too old for any limit is not read."""
        if 0 <= now - self._read_at < HOUR_SECONDS:
            return
        answers = self._ledger.answers(now - self._remembered_seconds)
        self._answered = {item.queue_id: item for item in answers}
        self._read_at = now

    # The summary

    def summary_due(self) -> float | None:
        """Return when the next summary is to be sent; None if nothing was dropped. There is one a day at most."""
        since = min((item.since for item in self._ledger.dropped()), default=None)
        if since is None:
            return None
        return max(since + SUMMARY_AFTER_SECONDS, self._ledger.summarised_at() + DAY_SECONDS)

    def take_summary(self, now: float) -> EmailMessage:
        """Return the summary of what was dropped, and begin the next one."""
        message = summary(self._ledger.dropped())
        self._ledger.summarise(now)
        return message


def summary(dropped: list[Dropped]) -> EmailMessage:
    """Return a message to the site's owner."""
    message = EmailMessage()
    total = sum(item.messages for item in dropped)
    message["Subject"] = f"{total} automatic messages were not sent"
    lines = [f"  {item.list}: {item.messages} {SUBJECTS[item.answer]}; more than {item.reason}" for item in dropped]
    message.set_content(
        "\n".join(
            [
                "Mail from outside caused more automatic mail than its limits allow. The excess was dropped.",
                "Posts to members are not affected. This summary comes at most once a day.",
                "",
                *lines,
                "",
                "Posts that wait for a moderator are in the web interface and in the moderators' daily summary.",
                "`listkit budget` has the figures; docs/runbooks/outbound.md explains the limits.",
            ]
        )
    )
    return message

"""Classification of the provider's refusals: the table of reply texts is `replies.json`.

A rule fits a text that its `pattern` matches, in a reply that begins with the digit `code` if there is one. Among those
that fit, a rule gives way to the rules that it `yields_to`, and a `fallback` to every rule that is none. What is left
gives the reason; the order of the table has no influence on it.

The role `relay` makes Postfix's table of the same rules, which turns every refusal that is not about a recipient into a
deferral. There the first rule that fits wins, so a rule stands below those that it yields to, and one about a recipient
below all others that do not yield to it. The patterns are written in the common part of Python's and POSIX's regular
expressions, without a slash.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files

from listkit.common.backoff import Backoff


class RefusalReason(StrEnum):
    """The reasons of refusals, the most severe first."""

    BAN = "ban"
    LOGIN = "login"
    QUOTA = "quota"
    SENDER = "sender"
    TRUST = "trust"
    POLICY = "policy"
    DOWN = "down"
    UNCLEAR = "unclear"
    LATER = "later"
    CONTENT = "content"
    RECIPIENT_LATER = "recipient later"
    RECIPIENT = "recipient"

    @property
    def concerns_account(self) -> bool:
        """Whether it holds for every message of the account, which therefore has to pause."""
        return self in PAUSES

    @property
    def may_concern_message(self) -> bool:
        """Whether another message might be accepted."""
        return self in (RefusalReason.UNCLEAR, RefusalReason.LATER, RefusalReason.CONTENT, RefusalReason.POLICY)

    @property
    def concerns_recipient(self) -> bool:
        """Whether it bounces in the end."""
        return self in (RefusalReason.RECIPIENT, RefusalReason.RECIPIENT_LATER)

    @property
    def may_have_been_counted(self) -> bool:
        """Whether the service may have counted the recipients although it gave no positive answer."""
        return self is RefusalReason.UNCLEAR


MINUTE, HOUR = 60, 3600
ADVICE = {
    RefusalReason.BAN: "write to the provider's support: the account or this host's address is banned",
    RefusalReason.LOGIN: "correct the account's password in the inventory, and run the playbook",
    RefusalReason.QUOTA: "find out which other program sends with this account, or lower its limit in the inventory",
    RefusalReason.SENDER: "create the missing alias at the provider",
    RefusalReason.TRUST: "correct relay_host or relay_ca_file, or remove the proxy: the certificate is invalid",
    RefusalReason.POLICY: "read the reply; if its reason is known, add it to replies.json",
    RefusalReason.DOWN: "wait; if it lasts, check the host's network and the provider's status page",
    RefusalReason.UNCLEAR: "wait",
    RefusalReason.LATER: "wait",
    RefusalReason.CONTENT: "read the message (postcat -q ID); if it cannot leave, delete it (postsuper -d ID)",
    RefusalReason.RECIPIENT_LATER: "wait: it bounces at the end of the queue's lifetime",
    RefusalReason.RECIPIENT: "wait: it bounces",
}
"""Remedies for the operator."""

PAUSES = {
    RefusalReason.BAN: Backoff(HOUR, 24 * HOUR),
    RefusalReason.LOGIN: Backoff(30 * MINUTE, 24 * HOUR),
    RefusalReason.QUOTA: Backoff(15 * MINUTE, 2 * HOUR),
    RefusalReason.TRUST: Backoff(5 * MINUTE, HOUR),
    RefusalReason.POLICY: Backoff(5 * MINUTE, 4 * HOUR),
    RefusalReason.DOWN: Backoff(30, 15 * MINUTE),
    RefusalReason.UNCLEAR: Backoff(MINUTE, 15 * MINUTE),
    RefusalReason.LATER: Backoff(MINUTE, 15 * MINUTE),
}
"""Pauses of an account."""

RETRIES = {
    RefusalReason.SENDER: Backoff(5 * MINUTE, 4 * HOUR),
    RefusalReason.CONTENT: Backoff(HOUR, 24 * HOUR),
    RefusalReason.RECIPIENT_LATER: Backoff(5 * MINUTE, 4 * HOUR),
    RefusalReason.RECIPIENT: Backoff(5 * MINUTE, 4 * HOUR),
}
"""Waiting times of a message that was refused because of itself or its list, while others leave."""

SUSPECT_RETRY = Backoff(15 * MINUTE, 4 * HOUR)
"""The same for a message that was refused several times, perhaps because of itself."""

MESSAGE_PAUSE = Backoff(MINUTE, MINUTE)
"""The pause of an account after a refusal that may concern only the message; the next one shows whether it does."""


@dataclass(frozen=True)
class Rule:
    """A rule of the table; the module describes the fields. `why`: for readers; `examples`: texts that it is to fit."""

    name: str
    reason: RefusalReason
    why: str
    pattern: str
    examples: tuple[str, ...]
    code: str = ""
    yields_to: tuple[str, ...] = ()
    fallback: bool = False

    def fits(self, text: str) -> bool:
        """Return whether the rule fits a reply. An address in it doesn't count, not even spam@example.com."""
        words = _without_addresses(text)
        return self.code in ("", _code(words)) and bool(re.search(self.pattern, words, re.IGNORECASE))


@cache
def rules() -> tuple[Rule, ...]:
    """Return the table; its last rule fits everything."""
    rows = json.loads((files("listkit.budget") / "replies.json").read_text(encoding="utf-8"))
    return tuple(
        Rule(**{
            **row,
            "reason": RefusalReason(row["reason"]),
            "examples": tuple(row["examples"]),
            "yields_to": tuple(row.get("yields_to", ())),
        })
        for row in rows
    )  # fmt: skip


def classify(text: str) -> RefusalReason:
    """Return the reason of a reply as Postfix records it; the most severe if the table is ambiguous about it."""
    return _classify(_without_addresses(text))


# The queue is read every few seconds, and its messages share a few replies.
@lru_cache(maxsize=512)
def _classify(words: str) -> RefusalReason:
    return min((rule.reason for rule in prevailing(words, rules())), key=_severity)


def prevailing(text: str, table: Sequence[Rule]) -> list[Rule]:
    """Return the rules that fit a text and yield to none of the others."""
    fitting = [rule for rule in table if rule.fits(text)]
    fitting = [rule for rule in fitting if not rule.fallback] or fitting
    names = {rule.name for rule in fitting}
    return [rule for rule in fitting if names.isdisjoint(rule.yields_to)]


def most_severe(texts: Iterable[str]) -> tuple[RefusalReason, str] | None:
    """Return the most severe reason among replies and the first reply that has it; None without replies."""
    found = [(classify(text), text) for text in texts]
    return min(found, key=lambda pair: _severity(pair[0])) if found else None


def _severity(reason: RefusalReason) -> int:
    return list(RefusalReason).index(reason)


def _without_addresses(text: str) -> str:
    return re.sub(r"<[^<>]*>", "<>", text)


def _code(text: str) -> str:
    """Return the first digit of the reply's code; "" when there was no reply."""
    found = re.search(r"(?:said|refused to talk to me): ([245])\d\d", text)
    return found[1] if found else ""

"""What an answer of the provider means: the one table of reply texts is `replies.json`.

The first row whose pattern fits a text gives its meaning. The role `relay` makes Postfix's table of the same rows,
which turns every refusal that isn't about a recipient into a deferral, so the patterns are written in what Python's
and POSIX's regular expressions have in common, and hold no slash. A row with a `code` fits only replies that begin
with this digit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files


class Meaning(StrEnum):
    """What a refusal is about, the gravest first."""

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
    def about_the_account(self) -> bool:
        """Whether no message of the account would fare better now, so that the account has to pause."""
        return self in PAUSES

    @property
    def perhaps_about_the_message(self) -> bool:
        """Whether another message might fare better."""
        return self in (Meaning.UNCLEAR, Meaning.LATER, Meaning.CONTENT, Meaning.POLICY)

    @property
    def about_a_recipient(self) -> bool:
        """Whether it bounces in the end."""
        return self in (Meaning.RECIPIENT, Meaning.RECIPIENT_LATER)

    @property
    def may_have_been_counted(self) -> bool:
        """Whether the service may have counted the recipients although it gave no positive answer."""
        return self is Meaning.UNCLEAR


@dataclass(frozen=True)
class Backoff:
    """Seconds of the first pause; each further one is twice as long, up to `longest`."""

    first: float
    longest: float

    def seconds(self, failures: int) -> float:
        """The pause after so many failures in a row; `failures` begins with 1."""
        return min(self.longest, self.first * 2 ** min(failures - 1, 30))


MINUTE, HOUR = 60, 3600
ADVICE = {
    Meaning.BAN: "stop and write to the provider's support: the account or this host's address is banned",
    Meaning.LOGIN: "check the account's password in the inventory, and deploy",
    Meaning.QUOTA: "the account sends mail that this host doesn't know of, or its limit is lower than configured",
    Meaning.SENDER: "create the missing alias at the provider",
    Meaning.TRUST: "the server's certificate isn't valid: look at relay_host, relay_ca_file and what lies in between",
    Meaning.POLICY: "read the reply; if it has a known meaning, it belongs into replies.json",
    Meaning.DOWN: "nothing, it passes; if it doesn't, look at the host's network and the provider's status page",
    Meaning.UNCLEAR: "nothing, it passes",
    Meaning.LATER: "nothing, it passes",
    Meaning.CONTENT: "look at the message (postcat -q ID); delete it with postsuper -d ID if it can't leave",
    Meaning.RECIPIENT_LATER: "nothing: after the queue's lifetime it becomes a bounce",
    Meaning.RECIPIENT: "nothing: it becomes a bounce",
}
"""What a person can do about it."""

PAUSES = {
    Meaning.BAN: Backoff(HOUR, 24 * HOUR),
    Meaning.LOGIN: Backoff(30 * MINUTE, 24 * HOUR),
    Meaning.QUOTA: Backoff(15 * MINUTE, 2 * HOUR),
    Meaning.TRUST: Backoff(5 * MINUTE, HOUR),
    Meaning.POLICY: Backoff(5 * MINUTE, 4 * HOUR),
    Meaning.DOWN: Backoff(30, 15 * MINUTE),
    Meaning.UNCLEAR: Backoff(MINUTE, 15 * MINUTE),
    Meaning.LATER: Backoff(MINUTE, 15 * MINUTE),
    # The next refusal is another message's: this one rests.
    Meaning.CONTENT: Backoff(MINUTE, MINUTE),
}
"""How long an account pauses."""

RETRIES = {
    Meaning.SENDER: Backoff(5 * MINUTE, 4 * HOUR),
    Meaning.CONTENT: Backoff(HOUR, 24 * HOUR),
    Meaning.RECIPIENT_LATER: Backoff(5 * MINUTE, 4 * HOUR),
    Meaning.RECIPIENT: Backoff(5 * MINUTE, 4 * HOUR),
}
"""How long a message rests that was refused for its own sake or its list's, while others go on."""

SUSPECT_RETRY = Backoff(15 * MINUTE, 4 * HOUR)
"""The same for a message that was refused again and again for what may be its own sake."""

SUSPECT_PAUSE = Backoff(MINUTE, MINUTE)
"""How long an account pauses that only such a message was refused of; the next message tells if it is more."""


@dataclass(frozen=True)
class Row:
    """One row of the table: texts that fit `pattern`, in replies that begin with `code`, mean `meaning`."""

    meaning: Meaning
    why: str
    pattern: str
    examples: tuple[str, ...]
    code: str = ""

    def fits(self, text: str) -> bool:
        """Whether this row is about the reply `text`. An address in it says nothing, not even spam@example.com's."""
        words = re.sub(r"<[^<>]*>", "<>", text)
        return self.code in ("", _code(text)) and bool(re.search(self.pattern, words, re.IGNORECASE))


@cache
def table() -> tuple[Row, ...]:
    """The rows, in the order in which they are tried; the last one fits everything."""
    rows = json.loads((files("listkit.budget") / "replies.json").read_text(encoding="utf-8"))
    return tuple(Row(**{**row, "meaning": Meaning(row["meaning"]), "examples": tuple(row["examples"])}) for row in rows)


def read(text: str) -> Meaning:
    """What a reply, as Postfix records it, means."""
    return next(row.meaning for row in table() if row.fits(text))


def gravest(texts: Iterable[str]) -> tuple[Meaning, str] | None:
    """The gravest meaning among replies and the first reply that has it; None without replies."""
    found = [(read(text), text) for text in texts]
    return min(found, key=lambda pair: list(Meaning).index(pair[0])) if found else None


def _code(text: str) -> str:
    """The first digit of the reply's code; empty when nobody replied."""
    found = re.search(r"(?:said|refused to talk to me): ([245])\d\d", text)
    return found[1] if found else ""

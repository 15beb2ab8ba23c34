"""The mail service's own verdicts on a message that it received: spam, and a forged sender (DMARC).

The service writes its fields above what was there. Whether it removes a sender's fields of the same names isn't
confirmed, so the top-most verdict counts, and `genuine` removes the others before a message is read any further.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.message import Message

from listkit.common.message.header import Field

AUTHENTICATION_RESULTS = "authentication-results"
SPAM = "x-infomaniak-spam"
SERVICE = "mx.infomaniak.com"
"""The service's name in Authentication-Results (RFC 8601)."""
IS_SPAM = re.compile(r"spam|yes|true", re.IGNORECASE)

_NOT_A_RESULT = re.compile(r"\([^()]*\)|\"[^\"]*\"")
_SERVICE = re.compile(r"\s*([^\s;]+)(?:\s+\d+)?\s*(?:;|$)")
_RESULT = re.compile(r";\s*([a-z0-9-]+)\s*=\s*([a-z]+)", re.IGNORECASE)


def genuine(fields: Iterable[Field]) -> tuple[Field, ...]:
    """Return the fields without verdicts in the service's name that stand below its own."""
    kept: list[Field] = []
    seen: set[str] = set()
    for field in fields:
        verdicts = _verdicts(field.name, field.value)
        if verdicts and verdicts & seen:
            continue
        seen |= verdicts
        kept.append(field)
    return tuple(kept)


def _verdicts(name: str, value: str) -> set[str]:
    """Return what a field in the service's name is about: "spam", "dmarc", "spf" …; nothing for any other field."""
    if name == SPAM:
        return {"spam"}
    if name == AUTHENTICATION_RESULTS and _is_service(value):
        # Without a result it says that nothing was checked.
        return {method for method, _ in results(value)} or {"none"}
    return set()


def results(value: str) -> list[tuple[str, str]]:
    """Return the methods and their results in a value of Authentication-Results, in lower case."""
    return [(method.lower(), result.lower()) for method, result in _RESULT.findall(_NOT_A_RESULT.sub(" ", value))]


def suspicion(message: Message) -> str | None:
    """Return why the service's verdicts ask for a moderator; None if they don't."""
    if IS_SPAM.match(str(message.get(SPAM, "")).strip()):
        return "The mail provider marked the message as spam"
    values = [str(value) for value in message.get_all(AUTHENTICATION_RESULTS, [])]
    verdicts = [result for value in values if _is_service(value) for result in results(value)]
    if dict(reversed(verdicts)).get("dmarc") == "fail":
        return "The sender's address may be forged: the mail provider reports that DMARC fails"
    return None


def remove(message: Message) -> None:
    """Remove the verdicts from a message that is sent on: they were about its receipt."""
    del message[SPAM]
    others = [value for value in message.get_all(AUTHENTICATION_RESULTS, []) if not _is_service(str(value))]
    del message[AUTHENTICATION_RESULTS]
    for value in others:
        message["Authentication-Results"] = value


def _is_service(value: str) -> bool:
    found = _SERVICE.match(_NOT_A_RESULT.sub(" ", value))
    return found is not None and found[1].lower() == SERVICE

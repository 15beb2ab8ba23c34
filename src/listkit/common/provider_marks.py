"""The mail service's own assessments of a message that it received: spam, and a forged sender (DMARC).

The service writes its fields above what was there. Whether it removes a sender's fields of the same names isn't
confirmed, so the top-most assessment counts, and `genuine` removes the others before a message is read any further.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.message import Message

from listkit.common import authentication_results
from listkit.common.message.header import Field

SPAM = "x-infomaniak-spam"
IS_SPAM = re.compile(r"spam|yes|true", re.IGNORECASE)


def genuine(fields: Iterable[Field]) -> tuple[Field, ...]:
    """Return the fields without the assessments in the service's name that stand below its own."""
    kept: list[Field] = []
    seen: set[str] = set()
    for field in fields:
        assessments = _assessments(field.name, field.value)
        if assessments and assessments & seen:
            continue
        seen |= assessments
        kept.append(field)
    return tuple(kept)


def _assessments(name: str, value: str) -> set[str]:
    """Return what a field in the service's name is about: "spam", "dmarc", "spf" …; nothing for any other field."""
    if name == SPAM:
        return {"spam"}
    if name != authentication_results.NAME:
        return set()
    results = authentication_results.of_service(value)
    if results is None:
        return set()
    # Without a result it says that nothing was checked.
    return {result.method for result in results} or {"none"}


def suspicion(message: Message) -> str | None:
    """Return the reason in the service's assessments to ask a moderator; None if there isn't one."""
    if IS_SPAM.match(str(message.get(SPAM, "")).strip()):
        return "The mail provider marked the message as spam"
    values = [str(value) for value in message.get_all(authentication_results.NAME, [])]
    results = [result for value in values for result in authentication_results.of_service(value) or ()]
    if next((one.result for one in results if one.method == "dmarc"), "") == "fail":
        return "The sender's address may be forged: the mail provider reports that DMARC fails"
    return None


def remove(message: Message) -> None:
    """Remove the assessments from a message that is sent on: they were about its receipt."""
    del message[SPAM]
    values = message.get_all(authentication_results.NAME, [])
    others = [value for value in values if authentication_results.of_service(str(value)) is None]
    del message[authentication_results.NAME]
    for value in others:
        message["Authentication-Results"] = value

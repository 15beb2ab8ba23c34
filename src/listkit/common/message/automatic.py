"""Mail that no person wrote (RFC 3834): never answered, no command, and not posted if it answers another message."""

from __future__ import annotations

from email.message import Message

REPORTS = ("delivery-status", "disposition-notification")
REPLY_HEADERS = ("x-autoreply", "x-autorespond", "x-autoresponse", "x-list-administrivia")
"""The last one is on Mailman's own notices: a list that is a member of another one is welcomed like all members."""
BULK = ("bulk", "junk", "auto_reply")


def is_automatic_reply(message: Message) -> bool:
    """Whether the message answers another one by itself: an absence notice, or a report about delivery or reading."""
    if _value(message, "auto-submitted").startswith("auto-replied") or _value(message, "precedence") == "auto_reply":
        return True
    return any(name in message for name in REPLY_HEADERS) or _is_report(message)


def is_automatic(message: Message) -> bool:
    """Whether no person sent the message: what answers it, or does what it says, may answer a program in a loop."""
    submitted = _value(message, "auto-submitted")
    return (
        is_automatic_reply(message)
        or (submitted not in ("", "no") and not submitted.startswith("no "))
        or _value(message, "precedence") in BULK
        or "x-auto-response-suppress" in message
        # The LMTP runner writes the envelope's sender there; a report has none.
        or ("x-mailfrom" in message and not _value(message, "x-mailfrom").strip("<>"))
    )


def _is_report(message: Message) -> bool:
    if message.get_content_type() != "multipart/report":
        return False
    kind = message.get_param("report-type", "")
    return isinstance(kind, str) and kind.lower() in REPORTS


def _value(message: Message, name: str) -> str:
    return str(message.get(name, "")).strip().lower()

"""The form in which Mailman gets a message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from listkit.bridge.cleaning import ORIGINAL_ID_HEADER, CleanMessage
from listkit.bridge.message import DELIVERY_HEADER

_REPLACED = frozenset({DELIVERY_HEADER.lower(), "message-id"})


def made_message_id(identity: bytes, domain: str) -> str:
    """Make a Message-ID from a content, so that another attempt makes the same."""
    return f"<{identity.hex()[:32]}@{domain}>"


def rendered(message: CleanMessage, spool: BinaryIO, delivery: str, message_id: str) -> Iterator[bytes]:
    """Yield the message in blocks of whole lines.

    The delivery header stands on top and nowhere else: a stranger who writes one can't make Mailman believe that it has
    a post already.
    """
    top = f"{DELIVERY_HEADER}: {delivery}\r\nMessage-ID: {message_id}\r\n"
    own_id = message.first("message-id")
    if own_id not in ("", message_id):
        top += f"{ORIGINAL_ID_HEADER}: {own_id}\r\n"
    yield top.encode() + b"".join(field.raw for field in message.fields if field.name not in _REPLACED) + b"\r\n"
    yield from message.body(spool)

"""The form in which Mailman gets a message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from listkit.bridge.identity import DELIVERY_HEADER
from listkit.common.message.cleaning import CleanMessage


def made_message_id(identity: bytes, domain: str) -> str:
    """Make a Message-ID from a content, so that another attempt makes the same."""
    return f"<{identity.hex()[:32]}@{domain}>"


def rendered(message: CleanMessage, spool: IO[bytes], delivery: str, made_id: str) -> Iterator[bytes]:
    """Yield the message in blocks of whole lines; `made_id` is the Message-ID of one that has none.

    The delivery header stands on top and nowhere else: a stranger who writes one can't make Mailman believe that it has
    a post already.
    """
    top = f"{DELIVERY_HEADER}: {delivery}\r\n"
    if not message.first("message-id"):
        top += f"Message-ID: {made_id}\r\n"
    rest = b"".join(field.raw for field in message.fields if field.name != DELIVERY_HEADER.lower())
    yield top.encode() + rest + b"\r\n"
    yield from message.body(spool)

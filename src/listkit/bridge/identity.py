"""The identity of a message's content, and of each delivery of it: what recognises copies and repetitions."""

from __future__ import annotations

import hashlib
from typing import IO

from listkit.common.message.header import Header

DELIVERY_HEADER = "X-Listkit-Delivery"

_CHUNK_OCTETS = 65_536

# The fields that their author wrote. Trace fields (Received, Delivered-To, …) differ between two copies of one message;
# Resent-* make a deliberate second sending another message.
_AUTHORS_FIELDS = (
    "message-id", "date", "from", "sender", "reply-to", "to", "cc", "subject", "in-reply-to", "references",
    "mime-version", "content-type", "content-transfer-encoding", "resent-message-id", "resent-date", "resent-from",
)  # fmt: skip


def content_identity(header: Header, spool: IO[bytes], internal_date: str) -> bytes:
    """Name a message by its content, so that its copies have one name and any other message has another.

    Two copies that the mail service made of one sending agree in what the author wrote, and in nothing that was added
    on the way. Without a Message-ID that isn't enough to tell two sendings apart ("backup done" every night), so the
    first hop's Received, or else the time of arrival, is counted in.
    """
    digest = hashlib.sha256()
    for field in header.fields:
        if field.name in _AUTHORS_FIELDS:
            _add(digest, field.name, field.value)
    if not header.first("message-id"):
        received = [field.value for field in header.fields if field.name == "received"]
        _add(digest, "first seen", received[-1] if received else internal_date)
    spool.seek(header.body_offset)
    body = hashlib.sha256()
    while chunk := spool.read(_CHUNK_OCTETS):
        body.update(chunk)
    digest.update(body.digest())
    return digest.digest()


def _add(digest: hashlib._Hash, name: str, value: str) -> None:
    octets = value.encode("ascii", "surrogateescape")
    digest.update(f"{name}:{len(octets)}:".encode() + octets)


def delivery_id(identity: bytes, recipient: str, replay: str = "") -> str:
    """Name the delivery of one content to one recipient; the same at every attempt and on every host.

    replay: names a deliberate second posting (see docs/runbooks/bridge.md, "Replay"), empty otherwise.
    """
    return hashlib.sha256(identity + b"\0" + recipient.encode() + b"\0" + replay.encode()).hexdigest()[:40]

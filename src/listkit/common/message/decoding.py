"""Headers of other people's messages, read without an exception whatever is in them."""

from __future__ import annotations

import email.header
import email.utils
import re
from email.message import Message
from typing import Any

NO_SUBJECT = "(no subject)"
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]+")


def decode_header(header: Any) -> list[tuple]:
    """Do what `email.header.decode_header` does; text that it, or `make_header`, cannot decode stays as it is."""
    try:
        pieces = email.header.decode_header(header)
        text = str(email.header.make_header(pieces))
    except (email.errors.MessageError, LookupError, ValueError):
        return [(_printable(str(header)), None)]
    return [(_printable(text), None)] if CONTROL_CHARACTERS.search(text) or _has_surrogates(text) else pieces


def make_header(pieces: Any, *arguments: Any, **more: Any) -> email.header.Header:
    """Do what `email.header.make_header` does; the text of unknown charsets is read as UTF-8."""
    try:
        return email.header.make_header(pieces, *arguments, **more)
    except (email.errors.MessageError, LookupError, ValueError):
        text = "".join(piece if isinstance(piece, str) else piece.decode("utf-8", "replace") for piece, _ in pieces)
        return email.header.make_header([(_printable(text), None)], *arguments, **more)


def formataddr(pair: tuple[str, str], *arguments: Any, **more: Any) -> str:
    """Do what `email.utils.formataddr` does; an address outside ASCII becomes an empty group (RFC 6857)."""
    try:
        return email.utils.formataddr(pair, *arguments, **more)
    except UnicodeError:
        name, address = pair
        label = f"{name} {address}" if name else address
        return f"{email.header.Header(_printable(label), 'utf-8', maxlinelen=998).encode()}:;"


def text(value: object) -> str:
    """Return a header's value as readable text of one line; "" where there is none."""
    if value is None:
        return ""
    return " ".join(str(make_header(decode_header(value))).split())


def subject(message: Message) -> str:
    """Return the subject as readable text of one line, and something to show where there is none."""
    return text(message.get("subject")) or NO_SUBJECT


def _printable(value: str) -> str:
    readable = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return CONTROL_CHARACTERS.sub(" ", readable)


def _has_surrogates(value: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in value)

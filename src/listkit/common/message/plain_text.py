"""A post as plain text, for an archive that refuses the original."""

from __future__ import annotations

import re
from email.message import EmailMessage, Message
from email.policy import SMTP
from email.utils import format_datetime, formataddr, parseaddr, parsedate_to_datetime

from listkit.common.message import decoding

NOTE = "[The archive could not store the original message. This is its text, without attachments.]"
LONGEST_SUBJECT = 200
LONGEST_NAME = 100
MESSAGE_IDS = re.compile(r"<[!-;=?-~]{1,250}>")
ADDRESS = re.compile(r"[!-?A-~]+@[!-?A-~]+")


def simplified(message: Message) -> EmailMessage:
    """Return a message with the same Message-ID, a short ASCII-safe header, and the text of `message`."""
    simple = EmailMessage(policy=SMTP)
    simple["Message-ID"] = str(message["message-id"]).strip()
    name, address = parseaddr(decoding.text(message["from"]))
    address = address if ADDRESS.fullmatch(address) else "unknown@example.com"
    simple["From"] = formataddr((name[:LONGEST_NAME], address))
    simple["Subject"] = decoding.text(message["subject"])[:LONGEST_SUBJECT]
    if date := _date(message):
        simple["Date"] = date
    for field in ("In-Reply-To", "References"):
        if ids := MESSAGE_IDS.findall(str(message.get(field, ""))):
            simple[field] = " ".join(ids[-10:])
    simple.set_content(f"{NOTE}\n\n{_text(message)}")
    return simple


def _date(message: Message) -> str:
    try:
        return format_datetime(parsedate_to_datetime(str(message["date"])))
    except (TypeError, ValueError, OverflowError, IndexError):
        return ""


def _text(message: Message) -> str:
    texts = []
    for part in message.walk():
        if part.get_content_type() != "text/plain" or part.get_filename():
            continue
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            texts.append(_decoded(content, part.get_content_charset("utf-8")))
    return "\n\n".join(texts)


def _decoded(content: bytes, charset: str) -> str:
    try:
        text = content.decode(charset, "replace")
    except (LookupError, ValueError):
        text = content.decode("utf-8", "replace")
    return text.replace("\0", "")

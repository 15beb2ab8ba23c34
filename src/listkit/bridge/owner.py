"""Mail for the site owner: sent on through the local relay, in a form that survives DMARC and can't go in circles.

The relay may only send as the mailbox's own account, and a stranger's From would fail DMARC at the owner's server: so
From becomes the account, and the stranger stands in Reply-To.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO

from listkit.bridge.identity import DELIVERY_HEADER
from listkit.common.answers import HEADER as ANSWER_HEADER
from listkit.common.answers import Answer
from listkit.common.message.addresses import addresses_in
from listkit.common.message.cleaning import CleanMessage
from listkit.common.message.header import Header
from listkit.common.submission_rules import MOST_HOPS

LOOP_HEADER = "X-Listkit-Owner-Copy"
_ARCHIVES = frozenset({"zip", "gz", "tgz", "tar", "7z", "rar"})

# Fields that vouch for the first sender, or ask the owner's server for an answer.
_DROPPED = frozenset({
    "from", "sender", "reply-to", "return-path", "delivered-to", "dkim-signature", "domainkey-signature",
    "disposition-notification-to", "return-receipt-to", "errors-to", LOOP_HEADER.lower(), DELIVERY_HEADER.lower(),
    ANSWER_HEADER.lower(),
})  # fmt: skip


def reason_to_keep(header: Header) -> str:
    """Say why a message must not be sent on to the site owner, or return an empty string."""
    if header.first(LOOP_HEADER.lower()):
        return "it was sent on to the site owner before"
    if any(field.name == "return-path" and field.value == "<>" for field in header.fields):
        return "bounces aren't sent on to the site owner: they could be of the copy itself"
    if header.first("auto-submitted").lower().startswith("auto-replied"):
        return "automatic answers aren't sent on to the site owner: they could be to the copy itself"
    return ""


def objection(message: CleanMessage, forbidden: Iterable[str]) -> str:
    """Say why the mail service would refuse the message, or return an empty string. forbidden: extensions of files."""
    hops = sum(field.name == "received" for field in message.fields)
    if hops > MOST_HOPS:
        return f"it has passed {hops} mail servers, of at most {MOST_HOPS}, so the mail service would refuse it"
    if file := _unsendable_file(message.file_names, forbidden):
        return f"the mail service would refuse the attachment {file!r}"
    return ""


def _unsendable_file(file_names: Iterable[str], forbidden: Iterable[str]) -> str:
    """Find a file with a forbidden extension. An archive may hold such files; it isn't opened here."""
    suspect = {extension.lower().lstrip(".") for extension in forbidden}
    suspect |= _ARCHIVES if suspect else frozenset()
    return next((name for name in file_names if name.rstrip(". ").rpartition(".")[2].lower() in suspect), "")


def forwarded(message: CleanMessage, spool: IO[bytes], account: str) -> Iterator[bytes]:
    """Yield the message as the site owner gets it, in blocks of whole lines."""
    senders = addresses_in(message.first("from"))
    answers = addresses_in(message.first("reply-to")) or senders
    name = senders[0].replace("@", " at ") if senders else "an unknown sender"
    top = [f'From: "{name} via {account.replace("@", " at ")}" <{account}>']
    if answers:
        top.append(f"Reply-To: {', '.join(answers[:5])}")
    top.append(f"{LOOP_HEADER}: {account}")
    # Anyone can write to the site owner: the outbound budget limits it like mail to a list's owners.
    top.append(f"{ANSWER_HEADER}: {Answer.OWNERS}")
    yield "".join(f"{line}\r\n" for line in top).encode()
    yield b"".join(field.raw for field in message.fields if field.name not in _DROPPED) + b"\r\n"
    yield from message.body(spool)

"""A list's archive can be downloaded with any content.

HyperKitty writes each post as a message again. Where Python refuses to, because of a line separator in a subject for
instance, the download ended after 10 octets, with status 200.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from email.message import EmailMessage

from listkit.common.patching import Patch, Target

FIELDS = ("subject", "sender_name", "in_reply_to")
NOTE = "[This post could not be exported with its attachments.]"

log = logging.getLogger("hyperkitty.export")


def _apply() -> None:
    from hyperkitty.models import Email

    Email.as_message = _on_one_line(Email.as_message)
    Email.as_bytes = _always(Email.as_bytes)


def one_line(text: str | None) -> str | None:
    """Return a text without line breaks of any kind."""
    return " ".join(text.splitlines()) if text else text


def _on_one_line(original: Callable) -> Callable:
    @functools.wraps(original)
    def as_message(self, *args, **options):
        kept = {name: getattr(self, name) for name in FIELDS}
        try:
            for name, value in kept.items():
                setattr(self, name, one_line(value))
            return original(self, *args, **options)
        finally:
            for name, value in kept.items():
                setattr(self, name, value)

    return as_message


def _always(original: Callable) -> Callable:
    @functools.wraps(original)
    def as_bytes(self):
        try:
            return original(self)
        except Exception:
            log.exception("post %s is exported as text", self.message_id)
            return text_only(self)

    return as_bytes


def text_only(post) -> bytes:
    """Return a post of HyperKitty's as a message with its text only, as it is in an mbox."""
    message = EmailMessage()
    message["From"] = post.sender.address.encode("ascii", "replace").decode()
    message["To"] = post.mailinglist.name
    message["Subject"] = one_line(post.subject) or ""
    message["Date"] = post.date
    message["Message-ID"] = f"<{''.join(post.message_id.encode('ascii', 'ignore').decode().split())}>"
    message.set_content(f"{NOTE}\n\n{post.content.encode('utf-8', 'replace').decode()}", cte="base64")
    return f"From {message['From']} {post.archived_date:%a %b %d %H:%M:%S %Y}\n".encode() + message.as_bytes()


PATCH = Patch(
    name="archive-export",
    purpose="A line separator in one subject makes the download of a list's archive a broken file.",
    upstream="none filed",
    read_in=("hyperkitty 1.3.7", "hyperkitty 1.3.12"),
    fallback="The archive of a list with such a post can't be downloaded.",
    targets=(
        Target("hyperkitty.models:Email.as_message", "(self, escape_addresses=True)"),
        Target("hyperkitty.models:Email.as_bytes", "(self)"),
    ),
    apply=_apply,
)

"""A post without a subject is archived with words in its place, and one that is only a file as an attachment.

HyperKitty stores and shows "None" for a missing subject, and the octets of a picture or a PDF file as the post's text.
"""

from __future__ import annotations

import functools
from email.message import EmailMessage, Message

from listkit.common.message import decoding
from listkit.common.patching import Patch, Target


def wrap(add_to_list):
    """Wrap HyperKitty's function of this name."""

    @functools.wraps(add_to_list)
    def add_readable(list_name, message, *arguments, **more):
        """See `hyperkitty.lib.incoming`."""
        make_readable(message)
        return add_to_list(list_name, message, *arguments, **more)

    return add_readable


def make_readable(message: Message) -> None:
    """Give the message a subject, and a file that is all of it a place among attachments."""
    if not decoding.text(message.get("subject")):
        del message["subject"]
        message["Subject"] = decoding.NO_SUBJECT
    is_file = message.get_content_maintype() not in ("text", "multipart", "message")
    if is_file and isinstance(message, EmailMessage):
        message.make_mixed()


def _apply() -> None:
    from hyperkitty.lib import incoming
    from hyperkitty.views import mailman

    mailman.add_to_list = incoming.add_to_list = wrap(incoming.add_to_list)


PATCH = Patch(
    name="readable-posts",
    purpose='The archive shows "None" for a missing subject, and the octets of a post that is a picture or a PDF file '
    "as its text.",
    upstream="none filed",
    read_in=("hyperkitty 1.3.7", "hyperkitty 1.3.12"),
    fallback="The archive shows such posts like that.",
    targets=(
        Target("hyperkitty.lib.incoming:add_to_list", "(list_name, message, from_import=False)"),
        Target("hyperkitty.views.mailman:add_to_list", "(list_name, message, from_import=False)"),
    ),
    apply=_apply,
)

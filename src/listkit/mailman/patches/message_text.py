"""A message with a charset that can't be used still has a text: for moderation, the size limit and the log."""

from __future__ import annotations

import functools

from listkit.common.patching import Patch, Target


def wrap(message_class) -> None:
    """Wrap the method of Mailman's `Message`."""
    message_class.as_string = _as_string(message_class.as_string)


def _as_string(original):
    @functools.wraps(original)
    def as_string_or_bytes(self):
        """See `email.message.Message`."""
        try:
            return original(self)
        except Exception:  # the standard library documents none, and raises CharsetError and others
            return self.as_bytes().decode("utf-8", "replace")

    return as_string_or_bytes


def _apply() -> None:
    from mailman.email.message import Message

    wrap(Message)


PATCH = Patch(
    name="message-text",
    purpose="One held post with an impossible charset makes its list's moderation page an error.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="The moderation page of a list with such a held post is an error, unless the bridge has cleaned the post.",
    targets=(
        Target("mailman.email.message:Message.as_string", "(self)"),
        Target("mailman.email.message:Message.as_bytes", "(self)"),
    ),
    apply=_apply,
)

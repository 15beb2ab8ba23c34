"""Mailman's LMTP runner accepts each delivery of the bridge once; see `listkit.mailman.lmtp`."""

from __future__ import annotations

from listkit.common.patching import Patch, Target


def _apply() -> None:
    from mailman.runners import lmtp

    from listkit.mailman.lmtp import LMTPRunner

    lmtp.LMTPRunner = LMTPRunner


PATCH = Patch(
    name="lmtp-once",
    purpose="A delivery that is repeated after a crash is posted twice; temporary failures are answered with 550; "
    "lines of more than 1,000 octets are refused.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="Mailman's own runner accepts the mail: a crash can double a post, and unusual messages are refused.",
    targets=(
        Target("mailman.runners.lmtp:LMTPHandler.handle_DATA", "(self, server, session, envelope)"),
        Target("mailman.runners.lmtp:LMTPHandler._handle_DATA"),
        Target("mailman.runners.lmtp:LMTPHandler._handle_RCPT"),
        Target("mailman.runners.lmtp:LMTPController.factory", "(self)"),
        Target("mailman.runners.lmtp:LMTPRunner.__init__", "(self, name, slice=None)"),
        Target("mailman.runners.lmtp:LMTPRunner.run", "(self)"),
        Target("mailman.runners.lmtp:LMTP"),
        Target("mailman.runners.lmtp:CRLF"),
        Target("mailman.runners.lmtp:split_recipient", "(address)"),
    ),
    apply=_apply,
)

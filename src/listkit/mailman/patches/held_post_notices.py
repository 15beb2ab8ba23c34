"""Moderators hear of a held post at once while few wait, and of many in the daily summary."""

from __future__ import annotations

import functools
import logging

from listkit.common.patching import Patch, Target
from listkit.mailman import answers

log = logging.getLogger("mailman.vette")


def wrap(hold_chain_class, notification_class, is_notice_of_many) -> None:
    """Wrap the method of Mailman's `HoldChain`, and for as long as it runs, that of `UserNotification`."""
    original, send = hold_chain_class._process, notification_class.send
    holding = []

    @functools.wraps(original)
    def process(self, mlist, msg, msgdata):
        """See `TerminalChainBase`."""
        holding.append(mlist)
        try:
            return original(self, mlist, msg, msgdata)
        finally:
            holding.pop()

    @functools.wraps(send)
    def send_unless_many(self, mlist, *, add_precedence=True, **more):
        """See `UserNotification`."""
        if holding and is_notice_of_many(mlist, self):
            log.info("NOTICE: %s has many held posts; the daily summary reports this one", mlist.fqdn_listname)
            return
        send(self, mlist, add_precedence=add_precedence, **more)

    hold_chain_class._process = process
    notification_class.send = send_unless_many


def _apply() -> None:
    from mailman.chains.hold import HoldChain
    from mailman.email.message import UserNotification

    wrap(HoldChain, UserNotification, answers.is_notice_of_many)


PATCH = Patch(
    name="held-post-notices",
    purpose="Each held post brings its moderators a notice: 500 spams are 500 notices for each of them.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="Moderators get a notice of each held post, as far as the limit for mail to owners allows.",
    targets=(
        Target("mailman.chains.hold:HoldChain._process", "(self, mlist, msg, msgdata)"),
        Target("mailman.email.message:UserNotification.send", "(self, mlist, *, add_precedence=True, **_kws)"),
        Target("mailman.interfaces.requests:IListRequests"),
        Target("mailman.interfaces.requests:RequestType.held_message"),
    ),
    apply=_apply,
)

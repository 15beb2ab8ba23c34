"""Notify the author of a refused post if the mail service vouches for the address, else the owners of the list.

Mailman answers the address in From, which anyone can forge. A summary for the owners goes out with the daily
`mailman notify`.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from pathlib import Path

from listkit.common.patching import Patch, Target
from listkit.common.vouching import vouched_author
from listkit.mailman.refusals import Refusal, Refusals, summary

log = logging.getLogger("mailman.vette")


def bounce_vouched(original, refusals: Callable[[], Refusals], format_reasons):
    """Wrap Mailman's `bounce_message`."""

    @functools.wraps(original)
    def bounce_or_record(mlist, msg, error=None):
        """See `mailman.app.bounces`."""
        author = vouched_author((name.lower(), str(value)) for name, value in msg.items())
        if author and author == msg.sender:
            original(mlist, msg, error)
            return
        refusals().add(mlist.list_id, Refusal.of(msg, _reason(error, format_reasons)))
        log.info("REFUSED: %s; the owners get a summary: the author is not verified", msg.get("message-id", "n/a"))

    return bounce_or_record


def _reason(error, format_reasons) -> str:
    """The words of a `RejectMessage`; without reasons, its text is all that there is."""
    if error is None:
        return ""
    return "; ".join(format_reasons(error.reasons)) if error.reasons else error.message or ""


def notify_and_summarise(original, refusals: Callable[[], Refusals], lists: Callable[[], list], send):
    """Wrap the command `mailman notify`. `send(list, subject, text)`: write to the list's owners."""

    @functools.wraps(original)
    def notify(*, list_ids, dry_run, verbose):
        """See `mailman.commands.cli_notify`."""
        original(list_ids=list_ids, dry_run=dry_run, verbose=verbose)
        for mlist in [] if list_ids or dry_run else lists():
            with refusals().taken(mlist.list_id) as (described, count):
                if count:
                    send(mlist, *summary(mlist.posting_address, described, count))

    return notify


def _records() -> Refusals:
    from mailman.config import config

    return Refusals(Path(config.DATA_DIR) / "refused")


def _lists() -> list:
    from mailman.interfaces.listmanager import IListManager
    from zope.component import getUtility

    return list(getUtility(IListManager).mailing_lists)


def _send(mlist, subject: str, text: str) -> None:
    from mailman.email.message import OwnerNotification

    OwnerNotification(mlist, subject, text, roster=mlist.administrators).send(mlist)


def _apply() -> None:
    from mailman.chains import reject
    from mailman.commands import cli_notify
    from mailman.core import pipelines
    from mailman.core.i18n import format_reasons

    for module in (reject, pipelines):
        module.bounce_message = bounce_vouched(module.bounce_message, _records, format_reasons)
    cli_notify.notify.callback = notify_and_summarise(cli_notify.notify.callback, _records, _lists, _send)


PATCH = Patch(
    name="refusal-notices",
    purpose="Mailman sends the reason of a refusal to the address in From, which a spammer has forged.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="People whose addresses are forged get answers to mail that they have not written.",
    targets=(
        Target("mailman.chains.reject:bounce_message", "(mlist, msg, error=None)"),
        Target("mailman.core.pipelines:bounce_message", "(mlist, msg, error=None)"),
        Target("mailman.core.i18n:format_reasons", "(reasons)"),
        Target("mailman.commands.cli_notify:notify.callback", "(ctx, list_ids, dry_run, verbose)"),
        Target("mailman.interfaces.listmanager:IListManager"),
        Target(
            "mailman.email.message:OwnerNotification.__init__", "(self, mlist, subject=None, text=None, roster=None)"
        ),
    ),
    apply=_apply,
)

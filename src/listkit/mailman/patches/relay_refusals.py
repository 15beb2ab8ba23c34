"""A message that the relay refuses because of its content doesn't count as a bounce of its recipients.

Mailman counts the refusal as a bounce of each member, and drops the message; where its size is the reason, it retries
for days before that. Here it is shunted, so that it stays and `listkit check` reports it, and the owners are informed.
"""

from __future__ import annotations

import functools
import logging
import smtplib

from listkit.common.patching import Patch, Target
from listkit.mailman.relay_refusals import MessageRefused, notice, reason

log = logging.getLogger("mailman.error")


def wrap(connection_class, delivery_class, notify) -> None:
    """Wrap the methods of Mailman's `Connection` and `BaseDelivery`. `notify(list, subject, text)`: tell the owners."""
    connection_class.sendmail = _sendmail(connection_class.sendmail)
    delivery_class._deliver_to_recipients = _deliver_to_recipients(delivery_class._deliver_to_recipients, notify)


def _sendmail(original):
    @functools.wraps(original)
    def sendmail_or_raise(self, envsender, recipients, msg):
        """See `Connection`. Raises MessageRefused."""
        try:
            return original(self, envsender, recipients, msg)
        except smtplib.SMTPException as error:
            if why := reason(error):
                raise MessageRefused(why) from error
            raise

    return sendmail_or_raise


def _deliver_to_recipients(original, notify):
    @functools.wraps(original)
    def deliver_or_notify(self, mlist, msg, msgdata, recipients):
        """See `BaseDelivery`. Raises MessageRefused."""
        try:
            return original(self, mlist, msg, msgdata, recipients)
        except MessageRefused as error:
            # Of mail to the owners themselves only the shunt queue informs.
            if msgdata.get("to_list") or msgdata.get("isdigest"):
                try:
                    notify(mlist, *notice(mlist.posting_address, msg, str(error)))
                except Exception:
                    log.exception("The owners of %s can't be informed", mlist.list_id)
            raise

    return deliver_or_notify


def _notify(mlist, subject: str, text: str) -> None:
    from mailman.email.message import OwnerNotification

    OwnerNotification(mlist, subject, text, roster=mlist.administrators).send(mlist)


def _apply() -> None:
    from mailman.mta.base import BaseDelivery
    from mailman.mta.connection import Connection

    wrap(Connection, BaseDelivery, _notify)


PATCH = Patch(
    name="relay-refusals",
    purpose="A post whose content or size the relay refuses counts as a bounce of every member, and is lost.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="Such a post is lost, and its members have a bounce more.",
    targets=(
        Target("mailman.mta.connection:Connection.sendmail", "(self, envsender, recipients, msg)"),
        Target("mailman.mta.base:BaseDelivery._deliver_to_recipients", "(self, mlist, msg, msgdata, recipients)"),
        Target(
            "mailman.email.message:OwnerNotification.__init__", "(self, mlist, subject=None, text=None, roster=None)"
        ),
    ),
    apply=_apply,
)

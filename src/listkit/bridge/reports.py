"""Reports of what was not delivered: a summary, at most once a day, to each list's owners or to the site owner.

Nothing is ever sent to the author, whose address may be forged.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime, make_msgid

from listkit.bridge.context import MailboxContext
from listkit.bridge.delivery import DeliveryAgent, MailmanUnavailable
from listkit.bridge.journal import Refusal
from listkit.bridge.smtp import Reply, SmtpError

log = logging.getLogger(__name__)

_MOST_LINES = 40


class Reporter:
    """Reports what was not delivered from one mailbox, `Intervals.report_seconds` apart."""

    def __init__(self, context: MailboxContext, agent: DeliveryAgent) -> None:
        self._context = context
        self._agent = agent
        self._looked = float("-inf")

    def report_if_due(self) -> None:
        """Send the reports that are due; one that can't be sent is due again. Raises `sqlite3.Error`."""
        intervals = self._context.intervals
        if time.monotonic() - self._looked < intervals.report_delay_seconds:
            return
        self._looked = time.monotonic()
        account, interval = self._context.account, intervals.report_seconds
        due = self._context.journal.due_refusals(account, interval, intervals.report_delay_seconds)
        for addressee, refusals in due.items():
            try:
                reply = self._send(addressee, refusals)
            except (MailmanUnavailable, SmtpError) as error:
                log.warning("%s: can't report what was not delivered: %s", account, error)
                continue
            if reply.code >= 400:
                log.warning("%s: the report to %s was refused: %s", account, addressee or "the site owner", reply)
            if not 400 <= reply.code < 500:
                self._context.journal.mark_reported(account, addressee, refusals)

    def _send(self, addressee: str, refusals: Sequence[Refusal]) -> Reply:
        message = composed(self._context.account, addressee, refusals)
        return self._agent.report(addressee, message.as_bytes(policy=SMTP))


def composed(account: str, addressee: str, refusals: Sequence[Refusal]) -> EmailMessage:
    """Write the report to a list's owners, or to the site owner."""
    count = f"{len(refusals)} message{'s' * (len(refusals) != 1)}"
    message = EmailMessage()
    message["From"] = f"Mail delivery <{account}>"
    message["To"] = addressee or "undisclosed-recipients:;"
    message["Subject"] = f"{count} not delivered"
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid(domain=account.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    lines = [_line(refusal) for refusal in refusals[:_MOST_LINES]]
    if len(refusals) > _MOST_LINES:
        lines.append(f"... and {len(refusals) - _MOST_LINES} more.")
    message.set_content(
        f"{count} that arrived in the mailbox {account} could not be delivered:\n\n"
        + "\n\n".join(lines)
        + "\n\nEach is kept for a while in the folder of the mailbox that is named with it. To have one delivered, the"
        " administrator moves it to the folder Replay.\nThere is at most one such report a day.\n"
    )
    return message


def _line(refusal: Refusal) -> str:
    return (
        f"- From: {refusal.author or 'unknown'}\n  Subject: {refusal.subject or '(none)'}\n"
        f"  Folder: {refusal.folder}\n  Reason: {refusal.reason}"
    )

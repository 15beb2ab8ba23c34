"""Reports of what was not delivered: a summary, at most once a day, to the author, a list's owners or the site owner.

The author is informed where the mail service vouches for the address (`listkit.common.vouching`): others may be forged.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime, make_msgid

from listkit.bridge.addressee import Addressee
from listkit.bridge.context import MailboxContext
from listkit.bridge.delivery import DeliveryAgent
from listkit.bridge.journal import Refusal
from listkit.bridge.lmtp import MailmanUnavailable
from listkit.bridge.smtp import Reply, SmtpError
from listkit.common.answers import HEADER, Answer

log = logging.getLogger(__name__)

AUTOMATIC = "automatic mail, which Mailman discards"
"""The reason of what is only counted."""

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
        for key, refusals in due.items():
            addressee = Addressee.of(key)
            try:
                reply = self._send(addressee, refusals)
            except (MailmanUnavailable, SmtpError) as error:
                log.warning("%s: can't report what was not delivered: %s", account, error)
                continue
            if reply.code >= 400:
                log.warning("%s: the report to %s was refused: %s", account, addressee, reply)
            if not 400 <= reply.code < 500:
                self._context.journal.mark_reported(account, key, refusals)

    def _send(self, addressee: Addressee, refusals: Sequence[Refusal]) -> Reply:
        account = self._context.account
        compose = composed_for_author if addressee.is_author else composed
        return self._agent.report(addressee, compose(account, addressee, refusals).as_bytes(policy=SMTP))


def composed(account: str, addressee: Addressee, refusals: Sequence[Refusal]) -> EmailMessage:
    """Write the report to a list's owners, or to the site owner."""
    undelivered = [refusal for refusal in refusals if refusal.reason != AUTOMATIC]
    message = _headed(account, addressee, len(undelivered), len(refusals) - len(undelivered))
    message["Auto-Submitted"] = "auto-generated"
    paragraphs = []
    if undelivered:
        paragraphs += [
            f"{_messages(len(undelivered))} that arrived in the mailbox {account} could not be delivered:",
            *_listed(map(_line, undelivered)),
            "Each is kept for a while in the folder of the mailbox that is named with it. To have one delivered, the"
            " administrator moves it to the folder Replay.",
        ]
    if discarded := len(refusals) - len(undelivered):
        paragraphs.append(
            f"{_messages(discarded)} from programs (absence notices, delivery reports) were neither posted nor"
            " carried out as commands. They are in the folder Processed."
        )
    message.set_content("\n\n".join([*paragraphs, "There is at most one such report a day.\n"]))
    return message


def composed_for_author(account: str, addressee: Addressee, refusals: Sequence[Refusal]) -> EmailMessage:
    """Write the notice to the author."""
    message = _headed(account, addressee, len(refusals))
    message["Auto-Submitted"] = "auto-replied"
    message[HEADER] = Answer.STRANGER
    lines = [f"- Subject: {refusal.subject or '(none)'}\n  Reason: {refusal.reason}" for refusal in refusals]
    message.set_content(
        "\n\n".join([
            f"{_messages(len(refusals))} from your address could not be delivered:",
            *_listed(lines),
            "The mail service confirmed that you are the author. There is at most one such notice a day.\n",
        ])
    )  # fmt: skip
    return message


def _headed(account: str, addressee: Addressee, undelivered: int, discarded: int = 0) -> EmailMessage:
    message = EmailMessage()
    message["From"] = f"Mail delivery <{account}>"
    message["To"] = addressee.address or "undisclosed-recipients:;"
    what = (
        f"{_messages(undelivered)} not delivered" if undelivered else f"{_messages(discarded)} from programs discarded"
    )
    message["Subject"] = what
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid(domain=account.rpartition("@")[2])
    message["X-Auto-Response-Suppress"] = "All"
    return message


def _messages(count: int) -> str:
    return f"{count} message{'s' * (count != 1)}"


def _listed(lines: Iterable[str]) -> list[str]:
    """The first of the lines, and how many more there are."""
    lines = list(lines)
    more = [f"... and {len(lines) - _MOST_LINES} more."] if len(lines) > _MOST_LINES else []
    return lines[:_MOST_LINES] + more


def _line(refusal: Refusal) -> str:
    return (
        f"- From: {refusal.author or 'unknown'}\n  Subject: {refusal.subject or '(none)'}\n"
        f"  Folder: {refusal.folder}\n  Reason: {refusal.reason}"
    )

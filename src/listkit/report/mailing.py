"""The monthly mail to the site's owner. It waits for the sending budget like all mail of this host."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid

from listkit.common.durable import write_durably
from listkit.common.endpoints import RELAY_SMTP
from listkit.report.configuration import Configuration
from listkit.report.store import Store

RELAY = RELAY_SMTP.address
SECONDS = 60
MAILED = "mailed"
"""The file, beside the records, with the last month whose report was mailed."""


class NotMailed(Exception):
    """The relay did not accept the mail; the text has the reason."""


def is_due(store: Store, month: str) -> bool:
    """Whether there are records of this month, which is over, and its report was not mailed."""
    marker = store.directory / MAILED
    return bool(store.days(month)) and (not marker.exists() or marker.read_text().strip() != month)


def mark(store: Store, month: str) -> None:
    """Record that the month's report was mailed."""
    write_durably(store.directory / MAILED, f"{month}\n")


def send(configuration: Configuration, sender: str, month: str, text: str) -> None:
    """Mail a report to the site's owner. sender: an account of the mail service. Raises NotMailed."""
    site = configuration.site
    message = EmailMessage()
    message["From"], message["To"] = sender, configuration.mail_to
    message["Subject"] = f"Report of {site} for {month}"
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid("report", site)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{text}\n\ndocs/runbooks/report.md explains the figures.\n")
    try:
        with smtplib.SMTP(*RELAY, timeout=SECONDS) as smtp:
            smtp.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise NotMailed(f"the relay does not accept mail: {error}; `listkit check --only relay`") from error

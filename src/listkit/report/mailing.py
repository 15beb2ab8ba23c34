"""The monthly mail to the site's owner. It waits for the sending budget like all mail of this host."""

from __future__ import annotations

import subprocess
from email.message import EmailMessage

from listkit.common.durable import write_durably
from listkit.report.store import Store

SENDMAIL = ("sendmail", "-i", "root")
"""Mail to root goes to the site's owner."""
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


def send(site: str, month: str, text: str) -> None:
    """Mail a report to the site's owner. Raises NotMailed."""
    message = EmailMessage()
    message["Subject"] = f"Report of {site} for {month}"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{text}\n\ndocs/runbooks/report.md explains the figures.\n")
    try:
        answer = subprocess.run(SENDMAIL, input=message.as_bytes(), capture_output=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotMailed(str(error)) from error
    if answer.returncode:
        raise NotMailed(answer.stderr.decode(errors="replace").strip() or f"sendmail ended with {answer.returncode}")

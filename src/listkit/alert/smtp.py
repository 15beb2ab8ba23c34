"""Sending a message by an SMTP account: always over TLS, always with a login."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid
from urllib.parse import unquote, urlsplit

from listkit.alert.message import Message

SCHEMES = ("smtps", "smtp")
"""TLS from the first byte on, and STARTTLS."""
_PORTS = {"smtps": 465, "smtp": 587}
TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class Account:
    """An SMTP account, and who gets its mail. login: also the sender's address."""

    scheme: str
    host: str
    port: int
    login: str
    recipient: str

    @classmethod
    def of(cls, url: str) -> Account:
        """Read `smtps://LOGIN@HOST:PORT/RECIPIENT`; the port may be missing. Raises ValueError."""
        parts = urlsplit(url)
        login, recipient = unquote(parts.username or ""), unquote(parts.path.removeprefix("/"))
        if parts.scheme not in SCHEMES or not parts.hostname or "@" not in login or "@" not in recipient:
            raise ValueError("not smtps://LOGIN@HOST/RECIPIENT")
        return cls(parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme], login, recipient)


def send(message: Message, account: Account, password: str) -> None:
    """Send a message. Raises OSError and SMTPException."""
    context = ssl.create_default_context()
    if account.scheme == "smtps":
        with smtplib.SMTP_SSL(account.host, account.port, timeout=TIMEOUT_SECONDS, context=context) as smtp:
            _submit(smtp, message, account, password)
    else:
        with smtplib.SMTP(account.host, account.port, timeout=TIMEOUT_SECONDS) as smtp:
            smtp.starttls(context=context)
            _submit(smtp, message, account, password)


def _submit(smtp: smtplib.SMTP, message: Message, account: Account, password: str) -> None:
    smtp.login(account.login, password)
    smtp.send_message(compose(message, account))


def compose(message: Message, account: Account) -> EmailMessage:
    """Write the mail. No automatic reply answers it."""
    mail = EmailMessage()
    mail["From"] = account.login
    mail["To"] = account.recipient
    mail["Subject"] = message.title
    mail["Date"] = format_datetime(localtime())
    mail["Message-ID"] = make_msgid("alert", account.login.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"
    if message.urgent:
        mail["Importance"] = "high"
    mail.set_content(f"{message.text}\n")
    return mail

# SPDX-License-Identifier: MIT
"""Connections to the mail service: one try each, as it bans addresses that insist; and causes of failures."""

from __future__ import annotations

import imaplib
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SUBMISSION_PORT, SUBMISSION_TLS_PORT, IMAP_PORT = 587, 465, 993
REFUSED_ADVICE = (
    "It must be a device password of this mailbox: Manager > Mail Service > the mailbox > Devices. The password of the "
    "Manager and application passwords don't work. Don't try again before it is corrected: the service bans addresses "
    "that insist."
)
BLOCKED_ADVICE = "Let the host's firewall and the cloud's security group open connections to it."


class MailError(Exception):
    """The service can't be used; the text has the cause and the advice."""


@dataclass(frozen=True)
class Account:
    """A mailbox and the service that has it; `ca_file` is an additional authority."""

    address: str
    password: str
    host: str
    smtp_port: int = SUBMISSION_PORT
    imap_port: int = IMAP_PORT
    ca_file: str | None = None
    timeout: float = 20


@contextmanager
def submission(account: Account) -> Iterator[smtplib.SMTP]:
    """Log in to the submission service and yield the connection. Raises MailError."""
    with _causes(account, account.smtp_port):
        connection = _connected(account)
    try:
        with _causes(account, account.smtp_port):
            _log_in(connection, account)
        yield connection
    finally:
        connection.close()


def _log_in(connection: smtplib.SMTP, account: Account) -> None:
    # `login` of smtplib tries a refused password again with every other mechanism.
    connection.ehlo_or_helo_if_needed()
    connection.user, connection.password = account.address, account.password
    connection.auth("PLAIN", connection.auth_plain)


def _connected(account: Account) -> smtplib.SMTP:
    context = _context(account)
    if account.smtp_port == SUBMISSION_TLS_PORT:
        return smtplib.SMTP_SSL(account.host, account.smtp_port, timeout=account.timeout, context=context)
    connection = smtplib.SMTP(account.host, account.smtp_port, timeout=account.timeout)
    try:
        connection.starttls(context=context)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def mailbox(account: Account) -> Iterator[imaplib.IMAP4_SSL]:
    """Log in to the mailbox and yield the connection. Raises MailError."""
    with _causes(account, account.imap_port):
        context = _context(account)
        connection = imaplib.IMAP4_SSL(account.host, account.imap_port, ssl_context=context, timeout=account.timeout)
    try:
        with _causes(account, account.imap_port):
            connection.login(account.address, account.password)
        yield connection
    finally:
        connection.shutdown()


def _context(account: Account) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if account.ca_file:
        context.load_verify_locations(account.ca_file)
    return context


@contextmanager
def _causes(account: Account, port: int) -> Iterator[None]:
    """Turn every error of the block into a MailError with its cause."""
    where = f"{account.host}:{port}"
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        raise _refused(account, where, f"{error.smtp_code} {_text(error.smtp_error)}") from error
    except ssl.SSLCertVerificationError as error:
        raise MailError(
            f"{where}: the certificate isn't trusted: {error.verify_message}. Check the host's clock and its package "
            "ca-certificates; if both are right, the service has to renew it."
        ) from error
    except ConnectionRefusedError as error:
        raise MailError(f"{where}: nothing listens there: {error}. Check mail_host and mail_port.") from error
    except TimeoutError as error:
        raise MailError(f"{where}: no answer within {account.timeout:.0f} s. {BLOCKED_ADVICE}") from error
    except imaplib.IMAP4.error as error:
        raise _refused(account, where, _text(error.args[0] if error.args else "")) from error
    except (smtplib.SMTPException, OSError) as error:
        raise MailError(f"{where}: {error}. Check mail_host, and https://infomaniakstatus.com.") from error


def _refused(account: Account, where: str, answer: str) -> MailError:
    return MailError(f"{where} refuses the password of {account.address}: {answer}. {REFUSED_ADVICE}")


def _text(answer: object) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    return " ".join(text.split()).rstrip(".")

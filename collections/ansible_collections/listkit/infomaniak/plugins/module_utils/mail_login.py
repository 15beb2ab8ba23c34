# SPDX-License-Identifier: MIT
"""Connections to the mail service: one try each, as it bans addresses that insist; and causes of failures."""

from __future__ import annotations

import imaplib
import smtplib
import socket
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
OPTIONS = {
    "address": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "host": {"type": "str", "default": "mail.infomaniak.com"},
    "port": {"type": "int", "default": SUBMISSION_PORT},
    "authority": {"type": "str"},
}
"""The argument spec of modules that log in; the doc fragment `login` documents it."""


class MailError(Exception):
    """The service can't be used; the text has the cause and the advice."""


class PasswordRefused(MailError):
    """The service knows the mailbox and refuses the password, or knows neither."""


@dataclass(frozen=True)
class Account:
    """A mailbox and the service that has it; `authority` is the certificate of an additional one, as PEM."""

    address: str
    password: str
    host: str
    smtp_port: int = SUBMISSION_PORT
    imap_host: str | None = None
    imap_port: int = IMAP_PORT
    authority: str | None = None
    timeout: float = 20


@contextmanager
def submission(account: Account) -> Iterator[smtplib.SMTP]:
    """Log in to the submission service and yield the connection. Raises MailError."""
    with _causes(account, account.host, account.smtp_port):
        connection = _connected(account)
    try:
        with _causes(account, account.host, account.smtp_port):
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
    host, port = account.imap_host or account.host, account.imap_port
    with _causes(account, host, port):
        connection = imaplib.IMAP4_SSL(host, port, ssl_context=_context(account), timeout=account.timeout)
    try:
        with _causes(account, host, port):
            connection.login(account.address, account.password)
        yield connection
    finally:
        connection.shutdown()


def problems(account: Account) -> list[str]:
    """Log in once by SMTP and once by IMAP, and return what fails; a refused password isn't tried again."""
    found: list[str] = []
    for connect in (submission, mailbox):
        try:
            with connect(account):
                pass
        except PasswordRefused as error:
            return [*found, str(error)]
        except MailError as error:
            found.append(str(error))
    return found


def _context(account: Account) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if account.authority:
        context.load_verify_locations(cadata=account.authority)
    return context


@contextmanager
def _causes(account: Account, host: str, port: int) -> Iterator[None]:
    """Turn every error of the block into a MailError with its cause."""
    where = f"{host}:{port}"
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        raise _refused(account, where, f"{error.smtp_code} {_text(error.smtp_error)}") from error
    except ssl.SSLCertVerificationError as error:
        raise MailError(
            f"{where}: the certificate isn't trusted: {error.verify_message}. Check the host's clock and its package "
            "ca-certificates; if both are right, the service has to renew it."
        ) from error
    except socket.gaierror as error:
        raise MailError(f"{where}: the name has no address: {error.strerror}. Check mail_host.") from error
    except ConnectionRefusedError as error:
        raise MailError(f"{where}: nothing listens there. Check mail_host and mail_port.") from error
    except TimeoutError as error:
        raise _silent(account, where) from error
    except imaplib.IMAP4.error as error:
        raise _refused(account, where, _text(error.args[0] if error.args else "")) from error
    except (smtplib.SMTPException, OSError) as error:
        # smtplib hides what went wrong while it read an answer.
        if isinstance(error.__context__, TimeoutError):
            raise _silent(account, where) from error
        raise MailError(f"{where}: {error}. Check mail_host, and https://infomaniakstatus.com.") from error


def _silent(account: Account, where: str) -> MailError:
    return MailError(f"{where}: no answer within {account.timeout:g} s. {BLOCKED_ADVICE}")


def _refused(account: Account, where: str, answer: str) -> PasswordRefused:
    return PasswordRefused(f"{where} refuses the password of {account.address}: {answer}. {REFUSED_ADVICE}")


def _text(answer: object) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    return " ".join(text.split()).rstrip(".")

"""Mail for the lists of this host, handed to Mailman's own LMTP server instead of the relay."""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Iterable

from mailman.config import config
from mailman.interfaces.listmanager import IListManager
from mailman.runners.lmtp import split_recipient
from zope.component import getUtility

from listkit.mailman.temporary_errors import is_temporary

TIMEOUT_SECONDS = 60

log = logging.getLogger("mailman.smtp")


def of_lists(recipients: Iterable[str]) -> set[str]:
    """Return those of `recipients` that are addresses of lists, posting or other; none while the database is away.

    An error here would set the message aside, since its delivery has begun. The relay can deliver it, too.
    """
    try:
        return _of_lists(recipients)
    except Exception as error:
        if not is_temporary(error):
            raise
        config.db.abort()
        return set()


def _of_lists(recipients: Iterable[str]) -> set[str]:
    lists = set(getUtility(IListManager).names)
    domains = {address.rpartition("@")[2] for address in lists}
    # Few are in those domains, and each look at one is a query.
    candidates = [recipient for recipient in recipients if recipient.rpartition("@")[2].lower() in domains]
    return {candidate for candidate in candidates if _is_list_address(candidate.lower(), lists)}


def _is_list_address(address: str, lists: set[str]) -> bool:
    if address in lists:
        return True
    name, subaddress, domain = split_recipient(address)
    return bool(subaddress) and f"{name}@{domain}" in lists


def deliver(sender: str, recipients: Iterable[str], content: bytes) -> dict[str, tuple[int, bytes]]:
    """Hand `content` over for each recipient; return those that were refused, as `smtplib.SMTP.sendmail` does."""
    refused: dict[str, tuple[int, bytes]] = {}
    for recipient in sorted(recipients):
        try:
            with smtplib.LMTP(config.mta.lmtp_host, int(config.mta.lmtp_port), timeout=TIMEOUT_SECONDS) as lmtp:
                lmtp.sendmail(sender, [recipient], content)
        except smtplib.SMTPRecipientsRefused as error:
            refused.update(error.recipients)
        except smtplib.SMTPResponseException as error:
            text = error.smtp_error
            refused[recipient] = error.smtp_code, text if isinstance(text, bytes) else text.encode()
        except (OSError, smtplib.SMTPException) as error:
            log.error("%s can't be handed over now: %s", recipient, error)
            refused[recipient] = 444, str(error).encode()
    return refused

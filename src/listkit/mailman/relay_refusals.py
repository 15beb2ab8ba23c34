"""A message that the relay refuses as a whole, because of its content and not of its recipients."""

from __future__ import annotations

import smtplib

from listkit.common.message import decoding

NOTICE = """\
The mail server on the list's own host refused a message to {address}, so it was not sent to everyone:

    From:    {author}
    Subject: {subject}
    Reason:  {reason}

The archive may have it. The server's administrator finds the message with `listkit check`.
Sending it again helps only once the reason is gone.
"""
_LONGEST_REASON = 500


class MessageRefused(Exception):
    """The relay refuses a message's content or size for good. Not an `SMTPException`: Mailman catches those."""


def reason(error: smtplib.SMTPException) -> str:
    """Return the relay's words if it refused the message itself for good, and nothing otherwise."""
    # In answer to MAIL it refuses the size; Mailman's sender is always one that it accepts.
    if not isinstance(error, smtplib.SMTPDataError | smtplib.SMTPSenderRefused) or error.smtp_code < 500:
        return ""
    text = error.smtp_error
    words = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    return f"{error.smtp_code} {' '.join(words.split())}"[:_LONGEST_REASON]


def notice(address: str, message, why: str) -> tuple[str, str]:
    """Return the subject and the text of the notice to the owners of the list at `address`."""
    subject = decoding.subject(message)
    author = decoding.text(message.get("from")) or "unknown"
    text = NOTICE.format(address=address, author=author, subject=subject, reason=why)
    return f"A message to {address} was not sent", text

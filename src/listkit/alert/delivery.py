"""Sending a message: to ntfy, to a webhook, by SMTP; and the heartbeat."""

from __future__ import annotations

import json
import smtplib
import urllib.error
import urllib.request
from email.header import Header

from listkit.alert import smtp
from listkit.alert.message import Message

NTFY = "ntfy+"
"""Before the URL of a topic of ntfy."""
TIMEOUT_SECONDS = 20
_LONGEST_TEXT = 3500
"""ntfy makes an attachment of what is longer than 4096 octets."""


class DeliveryError(Exception):
    """The message was not accepted. The text has no URL: it may contain a token."""


def send(message: Message, url: str, password: str = "") -> None:
    """Send a message. password: that of an SMTP account. Raises DeliveryError."""
    if url.startswith(tuple(f"{scheme}://" for scheme in smtp.SCHEMES)):
        _mail(message, url, password)
    elif url.startswith(NTFY):
        headers = {
            "Title": Header(message.title, "utf-8").encode(),
            "Priority": "high" if message.urgent else "default",
        }
        _request(url.removeprefix(NTFY), message.text[:_LONGEST_TEXT].encode(), headers)
    else:
        body = {"title": message.title, "text": f"{message.title}\n{message.text}", "urgent": message.urgent}
        _request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})


def beat(url: str) -> None:
    """Tell a dead-man's switch that the alerts work. Raises DeliveryError."""
    _request(url, None, {})


def _mail(message: Message, url: str, password: str) -> None:
    try:
        smtp.send(message, smtp.Account.of(url), password)
    except smtplib.SMTPAuthenticationError as error:
        raise DeliveryError(f"the mail server refuses login or password ({error.smtp_code})") from error
    except UnicodeEncodeError as error:
        raise DeliveryError("login or password has characters other than ASCII, which SMTP can't send") from error
    except (OSError, ValueError) as error:  # SMTPException is an OSError
        raise DeliveryError(str(error) or type(error).__name__) from error


def _request(url: str, body: bytes | None, headers: dict[str, str]) -> None:
    request = urllib.request.Request(url, body, headers)  # noqa: S310 -- the operator's URL, validated as https
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 -- as above
            answer.read(1)
    except urllib.error.HTTPError as error:
        with error:
            raise DeliveryError(f"answer {error.code} {error.reason}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise DeliveryError(str(reason) or type(error).__name__) from error

"""A message through Mailman on a host that stands by: from where the bridge would hand it over to Postfix's queue."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Callable, Iterable

from listkit.canary.configuration import Canary
from listkit.canary.round_trip import CLOCK_SECONDS, SMTP_SECONDS, compose
from listkit.canary.trip import LEGS
from listkit.common.endpoints import CORE_LMTP
from listkit.trace import relay
from listkit.trace.event import Event, bare

LEG = LEGS[2]
WAIT_SECONDS = 1.0


class Failed(Exception):
    """Mailman has not handled the message; the text says why, for people."""


def make(canary: Canary, patience_seconds: float, events: Callable[[float], Iterable[Event]] = relay.events) -> float:
    """Hand a message to Mailman; return after how many seconds Postfix had its copy. Raises Failed."""
    message = compose(canary)
    begin = time.time()
    try:
        with smtplib.LMTP(CORE_LMTP.host, CORE_LMTP.port, timeout=SMTP_SECONDS) as lmtp:
            lmtp.send_message(message, canary.account, [canary.list_address])
    except (OSError, smtplib.SMTPException) as error:
        raise Failed(f"Mailman does not accept mail: {error}; `listkit check --only core` says more") from error
    while True:
        for event in events(begin - CLOCK_SECONDS):
            if bare(event.message_id) == bare(message["Message-ID"]):
                return max(0.0, event.time - begin)
        if time.time() - begin > patience_seconds:
            raise Failed(f"Mailman has not sent {message['Message-ID']} on within {patience_seconds:.0f} s")
        time.sleep(WAIT_SECONDS)

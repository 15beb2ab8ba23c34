"""Mail that anyone on the Internet can send, by the hundred."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from deployment import Deployment
from infomaniak.service import POSTFIX_IDLE

# One connection: a process for each message would be the slowest part of a flood.
_SEND = """
import json, smtplib, sys
from email.message import EmailMessage
from email.utils import localtime, make_msgid
with smtplib.SMTP("127.0.0.1", 10025) as server:
    for mail in json.load(sys.stdin):
        message = EmailMessage()
        message["From"], message["To"] = mail["sender"], mail["recipient"]
        message["Subject"], message["Date"], message["Message-ID"] = mail["subject"], localtime(), make_msgid()
        for name, value in mail["headers"].items():
            message[name] = value
        message.set_content(mail["body"])
        server.sendmail(mail["sender"], [mail["recipient"]], message.as_bytes())
"""


@dataclass(frozen=True)
class Forged:
    """A message in somebody's name."""

    sender: str
    recipient: str
    subject: str = "Please"
    body: str = "Hello.\n"
    headers: dict[str, str] = field(default_factory=dict)


def send(deployment: Deployment, mails: Iterable[Forged]) -> None:
    """Hand the messages to their senders' server, which delivers them in no particular order."""
    listing = json.dumps([asdict(mail) for mail in mails])
    deployment.stand_in.strict.run(shlex.join(["python3", "-c", _SEND]), stdin=listing)


def wait_until_sent(deployment: Deployment, seconds: float) -> None:
    """Wait until all of it is at the mail service."""
    deployment.stand_in.strict.wait_until(POSTFIX_IDLE, "the flood to be sent", seconds)

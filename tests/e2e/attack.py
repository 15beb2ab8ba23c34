"""Mail and forms that anyone on the Internet can send, by the hundred."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from deployment import Deployment
from e2e.mailing import MailingList
from e2e.website import WebSite, in_django

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

_SUBSCRIBE = """
def act(fqdn, asked):
    from listkit.web.patches import public_forms
    public_forms.MIN_SECONDS = 0
    for list_id, address in asked:
        page = f"/postorius/lists/{list_id}/anonymous_subscribe"
        fields = {"email": address, "display_name": "", "moment": public_forms.issue_token(), "website": ""}
        assert Client(HTTP_HOST=fqdn).post(page, fields, secure=True).status_code == 302
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


def subscribe_on_the_web(website: WebSite, asked: Iterable[tuple[MailingList, str]]) -> None:
    """Ask for the subscriptions in the form, as many patient robots would: the limits for one address don't count."""
    in_django(website, _SUBSCRIBE, website.site.fqdn, [(attacked.list_id, address) for attacked, address in asked])

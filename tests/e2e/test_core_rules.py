"""What Mailman's core does with mail that the bridge has not cleaned, with automatic mail, and with odd settings."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest

from deployment import Site
from e2e.mailing import MailingList, person, subject
from e2e.website import WebSite, archived
from infomaniak import compose
from lab.errors import LabError

pytestmark = [pytest.mark.lab, pytest.mark.every_release]

SPOOL = "/var/lib/mailman3/archives/hyperkitty/spool"
ODD_HEADERS = {
    "one base64 character": "Subject: =?utf-8?b?a?=",
    "octets that are no UTF-8": "Subject: =?utf-8?q?=FF=FE?=",
    "an unknown charset": "Subject: =?x-mac-nothing?Q?Caf=8E?=",
    "a quotation mark in the charset": 'Content-Type: text/plain; charset="utf-8”',
    "a bystander outside ASCII": "Cc: jörg@example.org",
}
_DELIVER = """
import smtplib, sys
with smtplib.LMTP("127.0.0.1", 8024, timeout=60) as lmtp:
    lmtp.sendmail(sys.argv[1], [sys.argv[2]], sys.stdin.buffer.read())
"""

_JOIN = """
import sys
from mailman.core.initialize import initialize
initialize("/etc/mailman3/mailman.cfg")
from mailman.app.subscriptions import PendableSubscription, SubscriptionWorkflow
from mailman.config import config
from mailman.interfaces.listmanager import IListManager
from mailman.interfaces.pending import IPendings
from mailman.interfaces.subscriptions import SubscriptionPendingError
from mailman.interfaces.usermanager import IUserManager
from sqlalchemy import event
from zope.component import getUtility
mailing_list, person = getUtility(IListManager).get(sys.argv[1]), getUtility(IUserManager).make_user(sys.argv[2])
[address] = person.addresses
statements = []
event.listen(config.db.engine, "before_cursor_execute", lambda *details: statements.append(details[2]))
def count_of_join():
    statements.clear()
    SubscriptionWorkflow(mailing_list, address)._step_sanity_checks()
    return len(statements)
def pend(email):
    getUtility(IPendings).add(PendableSubscription(list_id=mailing_list.list_id, email=email))
    config.db.store.flush()
count_of_join()  # begins the transaction
before = count_of_join()
for number in range(30):
    pend(f"{number}-{address.email}")
print(count_of_join() - before)
pend(address.email)
try:
    count_of_join()
except SubscriptionPendingError:
    print("pending")
config.db.abort()
"""


def deliver(mailing_list: MailingList, sender: str, about: str, *headers: str) -> None:
    """Hand a message to Mailman as it is."""
    lines = [f"From: {sender}", f"To: {mailing_list.address}", f"Message-ID: <{about.replace(' ', '.')}@example.org>"]
    if not any(header.startswith("Subject:") for header in headers):
        lines.append(f"Subject: {about}")
    text = "\r\n".join([*lines, *headers, "", "Hello.", ""])
    mailing_list.site.host.run(shlex.join(["python3", "-c", _DELIVER, sender, mailing_list.address]), stdin=text)


@pytest.fixture
def reader(mailing_list: MailingList) -> str:
    """A member."""
    address = person("reader")
    mailing_list.add(address)
    return address


def test_held_posts_with_odd_headers_can_be_seen_and_decided_on(mailing_list: MailingList, reader: str):
    mailing_list.configure(default_nonmember_action="hold", respond_to_post_requests=False)
    for header in ODD_HEADERS.values():
        deliver(mailing_list, person("author"), subject(), header)
    stand_in = mailing_list.deployment.stand_in
    stand_in.wait(lambda: len(mailing_list.held()) == len(ODD_HEADERS), "the posts to be held")
    # The daily notices to all moderators.
    mailing_list.site.host.run("systemctl start listkit-notify.service")
    before = len(stand_in.received(reader))
    for request in mailing_list.held():
        mailing_list.moderate(request, "accept")
    stand_in.wait(lambda: len(stand_in.received(reader)) == before + len(ODD_HEADERS), "the posts to arrive")
    assert "none" in mailing_list.site.host.run("listkit check | grep 'shunted messages'")


@pytest.mark.parametrize("header", ODD_HEADERS.values(), ids=ODD_HEADERS)
def test_a_post_with_an_odd_header_arrives(mailing_list: MailingList, reader: str, header: str):
    mailing_list.configure(subject_prefix="[Odd] ", dmarc_mitigate_action="munge_from")
    mailing_list.configure(dmarc_mitigate_unconditionally=True)
    stand_in = mailing_list.deployment.stand_in
    before = len(stand_in.received(reader))
    deliver(mailing_list, reader, subject(), header)
    stand_in.wait(lambda: len(stand_in.received(reader)) > before, "the post to arrive")


def test_a_request_to_join_does_not_load_the_other_pending_ones(mailing_list: MailingList):
    script = shlex.join(["python3", "-c", _JOIN, mailing_list.address, person("newcomer")])
    assert mailing_list.site.host.run(f"cd / && runuser -u list -- {script}").split() == ["0", "pending"]


def test_an_automatic_reply_is_neither_posted_nor_answered(mailing_list: MailingList, reader: str):
    away, about, author = subject(), subject(), person("author")
    mailing_list.add(author)
    mailing_list.post(author, away, Auto_Submitted="auto-replied")
    request = mailing_list.sub("request")
    stand_in = mailing_list.deployment.stand_in
    stand_in.post(author, request, compose(author, request, "help", Auto_Submitted="auto-replied"))
    mailing_list.post(author, about)
    mailing_list.arrives(reader, about)
    mailing_list.settle()
    assert mailing_list.copies([reader], away) == {reader: 0}
    assert not any("results" in mail["Subject"] for mail in stand_in.received(author))


def test_an_absence_notice_confirms_no_subscription(mailing_list: MailingList):
    newcomer = person("newcomer")
    mailing_list.command(newcomer, "join")
    question = mailing_list.deployment.stand_in.wait_for_mail(newcomer, where=lambda mail: "confirm" in mail.text)
    to = question["Reply-To"] or question["From"]
    notice = compose(newcomer, to, f"Abwesenheitsnotiz: {question['Subject']}", Auto_Submitted="auto-replied")
    mailing_list.deployment.stand_in.post(newcomer, to, notice)
    mailing_list.settle()
    assert newcomer not in mailing_list.members()


def test_the_owners_get_no_attachment_that_the_provider_would_refuse(mailing_list: MailingList):
    owner, about, author = person("owner"), subject(), person("author")
    mailing_list.add_owner(owner)
    message = compose(author, mailing_list.sub("owner"), about)
    message.add_attachment(b"MZ", maintype="application", subtype="octet-stream", filename="setup.exe")
    mailing_list.deployment.stand_in.post(author, mailing_list.sub("owner"), message)
    arrived = mailing_list.arrives(owner, about)
    assert "left out" in arrived.text and 'attachment "setup.exe"' in arrived.text
    assert not arrived.message.is_multipart()


@pytest.mark.parametrize("setting", ["subject_prefix", "display_name"])
def test_a_setting_with_a_line_break_is_refused(mailing_list: MailingList, setting: str):
    with pytest.raises(LabError, match="400"):
        mailing_list.configure(**{setting: "one\nBcc: two"})


@pytest.fixture
def site(mailing_list: MailingList) -> Site:
    """The site of the list."""
    return mailing_list.site


def test_a_list_can_have_no_address_of_something_else(site: Site, mailing_list: MailingList):
    for address in (site.address("postorius"), mailing_list.sub("owner")):
        with pytest.raises(LabError, match="400"):
            mailing_list.rest("POST", "lists", fqdn_listname=address)
        refused = site.host.try_run(f"mailman create {address}")
        assert refused.returncode != 0
        assert "Traceback" not in refused.stderr


def test_root_can_use_mailmans_command(site: Site, mailing_list: MailingList):
    assert mailing_list.address in site.host.run("mailman lists")


@pytest.fixture
def spool(site: Site) -> Iterator[None]:
    """Nothing of the test stays in the spool, where another test's post may wait for its next attempt."""
    before = set(site.host.run(f"ls {SPOOL}").split())
    yield
    assert set(site.host.run(f"ls {SPOOL}").split()) <= before


@pytest.mark.usefixtures("spool")
def test_a_post_that_the_archive_refuses_is_archived_as_text(
    website: WebSite, mailing_list: MailingList, public_list: str
):
    about = subject()
    # HyperKitty has room for names of 255 characters.
    deliver(mailing_list, f'"{"Name " * 100}" <ana@example.com>', about)
    page = archived(website.browser(), public_list, about)
    assert "without attachments" in page.text

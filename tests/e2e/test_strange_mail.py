"""Strange mail from the wild: each message is posted, readable and archived, or its end is a known one.

The cases are in `cases/`. Each arrives as it would from the internet: to the mailbox, octet by octet.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import decode_header, make_header
from pathlib import Path

import pytest

import broken_mail
from deployment import Deployment
from e2e.browser import Browser, Page
from e2e.mailing import MailingList, person, subject
from e2e.test_bridge import folders_of, put_each
from e2e.website import WebSite
from infomaniak import Received
from lab.commands import wait_for

pytestmark = [pytest.mark.lab, pytest.mark.every_release]

CASES = Path(__file__).resolve().parent / "cases"
PATIENCE_SECONDS = 240
# Messages of broken parts.
BROKEN = 150
# The mail service writes one into what arrives; spam would be held.
VERDICT = "X-Infomaniak-Spam: ham"
VOUCHED = b"Authentication-Results: mx.infomaniak.com; dmarc=pass\r\n"
# Mailman discards them as automatic replies.
DISCARDED = ("f1-oof-exchange", "f3-dsn-to-list")
# A command that no program may give.
COMMAND = "s4-abwesend-confirms"
# A moderator decides.
HELD = "t16-listpost-own"
# Postfix refuses a message that has passed 50 servers.
CIRCLING = "r1-received-60"
# Names two lists.
LOOP = "u2-loop"
# A setting of Postfix, in place of all that it may refuse for good.
REFUSING = "body_checks = regexp:{{/refuse-me/ REJECT unwanted content}}"
# Handles messages as a post is handled, once with each mitigation, and puts nothing into a queue.
_MITIGATE = """
import base64, email, json, sys
sys.path.insert(0, "/usr/local/lib/listkit/listkit.pyz")
from mailman.core.initialize import initialize
initialize(sys.argv[1])
from mailman.config import config
from mailman.email.message import Message
from mailman.interfaces.listmanager import IListManager
from mailman.interfaces.mailinglist import DMARCMitigateAction
from zope.component import getUtility
mailing_list = getUtility(IListManager).get(sys.argv[2])
mailing_list.dmarc_mitigate_unconditionally = True
handlers = ("cleanse", "cook-headers", "subject-prefix", "rfc-2369", "dmarc", "decorate")
failed = []
for number, encoded in enumerate(json.load(sys.stdin)):
    for action in ("munge_from", "wrap_message"):
        mailing_list.dmarc_mitigate_action = DMARCMitigateAction[action]
        message = email.message_from_bytes(base64.b64decode(encoded), Message)
        message.original_size = 1
        metadata = {"original_sender": message.sender, "recipients": set()}
        try:
            for name in handlers:
                config.handlers[name].process(mailing_list, message, metadata)
            octets = message.as_bytes()
            sent = email.message_from_bytes(octets)
            octets.partition(b"\\n\\n")[0].decode("ascii")
            if mailing_list.posting_address not in sent["From"] or sent.defects:
                raise ValueError(sent["From"], sent.defects)
        except Exception as error:
            failed.append((number, action, repr(error)))
config.db.abort()
print(json.dumps(failed))
"""
BOUNCES = "SELECT count(*) FROM bounceevent WHERE list_id = '{}'"
# What readers see as the subject, where it isn't the case's own.
SUBJECTS = {
    "b1-subject-b64-1char": "a",
    "b2-subject-utf8-broken": "café zu Bern",
    "b4-subject-unknown-charset": "CafŽ",
    "m16-subject-nul-b64": "Hello world",
    "t4-subject-raw-utf8": "Grüße aus Zürich",
}
POSTED = sorted({path.stem for path in CASES.glob("*.eml")} - {*DISCARDED, COMMAND, HELD, CIRCLING, LOOP})


@dataclass(frozen=True)
class Case:
    """A case as it is sent to one list: with the list's address, and a word in its Message-ID or body to find it by."""

    name: str
    octets: bytes

    @classmethod
    def to(cls, mailing_list: MailingList, name: str, author: str) -> Case:
        """Read a case and address it."""
        return cls.at(mailing_list.address, name, {
            "ops@mailman.test": mailing_list.address,
            "ops.mailman.test": mailing_list.list_id,
            "bea@plain.test": author,
        })  # fmt: skip

    @classmethod
    def at(cls, recipient: str, name: str, replaced: dict[str, str], sender: str = "") -> Case:
        """Read a case that the mail service delivers to `recipient`, and replace words in it."""
        octets = (CASES / f"{name}.eml").read_bytes()
        for old, new in replaced.items():
            octets = octets.replace(old.encode(), new.encode())
        sender = sender or replaced["bea@plain.test"]
        return cls(name, f"Return-Path: <{sender}>\r\nDelivered-To: {recipient}\r\n{VERDICT}\r\n".encode() + octets)

    @property
    def subject(self) -> str:
        """What readers should see."""
        return SUBJECTS.get(self.name, self.name)


def subject_of(mail: Received) -> str:
    """The subject without the list's prefix, decoded."""
    return str(make_header(decode_header(str(mail["Subject"])))).partition("] ")[2] or mail["Subject"]


def set_aside(mailing_list: MailingList) -> str:
    """What of this list lies in Mailman's queues for what it couldn't handle, and in the archiver's spool."""
    places = "/var/lib/mailman3/queue/shunt /var/lib/mailman3/queue/bad /var/lib/mailman3/archives/hyperkitty/spool"
    of_this_list = f"grep -lF {mailing_list.name} {{}} +"
    return mailing_list.site.host.try_run(f"find {places} -type f -exec {of_this_list}").stdout.strip()


@pytest.fixture
def strange_list(mailing_list: MailingList, public_list: str) -> MailingList:
    """A list with an archive, which takes posts without asking a moderator."""
    mailing_list.configure(max_message_size=0, require_explicit_destination=False, administrivia=False)
    return mailing_list


@pytest.fixture
def ordinary_list(strange_list: MailingList) -> Iterator[MailingList]:
    """A second list on the same host."""
    made = MailingList(strange_list.deployment, strange_list.site, f"o{secrets.token_hex(3)}")
    made.create()
    yield made
    made.delete()


def test_every_case_is_posted_once_and_archived(
    strange_list: MailingList, ordinary_list: MailingList, website: WebSite
):
    author, reader = person("bea", "plain.test"), person("reader")
    strange_list.add(author, reader, send_welcome_message=False)
    cases = [Case.to(strange_list, name, author) for name in POSTED]
    another, about = person("another"), subject()
    ordinary_list.add(another, send_welcome_message=False)
    put_each(strange_list, *(case.octets for case in cases))
    ordinary_list.post(another, about)
    ordinary_list.arrives(another, about)

    def received() -> list[Received]:
        return strange_list.deployment.stand_in.received(reader)

    wait_for(lambda: len(received()) >= len(cases), "every case to arrive", PATIENCE_SECONDS, every=2)
    strange_list.settle()
    posts = received()
    assert sorted(map(subject_of, posts)) == sorted(case.subject for case in cases)
    for post in posts:
        assert b"unknown-8bit" not in post.raw
        assert "localdomain" not in post["To"] + post["Cc"]
        assert re.search(r"@[\w.-]+>?$", post["From"])
        assert post["X-Spam-Flag"] == post["X-Infomaniak-Spam"] == ""
    # Message by message: the link in each copy leads to its own text.
    browser = website.browser()
    for post in posts:
        path = re.search(r"<https?://[^/]+(/[^>]+)>", post["Archived-At"])[1]
        page = wait_for(lambda path=path: _page(browser, path), f"the archive of {subject_of(post)}", 120, 1)
        if subject_of(post) in ("t8-same-id-one", "t9-same-id-two"):
            assert post.text.split()[0] in page.text
    assert set_aside(strange_list) == ""


def _page(browser: Browser, path: str) -> Page | None:
    page = browser.get(path)
    return page if page.status == 200 else None


def test_an_automatic_reply_is_neither_posted_nor_a_command(strange_list: MailingList):
    author, reader, word = person("bea", "plain.test"), person("reader"), f"last{secrets.token_hex(3)}"
    strange_list.add(author, reader, send_welcome_message=False)
    put_each(strange_list, *(Case.to(strange_list, name, author).octets for name in DISCARDED))
    strange_list.post(author, word)
    strange_list.arrives(reader, word)
    strange_list.settle()
    assert [subject_of(mail) for mail in strange_list.deployment.stand_in.received(reader)] == [word]
    assert strange_list.held() == []
    assert set_aside(strange_list) == ""


def test_an_absence_notice_confirms_nothing(strange_list: MailingList):
    newcomer = person("newcomer")
    strange_list.command(newcomer, "join")
    request = strange_list.arrives(newcomer, "confirm")
    token = re.search(r"confirm[ +]([0-9a-f]{40})", request.raw.decode("ascii", "replace"))[1]
    recipient = strange_list.sub("request")
    words = {"mod-request@mailman.test": recipient, "newbie1@strict.test": newcomer, "TOKEN": token}
    put_each(strange_list, Case.at(recipient, COMMAND, words, sender=newcomer).octets)
    wait_for(
        lambda: "Processed" in folders_of(strange_list, token), "the notice to be handled", PATIENCE_SECONDS, every=1
    )
    strange_list.settle()
    assert strange_list.members() == []


def test_a_post_that_names_two_lists_which_contain_each_other_is_read_once(
    strange_list: MailingList, deployment: Deployment
):
    other = MailingList(deployment, strange_list.site, f"u{secrets.token_hex(3)}")
    other.create()
    readers = [person("reader"), person("reader")]
    for mailing_list, member, reader in zip((strange_list, other), (other, strange_list), readers, strict=True):
        mailing_list.configure(default_nonmember_action="accept")
        mailing_list.add(member.address, reader, send_welcome_message=False)
    words = {
        "loopa@mailman.test": strange_list.address,
        "loopb@mailman.test": other.address,
        "bea@plain.test": person("bea", "plain.test"),
    }
    put_each(strange_list, *(Case.at(one.address, LOOP, words).octets for one in (strange_list, other)))
    for reader in readers:
        strange_list.arrives(reader, LOOP)
    strange_list.settle()
    assert strange_list.copies(readers, LOOP) == dict.fromkeys(readers, 1)
    other.delete()


def test_a_post_that_says_it_has_been_posted_is_held(strange_list: MailingList):
    author = person("bea", "plain.test")
    strange_list.add(author, send_welcome_message=False)
    put_each(strange_list, Case.to(strange_list, HELD, author).octets)
    (request,) = wait_for(strange_list.held, "the post to be held", PATIENCE_SECONDS, every=1)
    assert "already been posted" in request["reason"]


def test_a_post_that_goes_in_circles_is_refused_with_the_reason(strange_list: MailingList):
    author, owner, reason = person("bea"), person("owner"), "has passed 6[0-9] mail servers, of at most 30"
    strange_list.add_owner(owner)
    strange_list.add(author, send_welcome_message=False)
    words = {"bea@plain.test": author}
    to_owner = strange_list.sub("owner")
    recipients = (strange_list.address, to_owner)
    put_each(strange_list, *(VOUCHED + Case.at(to, CIRCLING, words).octets for to in recipients))
    assert re.search(reason, strange_list.arrives(author, CIRCLING).text)
    assert re.search(reason, strange_list.arrives(owner, CIRCLING).text)
    strange_list.settle()
    assert set_aside(strange_list) == ""


def test_strange_posts_that_are_held_can_be_seen_and_decided_on(strange_list: MailingList):
    author, reader = person("bea", "plain.test"), person("reader")
    strange_list.add(reader, send_welcome_message=False)
    strange_list.configure(default_nonmember_action="hold")
    names = ("b1-subject-b64-1char", "b4-subject-unknown-charset", "k12-charset-8bit-param")
    put_each(strange_list, *(Case.to(strange_list, name, author).octets for name in names))
    wait_for(lambda: len(strange_list.held()) == len(names), "the posts to be held", PATIENCE_SECONDS, every=1)
    strange_list.site.host.run("runuser -u list -- mailman notify")
    for request in strange_list.held():
        strange_list.moderate(request, "accept")
    for name in names:
        strange_list.arrives(reader, SUBJECTS.get(name, name))


def test_a_post_that_the_relay_refuses_is_kept_and_the_owners_are_informed(strange_list: MailingList):
    host, owner, author, reader, about = (
        strange_list.site.host, person("owner"), person("bea", "plain.test"), person("reader"), subject(),
    )  # fmt: skip
    strange_list.add_owner(owner)
    strange_list.add(author, reader, send_welcome_message=False)
    host.run(f"postconf -e {shlex.quote(REFUSING)} && postfix reload")
    try:
        strange_list.post(author, about, "refuse-me\n")
        notice = strange_list.arrives(owner, "was not sent")
    finally:
        host.run("postconf -X body_checks && postfix reload")
    assert about in notice.text and "Reason:  550 5.7.1 unwanted content" in notice.text
    assert len(set_aside(strange_list).splitlines()) == 1
    counted = host.run(
        f"runuser -u list -- psql -At -d mailman3 -c {shlex.quote(BOUNCES.format(strange_list.list_id))}"
    )
    assert counted.strip() == "0"
    host.run("runuser -u list -- mailman unshunt")
    strange_list.arrives(reader, about)
    assert set_aside(strange_list) == ""


def test_both_dmarc_mitigations_take_messages_of_broken_parts(strange_list: MailingList):
    strange_list.configure(subject_prefix="[Strange] ")
    messages = broken_mail.examples(BROKEN)
    command = ["runuser", "-u", "list", "--", "python3", "-c", _MITIGATE, "/etc/mailman3/mailman.cfg"]
    stdin = json.dumps([base64.b64encode(octets).decode() for octets in messages])
    output = strange_list.site.host.run(f"cd / && {shlex.join([*command, strange_list.address])}", stdin=stdin)
    failed = json.loads(output.splitlines()[-1])
    assert [(messages[number], action, error) for number, action, error in failed] == []


def test_a_message_that_cannot_be_taken_is_set_aside(strange_list: MailingList):
    author, word = person("author"), f"fields{secrets.token_hex(3)}"
    top = f"Return-Path: <{author}>\nDelivered-To: {strange_list.address}\nFrom: {author}\nSubject: {word}\n"
    put_each(strange_list, top.encode() + b"X: y\n" * 2100 + b"\nHello.\n")
    wait_for(lambda: folders_of(strange_list, word) == ["Failed"], "the message in Failed", PATIENCE_SECONDS, every=1)

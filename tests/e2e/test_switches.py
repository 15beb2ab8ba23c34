"""What nobody has confirmed of the mail service, in every position: the kit works, or says why not and loses nothing.

tests/infomaniak/README.md says which property each test is about.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from email import message_from_string
from email.message import EmailMessage
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.mime.text import MIMEText

import pytest

from deployment import Deployment
from e2e import playbook
from e2e.mailing import MailingList, person, subject
from infomaniak import Received, StandIn, compose

pytestmark = [pytest.mark.lab, pytest.mark.one_release]

BOUNCED_SECONDS = 120
POLL_SECONDS = 5


@pytest.fixture
def service(deployment: Deployment, mailing_list: MailingList) -> Iterator[StandIn]:
    """The mail service; afterwards everything is in its default position, and what was refused has left."""
    deployment.stand_in.reset()
    yield deployment.stand_in
    deployment.stand_in.reset()
    resume(mailing_list.site.host)


@pytest.fixture
def other_list(deployment: Deployment, mailing_list: MailingList) -> Iterator[MailingList]:
    """A second list on the same host."""
    made = MailingList(deployment, mailing_list.site, f"u{secrets.token_hex(3)}")
    made.create()
    yield made
    made.delete()


@pytest.fixture(scope="module")
def redeployed(deployment: Deployment, release: str) -> Iterator[None]:
    """The host with the operator's switches in their other positions, all at once: a deployment takes its time."""
    concerned = ("--tags", "relay,core,bridge")
    playbook.deploy(
        deployment,
        release,
        *concerned,
        mail_port=465,
        mail_verp=True,
        mail_catch_all=True,
        mail_domain_synonyms=[synonym(deployment.sites[release].domain)],
        bridge_poll_seconds=POLL_SECONDS,
    )
    yield
    playbook.deploy(deployment, release, *concerned)


def synonym(domain: str) -> str:
    """A domain that the mail service treats as this one."""
    return f"also-{domain}"


def resume(host) -> None:
    """Do what docs/runbooks/outbound.md tells an operator to do after the cause of a refusal is gone."""
    host.run("listkit budget resume")


def account(mailing_list: MailingList) -> dict:
    """What `listkit budget --json` says of the account. It exits with 1 while the account pauses."""
    return json.loads(mailing_list.site.host.try_run("listkit budget --json").stdout)["accounts"][0]


def lies_in(mailing_list: MailingList, folder: str, about: str) -> int:
    """How many messages with that subject a folder of the mailbox has."""
    login = mailing_list.site.mailbox.login
    search = f"doveadm search -u {login} mailbox {folder} header Subject '{about}'"
    return len(mailing_list.deployment.stand_in.service.run(search).splitlines())


def has_come(mailing_list: MailingList, folder: str, about: str) -> None:
    """Wait until the service has put a message into a folder, where the bridge may have been quicker than we look."""
    folders = (folder, "Processed")
    mailing_list.deployment.stand_in.wait(lambda: any(lies_in(mailing_list, each, about) for each in folders), about)


def score(mailing_list: MailingList, member: str) -> int:
    """How many bounces count against a member."""
    return mailing_list.member(member).get("bounce_score", 0)


def disabled(mailing_list: MailingList, member: str) -> bool:
    """Whether a member gets no more mail because of bounces."""
    preferences = f"members/{mailing_list.member(member)['member_id']}/preferences"
    return mailing_list.rest("GET", preferences).get("delivery_status") == "by_bounces"


def goes_out_after_all(mailing_list: MailingList, about: str, *members: str) -> None:
    """Once the cause of a refusal is gone, everybody gets the post, once, and the refusal counted against nobody."""
    resume(mailing_list.site.host)
    for member in members:
        mailing_list.arrives(member, about)
    mailing_list.settle()
    assert mailing_list.copies(members, about) == dict.fromkeys(members, 1)
    assert [score(mailing_list, member) for member in members] == [0] * len(members)


def send(mailing_list: MailingList, sender: str, message: EmailMessage, *recipients: str) -> None:
    """Send a message to recipients that its header need not name."""
    mailing_list.deployment.stand_in.post(sender, recipients, message)


def token(request: Received) -> str:
    """The token of a request for confirmation."""
    return re.fullmatch(r"confirm (\w+)", request["Subject"])[1]


# -- receiving


@pytest.mark.parametrize("position", ["alias", "mailbox"])
def test_delivered_to(service: StandIn, mailing_list: MailingList, other_list: MailingList, position: str):
    service.set("delivered_to", position)
    author, reader, other, gone, owner = (person(who) for who in ("author", "reader", "other", "unknown", "owner"))
    for each in (mailing_list, other_list):
        each.configure(require_explicit_destination=False)
        each.add_owner(owner)
    mailing_list.add(author, reader, gone)
    other_list.add(author, other)
    to_both, to_owner, blind = subject(), subject(), subject()
    message = compose(author, mailing_list.address, to_both, Cc=other_list.address)
    send(mailing_list, author, message, mailing_list.address, other_list.address)
    send(mailing_list, author, compose(author, mailing_list.sub("owner"), to_owner), mailing_list.sub("owner"))
    send(mailing_list, author, compose(author, "friends@plain.test", blind), mailing_list.address)
    assert mailing_list.name in mailing_list.arrives(reader, to_both)["List-Id"]
    assert other_list.name in other_list.arrives(other, to_both)["List-Id"]
    mailing_list.arrives(owner, to_owner)
    service.wait(lambda: score(mailing_list, gone), "the bounce to count", BOUNCED_SECONDS)
    mailing_list.settle()
    assert mailing_list.copies([reader, other], to_both) == {reader: 1, other: 1}
    assert mailing_list.copies([owner], to_owner) == {owner: 1}
    posted = 1 if position == "alias" else 0
    assert mailing_list.copies([reader, owner, other], blind) == {reader: posted, owner: 0, other: 0}
    assert lies_in(mailing_list, "Unrouted", blind) == 1 - posted


@pytest.mark.parametrize("position", ["accepted", "lost", "refused"])
def test_tags_on_receipt(service: StandIn, mailing_list: MailingList, position: str):
    service.set("plus_receipt", position)
    author, gone, answers, writes = (person(who) for who in ("author", "unknown", "answers", "writes"))
    mailing_list.add(author, gone)
    mailing_list.post(author, subject())
    for reader in (answers, writes):
        mailing_list.command(reader, "join")
    mailing_list.answer(answers, mailing_list.arrives(answers, "confirm"))
    tagged = mailing_list.sub(f"confirm+{token(mailing_list.arrives(writes, 'confirm'))}")
    service.post(writes, tagged, compose(writes, tagged, "Yes"))
    mailing_list.arrives(answers, "welcome")
    if position == "refused":
        assert tagged in mailing_list.arrives(writes, "undelivered").text
    else:
        mailing_list.arrives(writes, "welcome")
    service.wait(lambda: score(mailing_list, gone), "the bounce to count", BOUNCED_SECONDS)


# -- sending


@pytest.mark.parametrize("position", ["accepted", "refused"])
def test_only_own_senders_leave(service: StandIn, mailing_list: MailingList, position: str):
    for switch in ("foreign_author", "plus_sender", "null_sender"):
        service.set(switch, position)
    author, reader, gone = (person(who) for who in ("author", "reader", "unknown"))
    owner, newcomer = person("owner"), person("newcomer")
    bank, post, to_owner = person("customer", "bank.test"), subject(), subject()
    mailing_list.configure(personalize="individual")
    mailing_list.add_owner(owner)
    mailing_list.add(author, reader, gone)
    mailing_list.post(author, post)
    send(mailing_list, bank, compose(bank, mailing_list.sub("owner"), to_owner), mailing_list.sub("owner"))
    mailing_list.command(newcomer, "join")
    arrived = [
        mailing_list.arrives(reader, post),
        mailing_list.arrives(owner, to_owner),
        mailing_list.arrives(newcomer, "confirm"),
    ]
    assert {mail["Return-Path"] for mail in arrived} == {f"<{mailing_list.sub('bounces')}>"}
    assert all("dmarc=pass" in mail.verdicts for mail in arrived)
    assert bank in arrived[1]["Reply-To"]
    service.wait(lambda: score(mailing_list, gone), "the bounce to count", BOUNCED_SECONDS)
    assert service.refusals(mailing_list.site.mailbox) == []


def test_senders_that_the_account_may_not_use(service: StandIn, mailing_list: MailingList):
    author, reader, about = person("author"), person(), subject()
    mailing_list.add(author, reader)
    service.set("alias_sender", "refused")
    mailing_list.post(author, about)
    shown = "listkit budget | grep -A 2 '(sender)'"
    said = service.wait(lambda: mailing_list.site.host.try_run(shown).stdout, "the refusal to be shown")
    assert mailing_list.sub("bounces") in said
    assert "create the missing alias" in said
    service.reset()
    goes_out_after_all(mailing_list, about, author, reader)


@pytest.mark.parametrize(
    ("reason", "switches"),
    [
        ("quota", {"quota": 0, "quota_stage": "mail", "quota_reply": "550 5.7.1 Daily sending quota exceeded"}),
        ("quota", {"quota": 0, "quota_stage": "rcpt", "quota_reply": "450 4.7.1 Daily sending quota exceeded"}),
        ("quota", {"quota": 0, "quota_stage": "data", "quota_reply": "552 5.2.2 Sending quota exceeded"}),
        ("ban", {"smtpban": "on"}),
    ],
)
def test_refusals_of_the_account(service: StandIn, mailing_list: MailingList, reason: str, switches: dict):
    author, reader, about = person("author"), person(), subject()
    mailing_list.add(author, reader)
    for switch, position in switches.items():
        service.set(switch, position)
    mailing_list.post(author, about)
    service.wait(lambda: account(mailing_list)["pause"], "a pause of the account")
    assert account(mailing_list)["pause"]["reason"] == reason
    service.reset()
    goes_out_after_all(mailing_list, about, author, reader)


def test_a_mail_service_that_cannot_prove_its_name_gets_nothing(service: StandIn, mailing_list: MailingList):
    author, reader, about, host = person("author"), person(), subject(), mailing_list.site.host
    mailing_list.add(author, reader)
    # Also the connection that carried the welcomes has to be gone: Postfix uses it again.
    mailing_list.settle()
    before = service.accepted(mailing_list.site.mailbox)
    configured = host.run("postconf -h smtp_tls_CAfile").strip()
    # One of Debian's authorities, and not the one that signed the service's certificate.
    host.run("postconf smtp_tls_CAfile=/etc/ssl/certs/ISRG_Root_X1.pem && systemctl restart postfix")
    try:
        mailing_list.post(author, about)
        service.wait(lambda: account(mailing_list)["pause"], "a pause of the account")
        assert account(mailing_list)["pause"]["reason"] == "trust"
        assert service.accepted(mailing_list.site.mailbox) == before
    finally:
        host.run(f"postconf smtp_tls_CAfile={configured} && systemctl restart postfix")
    goes_out_after_all(mailing_list, about, author, reader)


def test_one_connection_at_a_time(service: StandIn, mailing_list: MailingList):
    author, reader, abouts = person("author"), person(), [subject() for _ in range(4)]
    mailing_list.add(author, reader)
    for switch in ("imap_connections", "smtp_connections"):
        service.set(switch, 1)
    for about in abouts:
        mailing_list.post(author, about)
    for about in abouts:
        mailing_list.arrives(reader, about)
    assert account(mailing_list)["pause"] is None


# -- with the operator's switches in their other positions


def report(to: str, address: str) -> MIMEMultipart:
    """What a mail server writes that couldn't deliver to an address."""
    made = MIMEMultipart("report", report_type="delivery-status")
    for name, value in compose("MAILER-DAEMON@strict.test", to, "Undelivered Mail").items():
        if name not in made and not name.startswith("Content-"):
            made[name] = value
    status = MIMENonMultipart("message", "delivery-status")
    fields = f"Final-Recipient: rfc822; {address}\nAction: failed\nStatus: 5.1.1\n"
    status.set_payload([message_from_string(text) for text in ("Reporting-MTA: dns; mx.strict.test\n", fields)])
    for part in (MIMEText("The address doesn't exist any more."), status):
        made.attach(part)
    return made


@pytest.mark.same_site
@pytest.mark.parametrize("receipt", ["accepted", "lost"])
def test_bounces_are_recorded_by_their_senders(redeployed, service: StandIn, mailing_list: MailingList, receipt: str):
    service.set("plus_receipt", receipt)
    author, member, about, forwarded = person("author"), person("member"), subject(), person("forwarded")
    mailing_list.configure(bounce_score_threshold=1)
    mailing_list.add(author, member)
    mailing_list.post(author, about)
    for words in (about, "probe"):
        copy = mailing_list.arrives(member, words, seconds=BOUNCED_SECONDS)
        sender = copy["Return-Path"].strip("<>")
        assert re.fullmatch(rf"{mailing_list.name}-bounces\+[^@]+@{mailing_list.site.domain}", sender)
        assert "+" not in copy["From"]
        assert "dmarc=pass" in copy.verdicts
        service.post("mailer-daemon@strict.test", sender, report(sender, forwarded))
    service.wait(lambda: disabled(mailing_list, member), "the member to be disabled", BOUNCED_SECONDS)
    assert service.refusals(mailing_list.site.mailbox) == []


@pytest.mark.same_site
def test_port_465(redeployed, service: StandIn, mailing_list: MailingList):
    author, reader, about = person("author"), person(), subject()
    mailing_list.add(author, reader)
    since = service.service.run("date +%s").strip()
    mailing_list.post(author, about)
    mailing_list.arrives(reader, about)
    log = service.service.run(
        f"journalctl --quiet --since=@{since} --grep=sasl_username={mailing_list.site.mailbox.login}"
    )
    assert "postfix/submissions/smtpd" in log
    assert "postfix/submission/smtpd" not in log


@pytest.mark.same_site
@pytest.mark.parametrize("position", ["on", "hibernate", "off"])
def test_idle_and_filters(redeployed, service: StandIn, mailing_list: MailingList, position: str):
    service.set("idle", position)
    author, reader = person("author"), person()
    mailing_list.add(author, reader)
    abouts = {folder: subject() for folder in ("Spam", "Promotions", "SocialNetworks", "INBOX")}
    for folder, about in abouts.items():
        service.set("filed_into", folder)
        mailing_list.post(author, about)
        has_come(mailing_list, folder, about)
    for folder in ("Promotions", "SocialNetworks", "INBOX"):
        mailing_list.arrives(reader, abouts[folder])
    assert lies_in(mailing_list, "Spam", abouts["Spam"]) == 1
    metrics = "grep 'folder_messages.*Spam' /run/listkit-bridge/metrics.prom"
    service.wait(lambda: not mailing_list.site.host.run(metrics).strip().endswith(" 0"), "the spam to be counted")
    service.service.run(f"doveadm expunge -u {mailing_list.site.mailbox.login} mailbox Spam all")


@pytest.mark.same_site
@pytest.mark.parametrize("position", ["alias", "mailbox"])
def test_synonym_domains(redeployed, service: StandIn, mailing_list: MailingList, position: str):
    service.set("delivered_to", position)
    author, reader, about = person("author"), person(), subject()
    mailing_list.add(author, reader)
    also = f"{mailing_list.name}@{synonym(mailing_list.site.domain)}"
    service.control("domain", synonym(mailing_list.site.domain))
    service.control("alias", mailing_list.site.mailbox.login, also)
    send(mailing_list, author, compose(author, also, about), also)
    assert mailing_list.address in mailing_list.arrives(reader, about)["From"]
    service.control("unalias", also)


@pytest.mark.same_site
@pytest.mark.parametrize("position", ["alias", "mailbox"])
def test_a_catch_all_mailbox(redeployed, service: StandIn, mailing_list: MailingList, position: str):
    service.set("delivered_to", position)
    stranger, about, spam = person("stranger"), subject(), subject()
    mailing_list.configure(admin_immed_notify=False, respond_to_post_requests=False)
    everybody = f"@{mailing_list.site.domain}"
    nobody = f"nobody{everybody}"
    service.remove_aliases(mailing_list.site.mailbox, mailing_list.name)
    service.control("alias", mailing_list.site.mailbox.login, everybody)
    mailing_list.post(stranger, about)
    send(mailing_list, stranger, compose(stranger, nobody, spam), nobody)
    service.wait(mailing_list.held, "the post to reach Mailman")
    service.wait(lambda: lies_in(mailing_list, "Unrouted", spam), "the spam to be set aside")
    service.control("unalias", everybody)

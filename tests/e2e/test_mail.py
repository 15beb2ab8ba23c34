"""A message's way, end to end: from a sender's mail server to the subscribers', through everything that is deployed."""

from __future__ import annotations

import pytest

from e2e.browser import Browser
from e2e.mailing import DELIVERY_SECONDS, MailingList, person, subject
from infomaniak import compose

FRENCH = "/usr/lib/python3/dist-packages/mailman/messages/fr/LC_MESSAGES/mailman.mo"
"""Mailman's messages in French, which Debian 12's package lacks; it has the templates."""

pytestmark = pytest.mark.lab


def archived(mailing_list: MailingList, text: str) -> bool:
    """Whether the archive's page of the newest posts has a text."""
    site = mailing_list.site
    certificate = site.web.run("cat /var/lib/listkit/certificate/live/fullchain.pem")
    browser = Browser(site.fqdn, site.web.address, certificate)
    return text in browser.get(f"/mailman3/hyperkitty/list/{mailing_list.address}/latest").text


@pytest.mark.every_release("core")
def test_a_new_list_has_its_archivers_before_two_posts_can_add_them_twice(mailing_list: MailingList):
    rows = (
        "select count(distinct name), count(*) from listarchiver join mailinglist on mailinglist.id = mailing_list_id"
        " where list_name = :'name'"
    )
    psql = f"runuser -u list -- psql -AtqF ' ' -v name={mailing_list.name} mailman3"
    kinds, all_rows = map(int, mailing_list.site.database.run(psql, stdin=rows).split())
    assert kinds == all_rows > 0


def rejections(mailing_list: MailingList) -> str:
    """What the strict server said to posts of this list that it rejected because of their author's policy."""
    policy = "rejected by DMARC policy for bank.test"
    search = f"journalctl --no-pager -q | grep -F {policy!r} | grep -F {mailing_list.sub('bounces')} || test $? = 1"
    return mailing_list.deployment.stand_in.strict.run(search)


def check_copy(mailing_list: MailingList, copy, author: str, about: str) -> None:
    """A copy that a subscriber can read, answer and trust."""
    assert " via " in copy["From"]
    assert f"<{mailing_list.address}>" in copy["From"]
    assert author not in copy["From"]
    assert mailing_list.address in copy["Reply-To"]
    assert copy["List-Id"].endswith(f"<{mailing_list.name}.{mailing_list.site.domain}>")
    assert copy["List-Post"] == f"<mailto:{mailing_list.address}>"
    for header, sub in (("List-Unsubscribe", "leave"), ("List-Subscribe", "join"), ("List-Help", "request"),
                        ("List-Owner", "owner")):  # fmt: skip
        assert mailing_list.sub(sub) in copy[header], header
    assert about in copy["Subject"]
    assert "dmarc=pass" in copy.verdicts
    assert "dkim=pass" in copy.verdicts


@pytest.mark.every_release("core")
@pytest.mark.split
def test_a_post_reaches_every_subscriber_once_and_the_archive(mailing_list: MailingList):
    author, readers, about = person("author", "bank.test"), [person(f"reader{n}") for n in range(3)], subject()
    mailing_list.add(author, *readers)
    mailing_list.post(author, about, f"The text of {about}.\n", Reply_To="elsewhere@bank.test")
    for reader in readers:
        copy = mailing_list.arrives(reader, about)
        check_copy(mailing_list, copy, author, about)
        assert "elsewhere@bank.test" not in copy["Reply-To"]
        assert f"The text of {about}." in copy.text
    mailing_list.deployment.stand_in.wait(lambda: archived(mailing_list, about), "the post in the archive")
    mailing_list.settle()
    assert mailing_list.copies([*readers, author], about) == dict.fromkeys([*readers, author], 1)


def test_a_declared_list_works_too(declared_list: MailingList):
    author, reader, about = person("author", "bank.test"), person(), subject()
    declared_list.add(author, reader)
    declared_list.post(author, about)
    check_copy(declared_list, declared_list.arrives(reader, about), author, about)


def test_without_mitigation_the_strict_server_rejects_the_post(mailing_list: MailingList):
    author, reader, about = person("author", "bank.test"), person(), subject()
    mailing_list.add(author, reader)
    mailing_list.configure(dmarc_mitigate_action="no_mitigation", dmarc_mitigate_unconditionally=False)
    stand_in = mailing_list.deployment.stand_in
    stand_in.set("foreign_author", "accepted")
    try:
        mailing_list.post(author, about)
        stand_in.wait(lambda: rejections(mailing_list), "the strict server to reject the post")
        mailing_list.settle()
    finally:
        stand_in.set("foreign_author", "refused")
    assert mailing_list.copies([reader], about) == {reader: 0}


@pytest.mark.every_release("core")
def test_join_and_leave_by_mail(mailing_list: MailingList):
    reader = person()
    mailing_list.command(reader, "join")
    mailing_list.answer(reader, mailing_list.arrives(reader, "confirm"))
    mailing_list.arrives(reader, "welcome")
    assert mailing_list.members() == [reader]
    mailing_list.deployment.stand_in.forget()
    mailing_list.command(reader, "leave")
    mailing_list.answer(reader, mailing_list.arrives(reader, "confirm"))
    mailing_list.deployment.stand_in.wait(lambda: mailing_list.members() == [], "the subscription to end")


@pytest.mark.every_release("core")
def test_a_member_is_welcomed_and_seen_off_in_the_list_s_language(mailing_list: MailingList):
    reader, owners = person(), mailing_list.sub("owner")

    def arrives(*texts: str) -> None:
        mailing_list.deployment.stand_in.wait_for_mail(
            reader, DELIVERY_SECONDS, lambda mail: all(text in mail.text for text in (*texts, owners))
        )

    mailing_list.configure(preferred_language="fr")
    mailing_list.add(reader)
    arrives("Pour quitter la liste", mailing_list.sub("leave"), f"https://{mailing_list.site.fqdn}/")
    mailing_list.deployment.stand_in.post(
        reader, mailing_list.sub("request"), compose(reader, mailing_list.sub("request"), "help")
    )
    has_catalog = mailing_list.site.host.try_run(f"test -e {FRENCH}").returncode == 0
    described = "Quitter cette liste de diffusion." if has_catalog else "Leave this mailing list."
    mailing_list.deployment.stand_in.wait_for_mail(reader, DELIVERY_SECONDS, lambda mail: described in mail.text)
    mailing_list.rest("DELETE", f"lists/{mailing_list.address}/member/{reader}")
    arrives("plus membre de la liste")


def test_a_stranger_s_post_waits_for_the_moderator(mailing_list: MailingList):
    owner, reader, stranger, about = person("owner"), person(), person("stranger", "plain.test"), subject()
    mailing_list.add_owner(owner)
    mailing_list.add(reader)
    mailing_list.post(stranger, about)
    assert "dmarc=pass" in mailing_list.arrives(owner, mailing_list.address, "approval").verdicts
    [request] = mailing_list.held()
    assert mailing_list.copies([reader], about) == {reader: 0}
    mailing_list.moderate(request, "accept")
    mailing_list.arrives(reader, about)
    mailing_list.settle()
    assert mailing_list.copies([reader], about) == {reader: 1}


def test_mail_to_the_owners_reaches_them(mailing_list: MailingList):
    owner, customer, about = person("owner"), person("customer", "bank.test"), subject()
    mailing_list.add_owner(owner)
    message = compose(f"Cara Customer <{customer}>", mailing_list.sub("owner"), about)
    mailing_list.deployment.stand_in.post(customer, mailing_list.sub("owner"), message)
    mail = mailing_list.arrives(owner, about)
    assert mail["From"].startswith("Cara Customer via ")
    assert f"<{mailing_list.sub('owner')}>" in mail["From"]
    assert customer in mail["Reply-To"]
    assert "dmarc=pass" in mail.verdicts


@pytest.mark.every_release("core")
def test_a_bounce_is_recorded(mailing_list: MailingList):
    author, gone, about = person("author"), person("unknown"), subject()
    mailing_list.add(author, gone)
    mailing_list.post(author, about)
    mailing_list.deployment.stand_in.wait(
        lambda: mailing_list.member(gone).get("bounce_score", 0) > 0, "the bounce to count", 180
    )
    assert mailing_list.member(author).get("bounce_score", 0) == 0


@pytest.mark.every_release("core")
def test_the_digest_job_sends_digests(mailing_list: MailingList):
    author, reader, abouts = person("author"), person(), [subject(), subject()]
    mailing_list.add(author)
    mailing_list.add(reader, delivery_mode="mime_digests")
    for about in abouts:
        mailing_list.post(author, about)
        mailing_list.arrives(author, about)
    mailing_list.site.host.run("systemctl start listkit-digests.service")
    digest = mailing_list.arrives(reader, "digest")
    for about in abouts:
        assert about in digest.raw.decode()
    mailing_list.settle()
    assert mailing_list.copies([reader], abouts[0]) == {reader: 0}


@pytest.mark.every_release
@pytest.mark.parametrize("job", ["listkit-notify", "listkit-web-job@hourly", "listkit-web-job@daily"])
def test_periodic_jobs_succeed(mailing_list: MailingList, job: str):
    host = mailing_list.site.web if "web" in job else mailing_list.site.host
    host.run(f"systemctl start {job}.service")


def test_the_relay_takes_mail_the_moment_its_configuration_has_changed(mailing_list: MailingList):
    begin = """
import smtplib
with smtplib.SMTP("127.0.0.1") as smtp:
    smtp.ehlo()
    print(smtp.mail("{sender}")[0], smtp.rcpt("{recipient}")[0])
"""
    host, transaction = mailing_list.site.host, begin.format(sender=mailing_list.sub("bounces"), recipient=person())
    # A new process of Postfix reads the file within a second of its change.
    answer = host.run("touch /etc/postfix/main.cf; pkill -x smtpd; python3 -", stdin=transaction)
    assert answer.split() == ["250", "250"]


def test_a_post_waits_for_the_relay_to_come_back(mailing_list: MailingList):
    author, reader, about, host = person("author"), person(), subject(), mailing_list.site.host
    mailing_list.add(author, reader)
    mailing_list.settle()
    host.run("systemctl stop postfix")
    try:
        mailing_list.post(author, about)
        waiting = "find /var/lib/mailman3/queue/retry -name '*.pck'"
        mailing_list.deployment.stand_in.wait(lambda: host.run(waiting), "Mailman to have tried in vain")
    finally:
        host.run("systemctl start postfix")
    mailing_list.arrives(reader, about, seconds=300)
    mailing_list.settle()
    assert mailing_list.copies([reader], about) == {reader: 1}


@pytest.mark.every_release("core")
@pytest.mark.split
def test_a_post_sent_while_the_host_reboots_arrives_once(mailing_list: MailingList):
    author, reader, about = person("author"), person(), subject()
    mailing_list.add(author, reader)
    mailing_list.site.host.kill()
    mailing_list.post(author, about)
    mailing_list.deployment.lab.start(mailing_list.site.host.name)
    mailing_list.arrives(reader, about, seconds=300)
    mailing_list.settle()
    assert mailing_list.copies([reader], about) == {reader: 1}
    assert mailing_list.site.host.run("systemctl --failed --plain --no-legend") == ""

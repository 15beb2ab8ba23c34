"""The outbound budget on the deployed hosts: whatever the provider answers, nothing is lost and no member pays."""

from __future__ import annotations

import io
import secrets
import zipfile
from collections import Counter

import pytest

from deployment import MAIL_PASSWORD, SITE_OWNER, Deployment
from e2e.mailing import MailingList, person
from e2e.outbound import HeldMessage, Outbound, Scores
from e2e.test_bridge import put_each
from e2e.website import WebSite, submit
from infomaniak import compose
from listkit.budget.replies import RefusalReason, rules

pytestmark = pytest.mark.lab
MEMBERS = 250
QUOTA, RESERVE, WINDOW_SECONDS = 300, 100, 5
ENOUGH = 1440
HOUR = 3600
NOTHING = Scores(bounces=0, scored=0, disabled=0)
# As Django tells of a page that broke.
DJANGO_REPORTS = """
cd /usr/share/mailman3-web && runuser -u www-data -- python3 manage.py shell -c '
from django.core.mail import mail_admins
mail_admins("Broken", "A page.")'
"""


@pytest.fixture(scope="module")
def big_list(deployment: Deployment, release: str):
    """A list of 250 members, and its host as it was when all is done."""
    made = MailingList(deployment, deployment.sites[release], f"big{secrets.token_hex(3)}")
    made.create()
    made.configure(send_welcome_message=False)
    readers = tuple(f"{made.name}-{number}@strict.test" for number in range(MEMBERS))
    made.add(*readers)
    outbound = Outbound(made, readers)
    try:
        yield outbound
    finally:
        outbound.end()
        made.delete()


@pytest.fixture
def outbound(big_list: Outbound) -> Outbound:
    """The way out, with an account that may send to many more than the members."""
    big_list.begin(ENOUGH, RESERVE, WINDOW_SECONDS)
    return big_list


@pytest.fixture
def narrow(big_list: Outbound) -> Outbound:
    """The way out, with an account that may send 300, of which 200 are for posts."""
    big_list.begin(QUOTA, RESERVE, WINDOW_SECONDS)
    return big_list


@pytest.mark.one_release
def test_five_posts_to_250_members_arrive_once_and_in_order_and_nobody_is_refused(narrow: Outbound):
    member = narrow.readers[1]
    narrow.stop_controller()
    for number in range(1, 6):
        narrow.post(f"Post {number}")
    narrow.list.command(member, "leave")
    narrow.service.wait(lambda: any("confirm" in each.subject for each in narrow.held()), "the confirmation on hold")
    narrow.start_controller()
    narrow.wait_until_empty()
    copies = narrow.copies()
    copies[member] = tuple(about for about in copies[member] if "confirm" not in about)
    assert copies == narrow.all_have(*(f"Post {number}" for number in range(1, 6)))
    accepted = narrow.accepted()
    [confirmation] = [subject for subject in accepted if "confirm" in subject]
    assert accepted.index(confirmation) < 3, "the confirmation overtook the posts"
    accepted.remove(confirmation)
    assert accepted == sorted(accepted)
    assert narrow.refusals() == []
    assert narrow.scores() == NOTHING


@pytest.mark.one_release
def test_a_members_confirmation_gets_through_while_posts_wait(narrow: Outbound):
    narrow.begin(QUOTA, RESERVE, HOUR)
    narrow.post("A post")
    narrow.service.wait(lambda: narrow.status()["used"] == QUOTA - RESERVE, "a window full of posts")
    newcomer = f"newcomer-{secrets.token_hex(3)}@strict.test"
    narrow.list.command(newcomer, "join")
    narrow.service.wait(lambda: newcomer in narrow.host.run("postqueue -j"), "the newcomer's confirmation on hold")
    narrow.list.command(narrow.readers[1], "leave")
    narrow.service.wait(lambda: any("confirm" in subject for subject in narrow.accepted()), "the member's confirmation")
    assert narrow.status()["queued_recipients"] == MEMBERS - (QUOTA - RESERVE) + 1
    assert narrow.status()["strangers_used"] == 0


@pytest.mark.one_release
@pytest.mark.parametrize(
    ("switch", "position", "reason"),
    [
        ("smtpban", "on", "ban"),
        pytest.param("quota_reply", "550 5.7.1 Daily sending quota exceeded", "quota", marks=pytest.mark.slow),
        ("fault", "cut_refused", "unclear"),
        ("quota_reply", "450 4.7.1 Daily sending quota exceeded", "quota"),
        ("fault", "mail", "down"),
        pytest.param("fault", "rcpt", "later", marks=pytest.mark.slow),
        pytest.param("fault", "end", "later", marks=pytest.mark.slow),
    ],
)
def test_a_refusal_pauses_the_account_and_loses_doubles_and_scores_nothing(
    outbound: Outbound, switch: str, position: str, reason: str
):
    outbound.service.set(switch, position)
    if switch == "quota_reply":
        outbound.service.set("quota", 120)  # somebody else has sent through the account
    outbound.post("A post")
    assert outbound.wait_for_pause()["reason"] == reason
    outbound.service.reset()
    outbound.age(4 * HOUR)
    outbound.wait_until_empty()
    assert outbound.copies() == outbound.all_have("A post")
    assert outbound.scores() == NOTHING


@pytest.mark.one_release
def test_a_message_that_the_filter_refuses_rests_while_the_account_goes_on(outbound: Outbound):
    outbound.service.set("header_rule", "^Subject: .*A post")
    outbound.post("A post")
    outbound.post("Another")
    outbound.service.wait(lambda: "Another" in " ".join(outbound.accepted()), "the other post")
    shown = outbound.host.run("listkit budget")
    assert "(content), next attempt" in shown
    assert "paused" not in shown
    outbound.service.reset()
    outbound.age(4 * HOUR)
    outbound.wait_until_empty()
    assert outbound.copies() == outbound.all_have("A post", "Another")
    assert outbound.scores() == NOTHING


@pytest.mark.one_release
def test_a_ban_in_mid_post(narrow: Outbound):
    # So long that the rest doesn't leave before the ban.
    narrow.begin(QUOTA, RESERVE, 30)
    narrow.post("A post")
    narrow.service.wait(lambda: narrow.accepted(), "the first part of the post")
    narrow.service.set("smtpban", "on")
    assert narrow.wait_for_pause()["reason"] == "ban"
    narrow.service.wait(lambda: narrow.service.counts(), "the first copies")
    assert sum(narrow.service.counts().values()) < MEMBERS
    narrow.service.set("smtpban", "off")
    narrow.age(HOUR)
    narrow.wait_until_empty()
    assert narrow.copies() == narrow.all_have("A post")
    assert narrow.scores() == NOTHING


@pytest.mark.slow
def test_a_day_without_the_service(outbound: Outbound):
    outbound.stop_controller()
    outbound.post("Post 1")
    outbound.post("Post 2")
    outbound.service.service.run("postfix stop")
    try:
        outbound.start_controller()
        for refusals in range(1, 7):
            assert outbound.wait_for_pause(refusals)["reason"] == "down"
            outbound.age(4 * HOUR)
    finally:
        outbound.service.service.run("postfix start")
    outbound.wait_for_pause(7)
    outbound.age(4 * HOUR)
    outbound.wait_until_empty()
    assert outbound.copies() == outbound.all_have("Post 1", "Post 2")
    assert outbound.accepted() == sorted(outbound.accepted())
    assert outbound.scores() == NOTHING


@pytest.mark.one_release
def test_a_message_that_is_taken_without_an_answer_is_counted_each_time(outbound: Outbound):
    outbound.service.set("fault", "cut_accepted")
    outbound.service.set("fault_times", 1)
    outbound.post("A post")
    outbound.wait_for_pause()
    assert outbound.status()["used"] == 100
    outbound.age(HOUR)
    outbound.wait_until_empty()
    # SMTP itself can't do better: see docs/runbooks/outbound.md.
    assert Counter(map(len, outbound.copies().values())) == {2: 100, 1: MEMBERS - 100}
    assert outbound.scores() == NOTHING


def test_a_controller_that_is_killed_loses_and_doubles_nothing(narrow: Outbound):
    narrow.post("Post 1")
    for _ in range(5):
        narrow.host.run("systemctl kill -s KILL listkit-budget")
    narrow.post("Post 2")
    narrow.wait_until_empty()
    assert narrow.copies() == narrow.all_have("Post 1", "Post 2")
    assert narrow.refusals() == []
    assert narrow.scores() == NOTHING


def test_a_power_cut_loses_nothing_and_the_quota_is_kept(narrow: Outbound):
    narrow.stop_controller()
    narrow.post("Post 1")
    narrow.post("Post 2")
    narrow.start_controller()
    narrow.service.wait(lambda: narrow.status()["in_delivery"], "a message on its way")
    narrow.host.kill()
    narrow.list.deployment.lab.start(narrow.host.name)
    narrow.service.wait(lambda: not narrow.list.site.database.try_run("pg_isready").returncode, "the database")
    narrow.wait_until_empty()
    copies = narrow.copies().values()
    assert all({*posts} == {"Post 1", "Post 2"} for posts in copies)
    # What was just being handed over has to be sent again, whether or not the service had taken it.
    assert sum(len(posts) - 2 for posts in copies) <= 100
    assert narrow.refusals() == []
    assert narrow.scores() == NOTHING


def test_an_unknown_recipient_scores_and_nobody_else_does(outbound: Outbound):
    outbound.service.set("fault_reply", "550 5.1.1 User unknown")
    outbound.service.set("fault", "rcpt")
    outbound.service.set("fault_times", 1)
    outbound.post("A post")
    outbound.wait_until_empty()
    assert Counter(map(len, outbound.copies().values())) == {1: MEMBERS - 1, 0: 1}
    outbound.service.wait(lambda: outbound.scores().scored, "the bounce to count", 180)
    assert outbound.scores() == Scores(bounces=1, scored=1, disabled=0)
    [unknown] = [reader for reader, copies in outbound.copies().items() if not copies]
    assert outbound.list.member(unknown)["bounce_score"] == 1


def test_what_the_filter_would_refuse_goes_back_to_its_author_and_costs_nothing(outbound: Outbound):
    inner, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("setup.exe", b"MZ")
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("inner.zip", inner.getvalue())
    author = outbound.readers[0]
    message = compose(author, outbound.list.address, "Photos")
    message.add_attachment(outer.getvalue(), maintype="application", subtype="zip", filename="photos.zip")
    envelope = f"Return-Path: <{author}>\nDelivered-To: {outbound.list.address}\n"
    put_each(
        outbound.list, f"Authentication-Results: mx.infomaniak.com; dmarc=pass\n{envelope}".encode() + bytes(message)
    )
    answer = outbound.service.wait_for_mail(author)
    assert '"setup.exe" in "inner.zip" in "photos.zip"' in answer.text
    outbound.list.settle()
    assert sum(map(len, outbound.copies().values())) == 1
    assert outbound.refusals() == []


@pytest.mark.parametrize(("action", "summaries"), [("discard", 0), ("hold", 1)])
def test_an_author_for_whom_no_one_vouches_gets_no_answer(
    deployment: Deployment, mailing_list: MailingList, action: str, summaries: int
):
    stranger, owner = person("stranger"), person("owner")
    mailing_list.add_owner(owner)
    mailing_list.configure(default_nonmember_action=action)
    message = compose(stranger, mailing_list.address, "Photos")
    message.add_attachment(b"MZ", maintype="application", subtype="octet-stream", filename="setup.exe")
    deployment.stand_in.post(stranger, mailing_list.address, message)
    handled = f"grep -qF '{message['Message-ID']}' /var/log/mailman3/mailman.log"
    deployment.stand_in.wait(lambda: not mailing_list.site.host.try_run(handled).returncode, "Mailman's decision")
    mailing_list.settle()
    mailing_list.site.host.run("runuser -u list -- mailman notify")
    mailing_list.settle()
    assert deployment.stand_in.received(stranger) == []
    texts = [mail.text for mail in deployment.stand_in.received(owner)]
    assert len(texts) == summaries and all(stranger in text and '"setup.exe"' in text for text in texts)
    assert mailing_list.held() == []


def test_every_sender_belongs_to_the_account(outbound: Outbound):
    account, mailing_list = outbound.list.site.mailbox.login, outbound.list
    outbound.hand_in(
        (mailing_list.sub("bounces+owner=strict.test"), "owner@strict.test"),
        (mailing_list.site.address("postorius"), "reset@strict.test"),
        ("somebody@private.test", "stranger@strict.test"),
    )
    outbound.host.run("echo 'cron says hello' | sendmail root")
    readers = ("owner@strict.test", "reset@strict.test", "stranger@strict.test", "site-owner@strict.test")
    letters = [outbound.service.wait_for_mail(reader) for reader in readers]
    senders = [mailing_list.sub("bounces"), mailing_list.site.address("postorius"), account, account]
    assert [letter["Return-Path"] for letter in letters] == [f"<{sender}>" for sender in senders]
    assert account in letters[-1]["From"]


@pytest.mark.every_release
def test_what_somebody_waits_for_is_urgent(outbound: Outbound):
    mailing_list = outbound.list
    owner, stranger, newcomer = person("owner"), person("stranger"), person("newcomer")
    mailing_list.add_owner(owner)
    outbound.stop_controller()
    outbound.post("A post")
    mailing_list.post(stranger, "To be moderated")
    outbound.service.post(
        stranger, mailing_list.sub("owner"), compose(stranger, mailing_list.sub("owner"), "Dear owner")
    )
    mailing_list.command(newcomer, "join")
    browser = WebSite.of(mailing_list.site).browser()
    submit(browser, browser.get("/mailman3/accounts/password/reset/"), email=SITE_OWNER)
    outbound.list.site.web.run(DJANGO_REPORTS)
    outbound.host.run("sendmail root", stdin="Subject: Cron says hello\n\nHello.\n")
    wanted = {"requires approval", "Dear owner", "confirm", "Password Reset", "Broken", "Cron says"}
    held: list[HeldMessage] = []

    def all_there() -> bool:
        held[:] = outbound.held()
        return all(any(words in each.subject for each in held) for words in wanted)

    outbound.service.wait(all_there, "all of it on hold", 60)
    kinds = {each.subject: each.kind for each in held}
    assert {kinds.pop(f"[{mailing_list.name.capitalize()}] A post")} == {"POST"}
    [confirmation] = [subject for subject in kinds if "confirm" in subject]
    assert kinds.pop(confirmation) == "STRANGER"
    assert set(kinds.values()) == {"URGENT"}
    [django] = [each for each in held if "Broken" in each.subject]
    assert django.sender == mailing_list.site.address("postorius")
    outbound.start_controller()
    outbound.wait_until_empty()
    assert outbound.refusals() == []


@pytest.mark.every_release("core")
def test_the_table_of_replies_is_read_by_postfix_as_by_us(outbound: Outbound):
    replies = [(rule.reason, example) for rule in rules() for example in rule.examples if " said: 4" not in example]
    statuses = "".join(f"5.0.0 {reply}\n" for _, reply in replies)
    answers = outbound.host.run("postmap -q - regexp:/etc/postfix/delivery_status", stdin=statuses).splitlines()
    assert len(answers) == len(replies)
    for (reason, reply), answer in zip(replies, answers, strict=True):
        assert answer.partition("\t")[2][0] == ("5" if reason is RefusalReason.RECIPIENT else "4"), reply


def test_messages_that_follow_each_other_share_a_connection(outbound: Outbound):
    outbound.stop_controller()
    since = outbound.service.service.run("date +%s").strip()
    for number in range(1, 4):
        outbound.post(f"Post {number}")
    outbound.start_controller()
    outbound.wait_until_empty()
    assert outbound.copies() == outbound.all_have("Post 1", "Post 2", "Post 3")
    log = outbound.service.service.run(f"journalctl --quiet --since=@{since} --unit=postfix@-")
    connections = [line for line in log.splitlines() if "smtpd" in line and f"[{outbound.host.address}]" in line]
    connections = [line for line in connections if " connect from " in line]
    assert len(outbound.accepted()) == 9
    assert len(connections) < 5


def test_only_its_owner_reads_a_file_with_the_password(outbound: Outbound):
    # Where systemd keeps a service's credentials, nobody else can enter.
    search = f"grep -rlsF --exclude-dir=credentials '{MAIL_PASSWORD}' /etc /var/lib /run /usr/local"
    leaks = outbound.host.try_run(search).stdout.split()
    assert "/etc/postfix/sasl_passwd" in leaks
    modes = outbound.host.run(f"stat -c %a {' '.join(leaks)}").split()
    assert all(mode.endswith("00") for mode in modes), dict(zip(leaks, modes, strict=True))


def test_only_loopback_may_hand_in_mail(outbound: Outbound):
    listeners = outbound.host.run("ss -Htln sport = :25").splitlines()
    assert sorted(line.split()[3] for line in listeners) == ["127.0.0.1:25", "[::1]:25"]

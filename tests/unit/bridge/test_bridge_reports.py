"""Somebody hears of every message that was not delivered: reports to a list's owners and to the site owner."""

from __future__ import annotations

import email
import email.policy

import pytest
from test_bridge_delivery import ACCOUNT, Bench, post

from listkit.bridge.addressee import Addressee
from listkit.bridge.context import MailboxContext
from listkit.bridge.journal import Journal, Refusal
from listkit.bridge.policy import Disposition
from listkit.bridge.reports import AUTOMATIC, Reporter, composed
from listkit.common import submission_rules
from listkit.common.submission_rules import MOST_HOPS

DAY = 86_400


@pytest.fixture
def bench(tmp_path):
    one = Bench(tmp_path)
    yield one
    one.agent.mailman.disconnect()
    one.mailman.close()
    one.relay.close()


@pytest.fixture
def clock(monkeypatch):
    """The time of the journal and of the reporter; change `clock[0]`."""
    now = [1_000_000.0]
    monkeypatch.setattr("listkit.bridge.journal.time.time", lambda: now[0])
    monkeypatch.setattr("listkit.bridge.reports.time.monotonic", lambda: now[0])
    return now


def reporter(bench: Bench) -> Reporter:
    context = MailboxContext(bench.configuration, bench.configuration.mailboxes[0], bench.journal, bench.metrics)
    return Reporter(context, bench.agent)


def refuse(journal: Journal, addressee: str = "news-owner@example.org", subject: str = "Grüße") -> None:
    journal.record_refusal(ACCOUNT, addressee, "ana@example.com", subject, "Rejected", "DATA: 552 too large")


def text_of(octets: bytes) -> str:
    return email.message_from_bytes(octets, policy=email.policy.default).get_content().replace("\r\n", "\n")


def test_the_owners_of_a_list_hear_once_a_day(bench, clock):
    one = reporter(bench)
    refuse(bench.journal)
    one.report_if_due()
    assert bench.recipients == []
    refuse(bench.journal, subject="Another")
    clock[0] += 301
    one.report_if_due()
    assert bench.recipients == ["news-owner@example.org"]
    text = text_of(bench.mailman.taken[0].content)
    assert "2 messages that arrived in the mailbox mailman@example.org" in text
    assert "From: ana@example.com\n  Subject: Grüße\n  Folder: Rejected\n  Reason: DATA: 552 too large" in text
    refuse(bench.journal, subject="Later")
    clock[0] += DAY - 10
    one.report_if_due()
    assert len(bench.recipients) == 1
    clock[0] += 400
    one.report_if_due()
    assert len(bench.recipients) == 2
    assert "1 message that" in text_of(bench.mailman.taken[1].content)
    clock[0] += 2 * DAY
    one.report_if_due()
    assert len(bench.recipients) == 2


def test_the_site_owner_hears_of_what_is_for_no_list(bench, clock):
    refuse(bench.journal, addressee="")
    clock[0] += 301
    reporter(bench).report_if_due()
    (sent,) = bench.relay.taken
    assert (sent.sender, sent.recipient) == (ACCOUNT, "admin@example.com")
    assert b"Auto-Submitted: auto-generated" in sent.content


def test_a_report_that_cannot_be_sent_is_sent_later(bench, clock):
    one = reporter(bench)
    refuse(bench.journal)
    bench.mailman.answer = lambda _taken: "451 later"
    clock[0] += 301
    one.report_if_due()
    assert bench.recipients == []
    bench.mailman.answer = lambda _taken: "250 Ok"
    clock[0] += 301
    one.report_if_due()
    assert bench.recipients == ["news-owner@example.org"]


VOUCHED = b"Authentication-Results: mx.infomaniak.com; dmarc=pass (p=none) header.from=example.com\n"


@pytest.mark.parametrize(
    "more",
    [b"", b"Auto-Submitted: auto-generated\n", b"Precedence: bulk\n"],
    ids=["person", "program", "bulk"],
)
def test_the_author_is_informed_where_the_mail_service_vouches_for_a_person(bench, more):
    bench.mailman.answer = lambda _taken: "552 too large"
    outcome = bench.handle(VOUCHED + more + post("news@example.org"))
    author = Addressee("ana@example.com", is_author=True)
    assert outcome.addressee == (Addressee("news-owner@example.org") if more else author)


def test_the_author_gets_a_notice_once_a_day_that_programs_do_not_answer(bench, clock):
    one, key = reporter(bench), Addressee("ana@example.com", is_author=True).key
    refuse(bench.journal, addressee=key)
    clock[0] += 301
    one.report_if_due()
    refuse(bench.journal, addressee=key)
    clock[0] += DAY - 310
    one.report_if_due()
    (sent,) = bench.relay.taken
    assert (sent.sender, sent.recipient) == (ACCOUNT, "ana@example.com")
    message = email.message_from_bytes(sent.content, policy=email.policy.default)
    assert message["Subject"] == "1 message not delivered"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["X-Listkit-Answer"] == "stranger"
    assert "Subject: Grüße\n  Reason: DATA: 552 too large" in text_of(sent.content)
    clock[0] += 320
    one.report_if_due()
    assert len(bench.relay.taken) == 2


@pytest.mark.parametrize(
    ("to", "field", "is_discarded"),
    [
        ("news", b"Auto-Submitted: auto-replied", True),
        ("news", b"Auto-Submitted: auto-generated", False),
        ("news", b"X-Other: x", False),
        ("news-request", b"Auto-Submitted: auto-generated", True),
        ("news-confirm+1234", b"Precedence: bulk", True),
        ("news-owner", b"Auto-Submitted: auto-replied", False),
        ("news-bounces", b"Auto-Submitted: auto-replied", False),
    ],
)
def test_what_mailman_discards_because_a_program_wrote_it_is_known(bench, to, field, is_discarded):
    address = f"{to}@example.org"
    outcome = bench.handle(field + b"\n" + post(address, to=address))
    assert (outcome.disposition, outcome.is_discarded) == (Disposition.PROCESSED, is_discarded)


def test_discarded_automatic_mail_is_counted_in_the_report():
    discarded = [Refusal(n, "a@example.com", "Away", "Processed", AUTOMATIC) for n in range(3)]
    message = composed(ACCOUNT, Addressee("news-owner@example.org"), discarded)
    assert message["Subject"] == "3 messages from programs discarded"
    assert "3 messages from programs (absence notices" in message.get_content()
    refused = Refusal(9, "b@example.com", "Minutes", "Rejected", "too large")
    message = composed(ACCOUNT, Addressee("news-owner@example.org"), [*discarded, refused])
    assert message["Subject"] == "1 message not delivered"
    assert "Minutes" in message.get_content() and "3 messages from programs" in message.get_content()
    assert "Away" not in message.get_content()


def test_a_long_report_is_cut():
    refusals = [Refusal(n, "a@example.com", f"subject {n}", "Unrouted", "no such address") for n in range(50)]
    message = composed(ACCOUNT, Addressee(), refusals)
    assert message["Subject"] == "50 messages not delivered"
    assert "subject 39" in message.get_content()
    assert "subject 40" not in message.get_content()
    assert "... and 10 more." in message.get_content()


@pytest.mark.parametrize("field", ["Return-Path: <>", "Auto-Submitted: auto-replied", "X-Listkit-Owner-Copy: x"])
def test_what_a_report_may_have_caused_is_not_reported(bench, field):
    answer = post(ACCOUNT).replace(b"Return-Path: <ana@example.com>\n", b"")
    outcome = bench.handle(field.encode() + b"\n" + answer)
    assert outcome.disposition is Disposition.UNROUTED
    assert not outcome.is_reported
    assert bench.handle(post("x", to="nobody@example.org")).is_reported


def test_an_outcome_says_whom_to_report_to(bench):
    bench.mailman.answer = lambda _taken: "552 too large"
    outcome = bench.handle(post("news@example.org", to="news-bounces@example.org").replace(b"hi", "Grüße".encode()))
    assert (outcome.author, outcome.subject, outcome.addressee) == (
        "ana@example.com",
        "Grüße",
        Addressee("news-owner@example.org"),
    )
    assert bench.handle(post("x", to="nobody@example.org")).addressee == Addressee()


@pytest.mark.parametrize(("name", "is_sent"), [("minutes.pdf", True), ("setup.EXE", False), ("photos.zip", False)])
def test_what_the_mail_service_would_refuse_is_kept_and_reported(bench, monkeypatch, name, is_sent):
    monkeypatch.setattr(submission_rules, "rules", lambda: submission_rules.SubmissionRules(("exe",)))
    top, _, _ = post("postorius@example.org", to="postorius@example.org").partition(b"\n\n")
    part = f'Content-Type: x/y\nContent-Disposition: attachment; filename="{name}"\n\nx\n'
    mixed = b"\nContent-Type: multipart/mixed; boundary=BB\n\n--BB\n" + part.encode() + b"--BB--\n"
    outcome = bench.handle(top + mixed)
    assert len(bench.relay.taken) == is_sent
    assert outcome.disposition is (Disposition.PROCESSED if is_sent else Disposition.UNROUTED)
    assert outcome.is_reported
    assert is_sent or f"would refuse the attachment {name!r}" in outcome.notes[0]


def test_what_goes_in_circles_is_kept_and_reported(bench):
    trace = b"".join(b"Received: from a%d.example.com by b.example.com\n" % hop for hop in range(MOST_HOPS))
    assert bench.handle(trace + post("postorius@example.org", to="postorius@example.org")).disposition is (
        Disposition.PROCESSED
    )
    another = b"Received: from x by y\n" + trace + post("postorius@example.org", to="postorius@example.org")
    outcome = bench.handle(another)
    assert outcome.disposition is Disposition.UNROUTED
    assert outcome.is_reported
    assert "has passed 31 mail servers" in outcome.notes[0]
    assert len(bench.relay.taken) == 1

"""One message's way to its recipients, with a stand-in for Mailman."""

from __future__ import annotations

import dataclasses
import io
import socket
import time

import pytest
from bridge_stand_ins import Mailman

from listkit.bridge import known_lists
from listkit.bridge.config import Configuration, Mailbox, Rest, SiteOwner
from listkit.bridge.delivery import DeliveryAgent, Incoming
from listkit.bridge.in_flight import InFlight
from listkit.bridge.journal import Journal
from listkit.bridge.known_lists import KnownLists
from listkit.bridge.lmtp import MailmanUnavailable
from listkit.bridge.metrics import Metrics
from listkit.bridge.policy import Disposition
from listkit.common import former_lists, round_trip
from listkit.common.endpoints import Endpoint
from listkit.common.message.lines import LineNormaliser
from listkit.common.rest import RestClient

ACCOUNT = "mailman@example.org"
SECRET = "of the API"


def post(*recipients: str, to: str = ACCOUNT, body: str = "Hello", message_id: str = "<1@example.com>") -> bytes:
    return (
        f"Delivered-To: {to}\nReturn-Path: <ana@example.com>\nMessage-ID: {message_id}\n"
        f"From: ana@example.com\nTo: {', '.join(recipients)}\nSubject: hi\n\n{body}\n"
    ).encode()


class Bench:
    """A agent and what is around it."""

    def __init__(self, directory) -> None:
        self.mailman = Mailman("news@example.org", "dev@example.org")
        self.relay = Mailman()
        self.journal = Journal(directory / "journal.sqlite")
        self.metrics = Metrics()
        self.in_flight = InFlight()
        self.configuration = Configuration(
            mailboxes=(Mailbox(ACCOUNT, "localhost", "x"),),
            domains={"example.org": "example.org", "example.net": "example.org"},
            list_suffixes=frozenset({"owner", "bounces", "confirm", "request"}),
            lmtp=Endpoint("127.0.0.1", self.mailman.lmtp_port),
            rest=Rest(self.mailman.rest_url, "restadmin", SECRET),
            site_owner=SiteOwner(
                "admin@example.com", ("mailman", "postorius"), Endpoint("127.0.0.1", self.relay.lmtp_port)
            ),
            state=directory,
            metrics=None,
        )
        self.renew()

    def rest(self) -> RestClient:
        return RestClient("x", self.configuration.rest.url)

    def renew(self) -> None:
        """As after a restart of the bridge."""
        lists = KnownLists(self.rest(), self.journal)
        mailbox = self.configuration.mailboxes[0]
        self.agent = DeliveryAgent(self.configuration, mailbox, lists, self.journal, self.in_flight, self.metrics)

    def handle(self, octets: bytes, **more):
        normaliser = LineNormaliser()
        spool = io.BytesIO(normaliser.feed(octets) + normaliser.finish())
        return self.agent.handle(Incoming(spool, "d", seen=time.monotonic(), **more))

    @property
    def recipients(self) -> list[str]:
        return [one.recipient for one in self.mailman.taken]


@pytest.fixture
def bench(tmp_path):
    one = Bench(tmp_path)
    yield one
    one.agent.mailman.disconnect()
    one.mailman.close()
    one.relay.close()


def test_a_post_is_delivered(bench):
    outcome = bench.handle(post("news@example.org", to="news@example.org"))
    assert outcome.disposition is Disposition.PROCESSED
    (taken,) = bench.mailman.taken
    assert (taken.sender, taken.recipient) == ("ana@example.com", "news@example.org")
    assert taken.content.endswith(b"\r\n\r\nHello\r\n")
    assert bench.journal.is_delivered(taken.delivery)


def test_mail_to_a_renamed_lists_former_address_is_left_to_mailman(bench, monkeypatch, tmp_path):
    monkeypatch.setattr(former_lists, "PATH", tmp_path / "lists" / "former.json")
    former_lists.add("old@example.org", "news@example.org")
    outcome = bench.handle(post("old-owner@example.org", to="old-owner@example.org"))
    assert outcome.disposition is Disposition.PROCESSED and bench.recipients == ["old-owner@example.org"]


def test_copies_for_two_lists_come_to_each_once(bench):
    def figure(name: str) -> float:
        return bench.metrics.value(name, mailbox=ACCOUNT)

    both = ("news@example.org", "dev@example.net")
    for _copy in range(2):
        assert bench.handle(post(*both)).disposition is Disposition.PROCESSED
    assert bench.handle(b"Received: again\n" + post(*both, to="news@example.org")).disposition is Disposition.PROCESSED
    assert sorted(bench.recipients) == ["dev@example.org", "news@example.org"]
    assert len({one.delivery for one in bench.mailman.taken}) == 2
    assert (figure("delivered_total"), figure("duplicates_total")) == (2, 3)


def test_verdicts_in_the_services_name_below_its_own_stay_outside(bench):
    own, forged = (
        b"Authentication-Results: mx.infomaniak.com; dmarc=" + result + b"\n" for result in (b"fail", b"pass")
    )
    bench.handle(own + forged + post("news@example.org"))
    (taken,) = bench.mailman.taken
    assert b"dmarc=fail" in taken.content and b"dmarc=pass" not in taken.content


def test_two_messages_with_one_id_are_both_posted(bench):
    bench.handle(post("news@example.org", body="one"))
    bench.handle(post("news@example.org", body="two"))
    assert len(bench.recipients) == 2


def test_a_redelivery_after_a_restart_is_recognised(bench):
    bench.handle(post("news@example.org"))
    bench.renew()
    outcome = bench.handle(post("news@example.org"))
    assert outcome.disposition is Disposition.PROCESSED
    assert len(bench.recipients) == 1
    assert "delivered before" in outcome.notes[0]


def test_a_crash_between_mailmans_250_and_the_record_keeps_the_same_id(bench, monkeypatch):
    def crash(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(bench.journal, "record_delivered", crash)
    with pytest.raises(KeyboardInterrupt):
        bench.handle(post("news@example.org"))
    monkeypatch.undo()
    bench.renew()
    bench.handle(post("news@example.org"))
    first, second = bench.mailman.taken
    assert first.delivery == second.delivery


def test_a_replay_is_posted_again_and_once(bench):
    bench.handle(post("news@example.org"))
    for _try in range(2):
        bench.handle(post("news@example.org"), replay="Replay/1/1")
    assert len(bench.recipients) == 2


def test_each_delivery_is_a_sign_of_life(bench):
    beats = []
    bench.handle(post("news@example.org", "dev@example.org", "postorius@example.org"), beat=lambda: beats.append(1))
    assert len(beats) == 3


def test_4xx_waits_for_that_recipient_only(bench):
    bench.mailman.answer = lambda taken: "451 not now" if taken.recipient.startswith("dev") else "250 Ok"
    message = post("news@example.org", "dev@example.org")
    assert bench.handle(message).disposition is Disposition.DEFERRED
    bench.mailman.answer = lambda _taken: "250 Ok"
    assert bench.handle(message).disposition is Disposition.PROCESSED
    assert bench.recipients == ["news@example.org", "dev@example.org"]


def test_a_final_refusal_is_set_aside_with_its_reason(bench):
    bench.mailman.answer = lambda _taken: "501 Message has defects"
    outcome = bench.handle(post("news@example.org"))
    assert outcome.disposition is Disposition.REJECTED
    assert "501 Message has defects" in outcome.notes[0]
    assert bench.relay.taken == []


def test_a_550_for_a_list_that_exists_is_doubted(bench):
    bench.mailman.answer = lambda _taken: "550 mailbox unavailable"
    outcome = bench.handle(post("news@example.org"))
    assert outcome.disposition is Disposition.DEFERRED
    assert outcome.met_550
    assert bench.handle(post("news@example.org"), times_550=5).disposition is Disposition.REJECTED


def test_a_550_for_a_list_that_was_removed_is_final(bench):
    bench.handle(post("news@example.org", body="before"))
    bench.mailman.lists.clear()
    bench.mailman.answer = lambda _taken: "550 mailbox unavailable"
    assert bench.handle(post("news@example.org")).disposition is Disposition.REJECTED


def test_without_mailman_nothing_is_decided(bench):
    bench.handle(post("news@example.org", body="before"))
    bench.mailman.answer = lambda _taken: None
    with pytest.raises(MailmanUnavailable):
        bench.handle(post("news@example.org"))
    bench.mailman.answer = lambda _taken: "250 Ok"
    assert bench.handle(post("news@example.org")).disposition is Disposition.PROCESSED
    assert len(bench.recipients) == 2


def test_a_connection_that_mailman_closed_meanwhile_is_no_fault_of_the_next_message(bench):
    bench.handle(post("news@example.org", body="one"))
    bench.agent.mailman._connection._sock.shutdown(socket.SHUT_RDWR)
    assert bench.handle(post("news@example.org", body="two")).disposition is Disposition.PROCESSED


def test_a_crash_in_the_middle_of_a_message_spoils_no_other(bench, monkeypatch):
    bench.handle(post("news@example.org", body="first"))

    def broken(*_arguments):
        yield b"X-Listkit-Delivery: " + b"0" * 40 + b"\r\nSubject: half\r\n\r\n"
        raise ZeroDivisionError

    monkeypatch.setattr("listkit.bridge.delivery.rendered", broken)
    with pytest.raises(ZeroDivisionError):
        bench.handle(post("news@example.org", body="second"))
    monkeypatch.undo()
    bench.handle(post("news@example.org", body="third"))
    assert [one.content.rpartition(b"\r\n\r\n")[2] for one in bench.mailman.taken] == [b"first\r\n", b"third\r\n"]


def test_a_list_made_a_moment_ago_is_found(bench):
    bench.handle(post("news@example.org", to="news@example.org"))
    bench.mailman.lists.add("fresh@example.org")
    assert bench.handle(post("fresh@example.org", to="fresh@example.org")).disposition is Disposition.PROCESSED


@pytest.mark.parametrize(("number", "disposition"), [(50, Disposition.PROCESSED), (51, Disposition.UNROUTED)])
def test_a_flood_of_recipients_reaches_none(bench, number, disposition):
    outcome = bench.handle(post(",\n ".join(f"news-confirm+{n}@example.org" for n in range(number))))
    assert outcome.disposition is disposition
    assert len(bench.recipients) == (number if disposition is Disposition.PROCESSED else 0)


def test_mail_for_nobody_is_set_aside_and_asks_mailman_once_a_round(bench):
    seen = time.monotonic()
    for n in range(20):
        normaliser = LineNormaliser()
        octets = post("x", to=f"nobody{n}@example.org")
        spool = io.BytesIO(normaliser.feed(octets) + normaliser.finish())
        outcome = bench.agent.handle(Incoming(spool, "d", seen=seen))
        assert outcome.disposition is Disposition.UNROUTED
        assert f"nobody{n}@example.org" in outcome.notes[0]
    assert bench.mailman.rest_calls == 1
    assert bench.recipients == []


def test_while_mailman_does_not_tell_its_lists_each_message_waits_without_another_call(bench, monkeypatch):
    bench.mailman.rest_works = False
    lists = KnownLists(bench.rest(), bench.journal)
    seen = time.monotonic()
    assert not any(lists.refresh(seen) for _message in range(5))
    assert not any(lists.refresh(time.monotonic()) for _message in range(5))
    assert bench.mailman.rest_calls == 1
    monkeypatch.setattr(known_lists, "_PAUSE_SECONDS", 0)
    bench.mailman.rest_works = True
    # What was seen before that call waits for its next try, however long the round takes; what is seen now doesn't.
    assert not lists.refresh(seen)
    assert bench.mailman.rest_calls == 1
    assert lists.refresh(time.monotonic())
    assert lists.refresh(seen)
    assert bench.mailman.rest_calls == 2


def test_while_mailman_does_not_tell_its_lists_nobody_is_called_nobody(bench, monkeypatch):
    monkeypatch.setattr(known_lists, "_PAUSE_SECONDS", 0)
    bench.handle(post("news@example.org", to="news@example.org"))
    bench.mailman.rest_works = False
    assert bench.handle(post("x", to="fresh@example.org")).disposition is Disposition.DEFERRED
    # A known list gets its copy at once; whether the other address is a list is found out later.
    outcome = bench.handle(post("news@example.org", "fresh@example.org", body="both"))
    assert outcome.disposition is Disposition.DEFERRED
    assert bench.recipients == ["news@example.org", "news@example.org"]
    bench.mailman.rest_works = True
    bench.mailman.lists.add("fresh@example.org")
    assert bench.handle(post("news@example.org", "fresh@example.org", body="both")).disposition is Disposition.PROCESSED
    assert bench.recipients[2:] == ["fresh@example.org"]


@pytest.mark.parametrize("body", ["[]", "null", '{"entries": [{}]}', '{"entries": [7]}', '{"entries": 7}', "{", "7"])
def test_a_strange_answer_about_the_lists_is_no_answer(bench, body):
    bench.handle(post("news@example.org", to="news@example.org"))
    bench.mailman.rest_body = body
    assert bench.handle(post("x", to="fresh@example.org")).disposition is Disposition.DEFERRED
    assert bench.handle(post("news@example.org", to="news@example.org", body="2")).disposition is Disposition.PROCESSED


def test_known_lists_survive_a_restart_without_mailman(bench):
    bench.handle(post("news@example.org", body="before"))
    bench.mailman.rest_works = False
    bench.renew()
    assert bench.handle(post("news@example.org", to="news@example.org")).disposition is Disposition.PROCESSED


def test_mail_for_the_site_is_sent_on_to_its_owner_once(bench):
    for _copy in range(2):
        assert (
            bench.handle(post("postorius@example.org", to="postorius@example.org")).disposition is Disposition.PROCESSED
        )
    (sent,) = bench.relay.taken
    assert (sent.sender, sent.recipient) == (ACCOUNT, "admin@example.com")
    assert bench.mailman.taken == []


def test_copies_for_the_site_in_two_mailboxes_are_sent_on_once(bench):
    message = post("postorius@example.org", to="postorius@example.org")
    meanwhile = []

    def other_mailbox(_taken) -> str:
        # While the relay takes the message, another thread comes to the copy in its mailbox.
        bench.relay.answer = lambda _taken: "250 Ok"
        meanwhile.append(bench.handle(message).disposition)
        return "250 Ok"

    bench.relay.answer = other_mailbox
    assert bench.handle(message).disposition is Disposition.PROCESSED
    assert meanwhile == [Disposition.DEFERRED]
    assert bench.handle(message).disposition is Disposition.PROCESSED
    assert len(bench.relay.taken) == 1
    assert bench.metrics.value("owner_total", mailbox=ACCOUNT) == 1
    assert bench.metrics.value("duplicates_total", mailbox=ACCOUNT) == 1


def test_a_canary_that_returned_is_recognised_and_sent_on_to_no_one(bench):
    # The list's own From is what tells it from a post on its way to the list.
    returned = post("news@example.org").replace(b"From: ana@example.com", b"From: news@example.org")
    returned = returned.replace(b"Subject:", b"X-Listkit-Canary: yes\nSubject:")
    outcome = bench.handle(returned)
    assert (outcome.disposition, outcome.notes) == (
        Disposition.PROCESSED,
        ["the site owner: the canary has returned", "not signed"],
    )
    signature = b"DKIM-Signature: v=1; d=Example.org;\n\ts=2025; h=from; b=x\n"
    signed = bench.handle(signature + signature.replace(b"2025", b"2024") + signature + returned)
    assert signed.notes[1] == "signed with 2025._domainkey.example.org, 2024._domainkey.example.org"
    assert bench.relay.taken == [] and bench.mailman.taken == []


def test_a_canary_on_its_way_to_the_list_is_delivered(bench):
    bench.handle(post("news@example.org").replace(b"Subject:", b"X-Listkit-Canary: yes\nSubject:"))
    assert len(bench.mailman.taken) == 1


def marked(address: str, secret: str = SECRET, message_id: str = "<1@example.com>") -> bytes:
    """A test message to news@example.org, marked as one to `address`."""
    mark = round_trip.mark(secret, message_id, address)
    return post("news@example.org").replace(b"Subject:", f"{round_trip.HEADER}: {mark}\nSubject:".encode())


def test_a_test_message_of_this_host_is_deleted_and_posted_nowhere(bench):
    bench.mailman.close()  # it needs no Mailman
    outcome = bench.handle(marked("News@example.org"))
    assert (outcome.disposition, outcome.notes) == (
        Disposition.DELETED,
        ["news@example.org: the test message has arrived"],
    )


@pytest.mark.parametrize(
    "forged",
    [
        marked("news@example.org", secret="guessed"),
        marked("dev@example.org"),
        marked("news@example.org", message_id="<2@example.com>"),
        post("news@example.org").replace(b"Subject:", b"X-Listkit-Round-Trip: \xff\nSubject:"),
        marked("news@example.org").replace(b"To: news@example.org\n", b""),
    ],
    ids=["another key", "another address", "another message", "no mark", "no recipient"],
)
def test_a_mark_that_this_host_has_not_made_deletes_nothing(bench, forged):
    outcome = bench.handle(forged)
    assert outcome.disposition is not Disposition.DELETED
    assert "arrived" not in "".join(outcome.notes)


def test_a_bounce_for_the_site_stays(bench):
    bounce = post("mailman@example.org").replace(b"<ana@example.com>", b"<>", 1)
    outcome = bench.handle(bounce)
    assert outcome.disposition is Disposition.UNROUTED
    assert bench.relay.taken == []


@pytest.mark.parametrize("address", ["mailman@example.org", "postorius@example.net", "news@example.org"])
def test_an_owner_whose_mail_we_read_gets_no_copies(bench, address):
    site_owner = dataclasses.replace(bench.configuration.site_owner, address=address)
    bench.configuration = dataclasses.replace(bench.configuration, site_owner=site_owner)
    bench.renew()
    bench.handle(post("news@example.org", to="news@example.org"))
    outcome = bench.handle(post("postorius@example.org", to="postorius@example.org"))
    assert outcome.disposition is Disposition.UNROUTED
    assert bench.relay.taken == []


def test_a_relay_that_is_away_or_says_later_is_tried_again(bench):
    message = post("postorius@example.org", to="postorius@example.org")
    bench.relay.answer = lambda _taken: "451 later"
    assert bench.handle(message).disposition is Disposition.DEFERRED
    bench.relay.answer = lambda _taken: None
    assert bench.handle(message).disposition is Disposition.DEFERRED
    bench.relay.answer = lambda _taken: "550 no"
    assert bench.handle(message).disposition is Disposition.REJECTED


def test_a_copy_that_another_thread_delivers_waits(bench):
    bench.handle(post("news@example.org"))
    delivery = bench.mailman.taken[0].delivery
    with bench.in_flight.claim(delivery) as ours:
        assert ours
        assert bench.handle(post("news@example.org")).disposition is Disposition.DEFERRED
    assert bench.handle(post("news@example.org")).disposition is Disposition.PROCESSED


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\n",
        b"\0\0\0",
        b"no header at all",
        b"x" * 100_000,
        b"Delivered-To: news@example.org\n" + b"x" * 100_000 + b"\n\nbody",
        b"Delivered-To: news@example.org\nContent-Type: multipart/mixed; boundary=\n\n--\n--",
        b"Delivered-To: news@example.org\nSubject: " + b"\xff\xfe" * 5000 + b"\n\n\x80\x81",
        b"Delivered-To: news@example.org\n\n" + b"line\r" * 1000 + b".\r\n.",
        b"Subject: x\n" * 200_000,
    ],
)
def test_any_message_is_passed_on_or_set_aside(bench, octets):
    assert bench.handle(octets).disposition in (Disposition.PROCESSED, Disposition.UNROUTED, Disposition.FAILED)

"""Test messages to the lists' addresses: which, how many, where each is, and what the findings say."""

from __future__ import annotations

import json
from email.message import EmailMessage

import pytest

from listkit.bridge.config import Configuration, Mailbox, Rest
from listkit.budget.accounts import Account, Site
from listkit.budget.answers import AnswerLimits
from listkit.budget.window import Limits
from listkit.check import cli, round_trip
from listkit.check.finding import Finding, Status
from listkit.common.configuration import ConfigurationError
from listkit.common.endpoints import Endpoint
from listkit.common.round_trip import HEADER, is_genuine
from listkit.reachability import BATCH, trips
from listkit.reachability.targets import Target, target, targets
from listkit.reachability.trips import Logs, State, Trip
from listkit.trace import bridge
from listkit.trace.event import Event

LIMITS = Limits(1440, 100, 86400, 57)
ANSWERS = AnswerLimits(per_recipient=2, per_list_and_hour=10)
SUFFIXES = ("bounces", "join", "owner")
SITE = Site(
    (Account("mailman@a.test", LIMITS), Account("second@a.test", LIMITS, {"dev@a.test": 0})),
    ("a.test", "b.test"),
    SUFFIXES,
    432000,
    ANSWERS,
)
BRIDGE = Configuration(
    mailboxes=(Mailbox("mailman@a.test", "mail.x.test", ""),),
    domains={"a.test": "a.test", "synonym.test": "a.test", "b.test": "b.test"},
    list_suffixes=frozenset(SUFFIXES),
    lmtp=Endpoint("127.0.0.1", 8024),
    rest=Rest("http://127.0.0.1:8001/3.1", "restadmin", ""),
    site_owner=None,
    state=None,
    metrics=None,
)
NEWS = Target("news@a.test", "mailman@a.test")


class TestTargets:
    def test_each_list_has_its_addresses_and_the_site_one(self):
        found = [one.address for one in targets(["dev@a.test", "news@a.test"], BRIDGE, SITE, catch_all=False)]
        assert found[:3] == ["postorius@a.test", "dev@a.test", "dev-bounces@a.test"]
        assert len(found) == len(set(found)) == 1 + 2 * 9

    def test_a_catch_all_needs_one_address_of_each_domain(self):
        found = targets(["z@a.test", "news@a.test", "x@b.test"], BRIDGE, SITE, catch_all=True)
        assert [one.address for one in found] == ["news@a.test", "x@b.test"]

    @pytest.mark.parametrize(
        ("address", "mailbox", "same_domain"),
        [
            ("news@a.test", "mailman@a.test", True),
            ("dev-join@a.test", "second@a.test", True),
            ("news@synonym.test", "mailman@a.test", True),
            ("x@b.test", "mailman@a.test", False),
        ],
    )
    def test_the_mailbox_of(self, address, mailbox, same_domain):
        assert target(address, BRIDGE, SITE) == Target(address, mailbox, same_domain)


def trip(number: int = 1, **more) -> Trip:
    return Trip(Target(f"l{number}@a.test", "mailman@a.test"), f"<{number}@a.test>", 100.0, **more)


def arrival(number: int = 1, id_of: int | None = None) -> Event:
    """What the bridge logs about a test message; `id_of`: another message's."""
    line = (
        f"mailman@a.test: INBOX/7 <{id_of or number}@a.test> via nothing:"
        f" l{number}@a.test: the test message has arrived: deleted"
    )
    [event] = bridge.parse([(104.0, line)])
    return event


def relayed(text: str, waiting: bool = False) -> Event:
    return Event(101, "relay", "<1@a.test>", text, ("l1@a.test",), waiting=waiting)


class TestStates:
    def state(self, *events: Event) -> Trip:
        [found] = trips.settled([trip()], events)
        return found

    def test_one_that_the_bridge_has_logged_has_arrived(self):
        found = self.state(relayed("4jd: accepted by the provider for l1@a.test: 250 Ok"), arrival())
        assert (found.state, found.seconds) == (State.ARRIVED, 4)

    def test_the_arrival_at_another_address_or_of_another_message_proves_nothing(self):
        assert self.state(arrival(2, id_of=1)).state is State.LOST
        assert self.state(arrival(1, id_of=2)).state is State.LOST

    def test_a_refusal_has_the_providers_words(self):
        found = self.state(relayed("4jd: refused for l1@a.test: 550 5.1.1 no such user"))
        assert (found.state, found.place) == (State.REFUSED, "550 5.1.1 no such user")

    def test_one_that_has_not_left(self):
        found = self.state(relayed("queued as 4jd"), relayed("4jd: waits (hold) for l1@a.test", waiting=True))
        assert (found.state, found.place) == (State.QUEUED, "4jd: waits (hold) for l1@a.test")


class TestFollowing:
    @pytest.fixture(autouse=True)
    def waits(self, monkeypatch):
        found = []
        monkeypatch.setattr(trips.time, "sleep", found.append)
        return found

    def logs(self, *looks: list[Event], filed: tuple[Event, ...] = ()) -> Logs:
        remaining, self.asked = list(looks), []

        def in_folders(ids, _since):
            self.asked += ids
            return filed

        return Logs(lambda _since: remaining.pop(0) if len(remaining) > 1 else remaining[0], in_folders)

    def test_it_waits_until_all_have_arrived_and_asks_no_mailbox(self, waits):
        found = trips.follow([trip(1), trip(2)], 60, self.logs([arrival(1)], [arrival(1), arrival(2)]))
        assert [one.state for one in found] == [State.ARRIVED] * 2
        assert len(waits) == 1 and self.asked == []

    def test_where_one_lies_that_did_not_arrive(self):
        spam = Event(90, "mailbox", "<2@a.test>", "lies in Spam of mailman@a.test")
        found = trips.follow([trip(1), trip(2), trip(3)], 0, self.logs([arrival(1)], filed=(spam,)))
        assert [one.state for one in found] == [State.ARRIVED, State.FILED, State.LOST]
        assert found[1].place == "lies in Spam of mailman@a.test"
        assert self.asked == ["<2@a.test>", "<3@a.test>"]

    def test_the_next_batch_leaves_only_while_few_are_lost(self, monkeypatch):
        sent = []

        def send(one, sender, secret):
            sent.append(one)
            return Trip(one, f"<{len(sent)}@a.test>", 100.0)

        monkeypatch.setattr(trips, "_send", send)
        wanted = [NEWS] * 35
        assert len(list(trips.make(wanted, "mailman@a.test", "key", 0, self.logs([])))) == BATCH
        assert len(sent) == BATCH
        queued = [Event(1, "relay", f"<{number}@a.test>", "waits", waiting=True) for number in range(100)]
        assert len(list(trips.make(wanted, "mailman@a.test", "key", 0, self.logs(queued)))) == len(wanted)


def test_the_message_is_marked_for_its_address_and_is_automatic():
    message: EmailMessage = trips.compose(NEWS, "mailman@a.test", "key")
    assert is_genuine("key", message["Message-ID"], message["To"], message[HEADER])
    assert (message["From"], message["Auto-Submitted"]) == ("mailman@a.test", "auto-generated")


class TestFindings:
    def findings(self, *found: Trip, untried: int = 0) -> list[Finding]:
        return list(round_trip.findings(found, [NEWS] * untried, 120))

    def test_all_arrived(self):
        [finding] = self.findings(trip(1, state=State.ARRIVED, seconds=3), trip(2, state=State.ARRIVED, seconds=7))
        assert (finding.status, finding.seen) == (Status.OK, "for 2 of 2 addresses, after 7 s at most")

    def test_the_missing_of_a_mailbox_are_named_with_the_click_path(self):
        dev = Trip(Target("dev@a.test", "second@a.test"), "<9@a.test>", 100)
        first, second = self.findings(trip(1), dev, trip(2))
        assert (first.status, first.seen) == (Status.CRITICAL, "none within 120 s for l1@a.test, l2@a.test")
        assert first.remedy == "in the Manager, Mail Service > mailman@a.test > Aliases > Add an alias: l1, l2"
        assert "second@a.test > Aliases > Add an alias: dev" in second.remedy

    def test_an_address_that_no_alias_can_be(self):
        [finding] = self.findings(Trip(Target("x@b.test", "mailman@a.test", same_domain=False), "<9@a.test>", 100))
        assert "mail_accounts" in finding.remedy

    @pytest.mark.parametrize(
        ("state", "status", "seen", "remedy"),
        [
            (State.REFUSED, Status.CRITICAL, "refused for l1@a.test: PLACE", "Aliases > Add an alias: l1"),
            (State.FILED, Status.WARNING, "l1@a.test: PLACE", "filter"),
            (State.QUEUED, Status.UNKNOWN, "1 messages have not left; PLACE", "`listkit budget`"),
        ],
    )
    def test_every_other_outcome(self, state, status, seen, remedy):
        [finding] = self.findings(trip(1, state=state, place="PLACE"))
        assert (finding.status, finding.seen) == (status, seen)
        assert remedy in finding.remedy

    def test_the_untried_are_counted(self):
        finding = self.findings(trip(1), untried=3)[-1]
        assert finding.status is Status.UNKNOWN and finding.seen.startswith("3 addresses were not tried")


class TestCommand:
    @pytest.fixture(autouse=True)
    def host(self, tmp_path, monkeypatch):
        """A host with one list and nothing wrong; the test messages to `lost` don't arrive."""
        self.lost, self.sent, self.left = set(), [], 1000
        (tmp_path / "bridge.json").write_text(json.dumps({"units": [], "catch_all": False}))
        (tmp_path / "password").write_text("key\n")
        self.status = tmp_path / "status.json"
        monkeypatch.setattr(round_trip.runner, "DIRECTORY", tmp_path)
        monkeypatch.setattr(round_trip, "PASSWORD_FILE", tmp_path / "password")
        monkeypatch.setattr(round_trip, "STATUS", self.status)
        monkeypatch.setattr(round_trip, "READY_SECONDS", 0)
        monkeypatch.setattr(round_trip.bridge_config, "load_without_passwords", lambda: BRIDGE)
        monkeypatch.setattr(round_trip.accounts, "load", lambda: SITE)
        monkeypatch.setattr(round_trip.RestClient, "of_this_host", lambda: self)
        monkeypatch.setattr(round_trip.bridge, "check_incoming", lambda: [Finding.ok("incoming mail", "fine")])
        monkeypatch.setattr(round_trip.relay, "check_outgoing", lambda: [Finding.ok("outgoing mail", "fine")])
        monkeypatch.setattr(round_trip.trips, "make", self.make)

    def entries(self, _path):
        return [{"fqdn_listname": "news@a.test"}]

    def make(self, wanted, sender, secret, patience):
        assert (sender, secret) == ("mailman@a.test", "key")
        self.sent += wanted
        states = {one: State.LOST if one.address in self.lost else State.ARRIVED for one in wanted}
        return [Trip(one, "<1@a.test>", 100, state) for one, state in states.items()]

    def run(self, *arguments: str) -> int:
        self.status.write_text(json.dumps({"accounts": [{"address": "mailman@a.test", "left_for_posts": self.left}]}))
        return cli.main(["--round-trip", *arguments])

    def test_every_address_is_tried_and_the_cost_is_announced(self, capsys):
        assert self.run() == 0
        output = capsys.readouterr()
        assert "10 test messages leave through mailman@a.test and count against its limit" in output.err
        assert "OK: 1 ok" in output.out and len(self.sent) == 10

    def test_named_addresses_only(self, capsys):
        self.lost = {"news-join@a.test"}
        assert self.run("News-Join@a.test", "news@a.test", "--json") == 2
        assert [one.address for one in self.sent] == ["news-join@a.test", "news@a.test"]
        found = json.loads(capsys.readouterr().out)
        assert {finding["component"] for finding in found} == {"addresses"}
        assert "Aliases > Add an alias: news-join" in found[1]["remedy"]

    def test_a_foreign_address_is_refused(self, capsys):
        assert self.run("ana@c.test") == 3
        output = capsys.readouterr().out
        assert "ana@c.test is not an address of the lists" in output and "their domains: a.test, " in output
        assert self.sent == []

    def test_nothing_is_sent_that_the_limit_does_not_allow(self, capsys):
        self.left = 9
        assert self.run() == 3
        assert "10 test messages, but mailman@a.test may send to 9 more recipients only" in capsys.readouterr().out
        assert self.sent == []

    @pytest.mark.parametrize("component", ["bridge", "relay"])
    def test_nothing_is_sent_while_the_way_is_closed(self, monkeypatch, capsys, component):
        name = {"bridge": "check_incoming", "relay": "check_outgoing"}[component]
        finding = Finding.critical("mail", "the bridge does not run", "`restart`")
        monkeypatch.setattr(getattr(round_trip, component), name, lambda: [finding])
        assert self.run() == 2
        assert "the bridge does not run" in capsys.readouterr().out and self.sent == []

    def test_a_bridge_that_has_just_started_is_waited_for(self, monkeypatch):
        looks = [Finding.critical("incoming mail", "not logged in", "`restart`"), Finding.ok("incoming mail", "fine")]
        monkeypatch.setattr(round_trip, "READY_SECONDS", 60)
        monkeypatch.setattr(round_trip.runner, "RETRY_SECONDS", 0.001)
        monkeypatch.setattr(round_trip.bridge, "check_incoming", lambda: [looks.pop(0) if len(looks) > 1 else looks[0]])
        assert self.run() == 0 and len(self.sent) == 10

    def test_a_relay_that_is_down(self, monkeypatch, capsys):
        def refuse(*_arguments):
            raise ConnectionRefusedError(111, "Connection refused")

        monkeypatch.setattr(round_trip.trips, "make", refuse)
        assert self.run() == 2
        assert "`listkit check --only relay`" in capsys.readouterr().out

    def test_another_host_than_that_of_core(self, monkeypatch, capsys):
        def missing():
            raise ConfigurationError("/etc/listkit/bridge.json: No such file")

        monkeypatch.setattr(round_trip.bridge_config, "load_without_passwords", missing)
        assert self.run() == 3
        assert "run it on the host of Mailman core" in capsys.readouterr().out

    def test_a_catch_all(self, tmp_path):
        (tmp_path / "bridge.json").write_text(json.dumps({"units": ["x.service"], "catch_all": True}))
        assert self.run() == 0
        assert [one.address for one in self.sent] == ["news@a.test"]

"""The canary: its message, the legs of its way, where it is when it does not return, and what is kept of it."""

import json
import smtplib
import time
from dataclasses import replace

import pytest

from listkit.canary import cli, record, rehearsal, round_trip
from listkit.canary.configuration import Canary, load
from listkit.canary.trip import LEGS, RoundTrip
from listkit.check.components import canary as component
from listkit.check.finding import Status
from listkit.common.canary import HEADER, RETURNED, noted_keys, signature_note
from listkit.trace.event import Event

CANARY = Canary("canary@a.test", "mailman@a.test")
ID = "<1@a.test>"
SENT = 100.0
KEY = "2025._domainkey.a.test"
EVENTS = [
    Event(100, "relay", ID, "queued as 4jd"),
    Event(101, "relay", ID, "4jd: accepted by the provider for canary@a.test: 250 Ok", ("canary@a.test",)),
    Event(103, "bridge", ID, "INBOX/1: delivered", ("canary@a.test",)),
    Event(107, "relay", ID, "4je: accepted by the provider for mailman@a.test: 250 Ok", ("mailman@a.test",)),
    Event(115, "bridge", ID, f"INBOX/2: the site owner: {RETURNED}; {signature_note([KEY])}; moved to Processed"),
]
OTHERS = [Event(event.time - 50, event.component, "<0@a.test>", event.text, event.people) for event in EVENTS]


class TestMessage:
    def test_it_has_the_mark_that_the_bridge_recognises_and_an_id_of_its_own(self):
        first, second = round_trip.compose(CANARY), round_trip.compose(CANARY)
        assert (first["To"], first["From"], first[HEADER]) == ("canary@a.test", "mailman@a.test", "yes")
        assert first["Message-ID"] != second["Message-ID"] and first["Message-ID"].endswith("@a.test>")

    def test_a_relay_that_does_not_accept_it_is_the_failure(self, monkeypatch):
        def refuse(*_arguments, **_more):
            raise smtplib.SMTPConnectError(421, "too busy")

        monkeypatch.setattr(round_trip.smtplib, "SMTP", refuse)
        trip = round_trip.make(CANARY, 0)
        assert not trip.returned
        assert trip.failure == "the relay does not accept mail: (421, 'too busy')"


class TestLegs:
    def test_each_takes_from_the_end_of_the_one_before(self):
        legs = round_trip.legs(RoundTrip(ID, SENT), CANARY, [*OTHERS, *EVENTS])
        assert legs == dict(zip(LEGS, [1, 2, 4, 8], strict=True))

    @pytest.mark.parametrize(("events", "made"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 3), (5, 4)])
    def test_only_those_that_were_made_count(self, events, made):
        assert list(round_trip.legs(RoundTrip(ID, SENT), CANARY, EVENTS[:events])) == list(LEGS[:made])

    def test_what_the_provider_deferred_was_not_made(self):
        deferred = Event(101, "relay", ID, "4jd: deferred for canary@a.test: 451", ("canary@a.test",))
        assert round_trip.legs(RoundTrip(ID, SENT), CANARY, [deferred]) == {}


@pytest.mark.parametrize("keys", [[], [KEY], [KEY, "x._domainkey.b.test"]])
def test_the_bridges_note_about_signatures_is_read_back(keys):
    assert noted_keys(f"INBOX/2: the site owner: {RETURNED}; {signature_note(keys)}; moved to Processed") == keys


def test_a_bridge_that_notes_no_signature_leaves_it_unknown():
    assert noted_keys(f"INBOX/2: the site owner: {RETURNED}; moved to Processed") is None


class Core:
    """Mailman's LMTP server; `last` is what it was given."""

    last: tuple = ()

    def __init__(self, *_address: object, timeout: float) -> None:
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_exception: object) -> None:
        pass

    def send_message(self, message, sender: str, recipients: list[str]) -> None:
        Core.last = message, sender, recipients


class TestRehearsal:
    def events(self, since: float) -> list[Event]:
        message = Core.last[0]
        return [
            Event(since + 5, "relay", "<0@a.test>", "queued as 4ja"),
            Event(since + 7, "relay", message["Message-ID"], "queued as 4jb"),
        ]

    def test_mailman_gets_the_message_and_postfix_its_copy(self, monkeypatch):
        monkeypatch.setattr(rehearsal.smtplib, "LMTP", Core)
        assert rehearsal.make(CANARY, 10, self.events) == pytest.approx(7 - round_trip.CLOCK_SECONDS)
        message, sender, recipients = Core.last
        assert (message[HEADER], sender, recipients) == ("yes", "mailman@a.test", ["canary@a.test"])

    def test_a_copy_that_never_comes_is_a_failure(self, monkeypatch):
        monkeypatch.setattr(rehearsal.smtplib, "LMTP", Core)
        with pytest.raises(rehearsal.Failed, match=r"<.*@a\.test> on within 0 s"):
            rehearsal.make(CANARY, 0, lambda _since: [])

    def test_core_that_is_down_is_a_failure(self, monkeypatch, capsys):
        def refuse(*_arguments: object, **_more: object) -> None:
            raise ConnectionRefusedError(111, "Connection refused")

        monkeypatch.setattr(rehearsal.smtplib, "LMTP", refuse)
        monkeypatch.setattr(cli, "load", lambda: CANARY)
        assert cli.main(["rehearse"]) == 1
        assert "Mailman does not accept mail" in capsys.readouterr().err


class TestFollowing:
    def follow(self, monkeypatch, *looks, patience=10.0):
        waits, remaining = [], list(looks)
        monkeypatch.setattr(round_trip.time, "sleep", waits.append)
        monkeypatch.setattr(round_trip, "whereabouts", lambda _trip, seconds: f"not back after {seconds:.0f} s; lost")
        events = lambda: remaining.pop(0) if len(remaining) > 1 else remaining[0]  # noqa: E731 -- the last look lasts
        return round_trip.follow(RoundTrip(ID, SENT), CANARY, patience, events), waits

    def test_it_looks_until_the_message_has_returned(self, monkeypatch):
        trip, waits = self.follow(monkeypatch, EVENTS[:1], EVENTS[:3], EVENTS)
        assert trip.returned and not trip.failure and trip.keys == [KEY]
        assert waits == [1, 2]

    def test_patience_ends(self, monkeypatch):
        trip, waits = self.follow(monkeypatch, EVENTS[:3], patience=0)
        assert (trip.returned, list(trip.legs), waits, trip.keys) == (False, list(LEGS[:2]), [], None)
        assert trip.failure == "not back after 0 s; lost"


class TestWhereabouts:
    def ask(self, monkeypatch, *events):
        from listkit.trace.tracing import Source

        monkeypatch.setattr(round_trip, "sources", lambda _since: [Source("log", lambda *_: events)])
        return round_trip.whereabouts(RoundTrip(ID, SENT), 300)

    def test_the_last_thing_that_happened(self, monkeypatch):
        found = self.ask(monkeypatch, *EVENTS[:2])
        assert found == "not back after 300 s; relay: 4jd: accepted by the provider for canary@a.test: 250 Ok"

    def test_where_it_waits_counts_more(self, monkeypatch):
        waiting = Event(90, "relay", ID, "4jd: waits (hold)", waiting=True)
        assert self.ask(monkeypatch, waiting, *EVENTS[:1]).endswith("; relay: 4jd: waits (hold)")

    def test_spam_is_found(self, monkeypatch):
        spam = Event(90, "mailbox", ID, "lies in Spam of mailman@a.test")
        failure = self.ask(monkeypatch, spam, *EVENTS[:2])
        assert RoundTrip(ID, SENT, failure=failure).in_spam

    def test_no_log_mentions_it(self, monkeypatch):
        assert self.ask(monkeypatch).endswith("no log mentions it")


def returned(age=60.0) -> RoundTrip:
    return RoundTrip(ID, time.time() - age, dict.fromkeys(LEGS, 2.0))


class TestRecord:
    def test_the_keys_are_those_of_the_last_one_that_returned(self, tmp_path):
        path, metrics = tmp_path / "last.json", tmp_path / "m.prom"
        assert record.signing_keys(path) is None
        record.save(replace(returned(), keys=[KEY]), path, metrics)
        assert "keys" not in json.loads(path.read_text()), "version 0.1.0 would fail"
        record.save(RoundTrip(ID, SENT, {}, "not back"), path, metrics)
        assert record.signing_keys(path) == [KEY]

    @pytest.mark.parametrize("trip", [returned(), RoundTrip(ID, SENT, {LEGS[0]: 1.0}, "not back")])
    def test_it_is_read_back(self, tmp_path, trip):
        record.save(trip, tmp_path / "a/last.json", tmp_path / "b/metrics.prom")
        assert record.load(tmp_path / "a/last.json") == trip

    def test_a_leg_that_was_not_made_has_no_duration(self, tmp_path):
        record.save(RoundTrip(ID, SENT, {LEGS[0]: 1.5}, "not back"), tmp_path / "last.json", tmp_path / "m.prom")
        lines = (tmp_path / "m.prom").read_text()
        assert "listkit_canary_success 0\n" in lines
        assert 'listkit_canary_leg_seconds{leg="to the provider"} 1.5\n' in lines
        assert lines.count("listkit_canary_leg_seconds{") == 1


class TestCheck:
    def finding(self, tmp_path, trip=None, minutes=30):
        (tmp_path / "canary.json").write_text("{}")
        if trip:
            record.save(trip, tmp_path / "last.json", tmp_path / "m.prom")
        [finding] = component.check_canary(minutes, tmp_path / "last.json", tmp_path / "canary.json")
        return finding

    def test_one_that_returned(self, tmp_path):
        finding = self.finding(tmp_path, returned())
        assert finding.status is Status.OK and finding.seen.endswith(", back after 8 s")

    def test_before_the_first_one(self, tmp_path):
        assert self.finding(tmp_path).status is Status.OK

    def test_one_that_is_missing(self, tmp_path):
        finding = self.finding(tmp_path, returned(age=3 * 30 * 60))
        assert finding.status is Status.CRITICAL
        assert finding.seen.startswith("none was sent since 20")
        assert "`systemctl restart listkit-canary.timer`" in finding.remedy

    def test_one_that_did_not_return_says_where_it_is(self, tmp_path):
        finding = self.finding(tmp_path, RoundTrip(ID, time.time(), {}, "not back after 300 s; relay: waits"))
        assert finding.status is Status.CRITICAL
        assert finding.seen.endswith("not back after 300 s; relay: waits")
        assert f"`listkit trace '{ID}'`" in finding.remedy

    def test_spam_is_a_finding_of_its_own(self, tmp_path):
        lost = self.finding(tmp_path, RoundTrip(ID, time.time(), {}, "not back; mailbox: lies in Spam of m@a.test"))
        [spam] = component.check_spam(tmp_path / "last.json")
        assert spam.status is lost.status is Status.CRITICAL
        assert spam.name != lost.name and "spam filter" in spam.remedy

    def test_one_that_is_not_in_spam(self, tmp_path):
        assert [one.status for one in component.check_spam(tmp_path / "last.json")] == [Status.OK]
        self.finding(tmp_path, RoundTrip(ID, time.time(), {}, "not back; relay: waits"))
        assert [one.status for one in component.check_spam(tmp_path / "last.json")] == [Status.OK]


class TestCommand:
    @pytest.fixture(autouse=True)
    def trip(self, monkeypatch):
        saved = []
        monkeypatch.setattr(cli, "load", lambda: CANARY)
        monkeypatch.setattr(cli, "make", lambda _canary, _patience: self.result)
        monkeypatch.setattr(cli.record, "save", saved.append)
        monkeypatch.setattr(cli.record, "load", lambda: saved[-1] if saved else None)

    def test_the_legs_are_printed(self, capsys):
        self.result = returned()
        assert cli.main(["now"]) == 0
        assert "round trip" in capsys.readouterr().out
        assert cli.main(["last"]) == 0

    def test_one_that_did_not_return(self, capsys):
        self.result = RoundTrip(ID, SENT, {}, "not back after 300 s; relay: waits")
        assert cli.main(["now"]) == 1
        assert f"{ID}: not back after 300 s; relay: waits" in capsys.readouterr().out
        assert cli.main(["now", "--quiet"]) == 0

    def test_before_the_first_one(self, capsys):
        assert cli.main(["last"]) == 3
        assert "listkit canary now" in capsys.readouterr().err

    def test_without_a_configuration(self, capsys, monkeypatch, tmp_path):
        monkeypatch.setattr(cli, "load", lambda: load(tmp_path / "missing.json"))
        assert cli.main(["now"]) == 3
        assert "canary_interval" in capsys.readouterr().err

"""The search over all sources, and the command."""

import json
import os

import pytest

from listkit.trace import cli, report
from listkit.trace.event import Event, Query
from listkit.trace.tracing import Source, Trace, trace

ID = "<1@b.test>"


def source(name: str, *events: Event) -> Source:
    return Source(name, lambda *_: events)


def event(time: float, station: str, text: str, message_id: str = ID, **rest) -> Event:
    return Event(time, station, message_id, text, **rest)


def broken(*_):
    raise OSError("no route to host")


class TestSearch:
    SOURCES = (
        source("log", event(3, "Mailman", "accepted"), event(9, "Mailman", "of another", "<2@b.test>")),
        source("postfix", event(4, "relay", "sent", people=("Reader@b.test",))),
        source("mailbox", event(1, "mailbox", "lies there", subject="About Lunch", people=("ann@b.test",))),
    )

    @pytest.mark.parametrize(
        "text", [ID, "1@b.test", " <1@B.TEST> ", "reader@b.test", "ann@b.test", "about lunch", "LUNCH"]
    )
    def test_one_source_that_matches_brings_the_events_of_all(self, text):
        [found] = trace(Query(text), self.SOURCES, 10).messages
        assert [one.text for one in found.events] == ["lies there", "accepted", "sent"]
        assert (found.message_id, found.subject) == (ID, "About Lunch")

    @pytest.mark.parametrize("text", ["<3@b.test>", "b.test", "dinner", ""])
    def test_what_does_not_match_is_not_shown(self, text):
        assert trace(Query(text), self.SOURCES, 10).messages == ()

    def test_the_latest_are_shown(self):
        posts = [event(number, "Mailman", "x", f"<{number}@b.test>", people=("dev@a.test",)) for number in range(5)]
        found = trace(Query("dev@a.test"), [source("log", *posts)], 2)
        assert [message.message_id for message in found.messages] == ["<3@b.test>", "<4@b.test>"]
        assert found.more == 3

    def test_a_source_is_given_the_messages_that_the_earlier_ones_found(self):
        seen = []

        def mailbox(_query, known):
            seen.extend(known)
            return ()

        trace(Query("reader@b.test"), [*self.SOURCES, Source("the mailboxes", mailbox)], 10)
        assert seen == [ID]

    def test_one_that_cannot_be_read_does_not_hide_the_others(self):
        found = trace(Query(ID), [Source("Postfix", broken), *self.SOURCES], 10)
        assert found.failures == ("Postfix: no route to host",)
        assert len(found.messages) == 1

    def test_messages_without_an_id_are_not_mixed_up(self):
        first, second = (event(n, "relay", "x", "", people=(f"{n}@b.test",)) for n in (1, 2))
        [found] = trace(Query("2@b.test"), [source("postfix", first, second)], 10).messages
        assert found.events == (second,)

    def test_within_a_second_the_order_is_that_of_the_way(self):
        events = [event(5.0, "Mailman", "accepted"), event(5.9, "bridge", "delivered"), event(5.1, "relay", "sent")]
        [found] = trace(Query(ID), [source("log", *events)], 10).messages
        assert [one.text for one in found.events] == ["delivered", "accepted", "sent"]


class TestReport:
    def lines(self, *events: Event, text: str = ID) -> str:
        found = trace(Query(text), [source("log", *events)], 10)
        return "\n".join(report.as_text(found, Query(text)))

    def test_what_waits_is_marked(self):
        done, waiting = self.lines(
            event(0, "Mailman", "held"), event(1, "Mailman", "waits", waiting=True)
        ).splitlines()[1:3]
        assert "▶" not in done and "▶ Mailman" in waiting

    def test_a_recipient_among_many_is_named(self):
        many = tuple(f"r{number}@b.test" for number in range(9))
        assert "accepted for 9 recipients (with r7@b.test)" in self.lines(
            event(1, "relay", "accepted for 9 recipients", people=many), text="R7@b.test"
        )

    def test_a_strangers_text_does_not_control_the_terminal(self):
        assert "\x1b" not in self.lines(event(1, "mailbox", "\x1b[2J", subject="\x1b[31m"))

    def test_json_has_all(self):
        found = trace(Query(ID), [source("log", event(1, "relay", "x", waiting=True)), Source("p", broken)], 10)
        answer = json.loads(report.as_json(found))
        assert answer["messages"][0]["waits"] is True
        assert answer["messages"][0]["events"][0]["text"] == "x"
        assert answer["failures"] == ["p: no route to host"]


class TestCommand:
    @pytest.fixture(autouse=True)
    def host(self, monkeypatch, tmp_path):
        self.sources = [source("log", event(1, "Mailman", "accepted"))]
        monkeypatch.setattr(cli, "CORE", tmp_path)
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(cli, "sources", lambda _since: self.sources)

    def test_a_message_that_is_found(self, capsys):
        assert cli.main([ID]) == 0
        assert "accepted" in capsys.readouterr().out

    def test_none_is_found(self, capsys):
        assert cli.main(["x@y.test"]) == 1
        assert "no message of the last 5 days matches 'x@y.test'" in capsys.readouterr().err

    def test_a_source_that_cannot_be_read(self, capsys):
        self.sources.append(Source("Postfix", broken))
        assert cli.main([ID]) == 3
        assert "could not be read: Postfix: no route to host" in capsys.readouterr().out

    def test_only_root_may_read_logs(self, capsys, monkeypatch):
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        assert cli.main([ID]) == 3
        assert "sudo listkit trace" in capsys.readouterr().err

    def test_without_the_key_it_says_how_the_host_gets_one(self, capsys, monkeypatch, tmp_path):
        monkeypatch.setattr(cli, "CORE", tmp_path / "missing")
        assert cli.main([ID]) == 3
        assert "run the playbook on all hosts of the site, which copies the key" in capsys.readouterr().err


def test_nothing_found_is_no_message():
    assert list(report.as_text(Trace((), 0, ()), Query("x"))) == []

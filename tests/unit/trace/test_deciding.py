"""`listkit release`, `discard` and `repost`."""

from __future__ import annotations

import http.server
import json
import threading
from pathlib import Path

import pytest

from listkit.common.rest import RestClient
from listkit.trace import deciding, mailbox
from listkit.trace.deciding import discard, release, repost
from listkit.trace.event import Event, Query
from listkit.trace.place import Held, Place, Queued, SetAside, Stored
from listkit.trace.tracing import Trace, TracedMessage

ID = "<1@b.test>"
BY_ID = Query("1@b.test")
HELD, IN_REJECTED = Held("dev.a.test", 7), Stored("lists@a.test", "Rejected", 12)


def found(*places: Place, count: int = 1, failures: tuple[str, ...] = ()) -> Trace:
    """What a search has found: messages, each of them at these places, and the sources that could not be read."""
    events = tuple(Event(1, "Mailman", ID, "x", place=place) for place in (None, *places))
    return Trace((TracedMessage(ID, events),) * count, 0, failures)


@pytest.fixture
def moderated(monkeypatch) -> list[tuple[str, dict]]:
    """What Mailman's REST API was asked."""
    asked = []

    class Api(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = RestClient("secret", f"http://127.0.0.1:{server.server_port}/3.1")
    monkeypatch.setattr(RestClient, "of_this_host", classmethod(lambda cls: client))
    yield asked
    server.shutdown()
    server.server_close()


@pytest.fixture
def postfix(tmp_path, monkeypatch) -> Path:
    """A file with the commands that were given to Postfix."""
    commands = tmp_path / "commands"
    for name in ("postsuper", "postqueue"):
        (tmp_path / name).write_text(
            f'#!/bin/sh\n[ "$2" != GONE ] || {{ echo no such file >&2; exit 1; }}\necho {name} "$@" >> {commands}\n'
        )
        (tmp_path / name).chmod(0o755)
    (tmp_path / "systemd-run").write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n')
    (tmp_path / "systemd-run").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return commands


@pytest.mark.parametrize(("decision", "action"), [(release, "accept"), (discard, "discard")])
def test_a_held_post_is_decided_as_a_moderator_would(moderated, decision, action, capsys):
    assert deciding.decide(decision, BY_ID, found(HELD), print) == deciding.DONE
    assert moderated == [("/3.1/lists/dev.a.test/held/7", {"action": action})]
    assert "dev.a.test: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("decision", "place", "command"),
    [
        (release, Queued("4AB", "hold"), "postsuper -H 4AB"),
        (release, Queued("4AB", "deferred"), "postqueue -i 4AB"),
        (discard, Queued("4AB", "hold"), "postsuper -d 4AB"),
    ],
)
def test_postfix_gets_a_command_for_the_one_message(postfix, decision, place, command):
    assert deciding.decide(decision, BY_ID, found(place), print) == deciding.DONE
    assert postfix.read_text() == f"{command}\n"


def test_each_place_of_a_message_is_decided(postfix, moderated):
    assert deciding.decide(release, BY_ID, found(HELD, Queued("4AB", "hold"), IN_REJECTED), print) == deciding.DONE
    assert (len(moderated), postfix.read_text()) == (1, "postsuper -H 4AB\n")


def test_a_message_that_was_set_aside_is_deleted(tmp_path):
    file = tmp_path / "1.pck"
    file.touch()
    assert deciding.decide(discard, BY_ID, found(SetAside(str(file))), print) == deciding.DONE
    assert not file.exists()


def test_a_message_in_a_folder_is_moved_to_the_one_that_the_bridge_reads_again(monkeypatch, capsys):
    moved = []
    monkeypatch.setattr(mailbox, "replay", lambda place: moved.append(place) or "Replay")
    assert deciding.decide(repost, BY_ID, found(IN_REJECTED), print) == deciding.DONE
    assert moved == [IN_REJECTED]
    assert "from Rejected to Replay" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("decision", "place", "advice"),
    [
        (release, SetAside("/q/shunt/1.pck"), "mailman unshunt"),
        (release, IN_REJECTED, "sudo listkit repost"),
        (discard, IN_REJECTED, "webmail"),
        (repost, HELD, "only a message in a folder"),
    ],
)
def test_where_a_decision_is_not_possible_it_says_what_is(decision, place, advice, capsys):
    assert deciding.decide(decision, BY_ID, found(place), print) == deciding.NOT_POSSIBLE
    assert advice in capsys.readouterr().out


def test_a_message_that_waits_nowhere_is_left_alone(capsys):
    assert deciding.decide(release, BY_ID, found(), print) == deciding.NOT_POSSIBLE
    assert capsys.readouterr().out == "it waits nowhere\n"


@pytest.mark.parametrize("count", [0, 2])
def test_it_decides_on_one_message_only(moderated, count, capsys):
    assert deciding.decide(release, BY_ID, found(HELD, count=count), print) == deciding.NOT_ONE
    assert moderated == []
    assert capsys.readouterr().out.count(ID) == count


@pytest.mark.parametrize(("query", "status"), [(BY_ID, deciding.DONE), (Query("minutes"), deciding.NOT_ONE)])
def test_what_could_not_be_read_may_have_another_message_unless_the_id_is_given(moderated, query, status, capsys):
    trace = found(HELD, failures=("mailbox: timed out",))
    assert deciding.decide(discard, query, trace, print) == status
    assert bool(moderated) == (status == deciding.DONE)
    if status != deciding.DONE:
        assert "more than one message may match" in capsys.readouterr().out


def test_a_failure_is_shown_with_its_reason(postfix, capsys):
    assert deciding.decide(release, BY_ID, found(Queued("GONE", "hold")), print) == deciding.FAILED
    assert capsys.readouterr().out == "failed: no such file\n"

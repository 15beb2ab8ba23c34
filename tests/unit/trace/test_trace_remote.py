"""`listkit trace` on a host without Mailman's core: core's host carries it out, for root only."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import pytest

from listkit.common.rest import Unreachable
from listkit.trace import cli, remote, serving

KEY = "k3y"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The key of the site, on both hosts."""
    file = tmp_path / "trace_key"
    file.write_text(f"{KEY}\n")
    return file


class Commands:
    """The commands on core's host, and with which arguments they ran."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.table = {"trace": self.trace, "release": cli.release}

    def trace(self, argv: list[str]) -> int:
        self.asked.append(argv)
        # Meanwhile, the first answer is a ticket.
        time.sleep(0.1)
        print("1 message")
        return 1


@pytest.fixture
def commands() -> Commands:
    """Commands of which none has run."""
    return Commands()


@pytest.fixture
def client(tmp_path: Path, key: Path, commands: Commands):
    """Mailman's REST API on core's host, in front of the unit's real socket."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "socket"))
    listening.listen()
    desk = serving.Desk(commands.table, key)
    server = threading.Thread(target=serving.serve, args=(listening, desk, 0.5))
    server.start()

    class Client:
        def post_json(self, path: str, body: dict) -> dict:
            assert path == "plugins/listkit/trace"
            # As `listkit.mailman.tracing` does, which can only be imported where Mailman is.
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(tmp_path / "socket"))
                connection.sendall(json.dumps(body).encode() + b"\n")
                with connection.makefile("rb") as stream:
                    return json.loads(stream.read())

    yield Client()
    server.join()
    listening.close()


def test_what_the_other_host_prints_is_printed_and_its_status_returned(client, key, commands, capsys):
    assert remote.ask("trace", ["--json", "a subject"], client, key) == 1
    assert commands.asked == [["--json", "a subject"]]
    assert capsys.readouterr().out == "1 message\n"


def test_whoever_does_not_have_the_key_is_refused(client, tmp_path, commands, capsys):
    (tmp_path / "other").write_text("guessed")
    assert remote.ask("trace", ["x"], client, tmp_path / "other") == remote.FAILED
    assert commands.asked == []
    assert "the key is not that of this site" in capsys.readouterr().err


def test_a_host_without_a_key_refuses_everything(tmp_path, commands):
    request = json.dumps({"key": "", "command": "trace", "argv": ["x"]}).encode()
    answer = serving.Desk(commands.table, tmp_path / "none").answer(request)
    assert answer["status"] == remote.FAILED
    assert commands.asked == []


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b'{"key": "k3y"}',
        b'{"key": "k3y", "command": "backup", "argv": []}',
        b'{"key": "k3y", "ticket": "guessed"}',
    ],
)
def test_what_is_not_a_request_is_refused(line, commands, key):
    answer = serving.Desk(commands.table, key).answer(line)
    assert answer["status"] == remote.FAILED and answer["err"].startswith("not a request")


def test_options_that_the_command_refuses_do_not_end_the_server(client, key, capsys):
    assert remote.ask("release", ["--no-such-option"], client, key) == remote.FAILED
    assert "usage: listkit release" in capsys.readouterr().err
    assert remote.ask("trace", ["x"], client, key) == 1


def test_a_result_that_does_not_come_is_an_error(key, monkeypatch, capsys):
    class Busy:
        def post_json(self, path: str, body: dict) -> dict:
            return {"ticket": "1"}

    monkeypatch.setattr(remote, "MOST_SECONDS", 0.05)
    monkeypatch.setattr(remote, "POLL_SECONDS", 0.01)
    assert remote.ask("trace", ["x"], Busy(), key) == remote.FAILED
    assert "not within" in capsys.readouterr().err


def test_it_ends_when_nothing_is_asked(tmp_path, key):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.listen()
        serving.serve(listening, serving.Desk({}, key), 0.05)


def test_another_host_that_gives_no_answer_is_an_error(key, capsys):
    class Down:
        def post_json(self, path: str, body: dict) -> dict:
            raise Unreachable("POST http://x: refused")

    assert remote.ask("trace", ["x"], Down(), key) == remote.FAILED
    assert "refused; `listkit check` says why" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["trace", "release", "discard", "repost"])
def test_without_core_and_without_a_key_the_command_says_where_the_key_comes_from(
    monkeypatch, tmp_path, command, capsys
):
    monkeypatch.setattr(cli.os, "geteuid", lambda: 0)
    monkeypatch.setattr(cli, "CORE", tmp_path / "mailman.cfg")
    monkeypatch.setattr(remote, "KEY", tmp_path / "none")
    assert (cli.main if command == "trace" else getattr(cli, command))(["a subject"]) == remote.FAILED
    assert f"({tmp_path}/none); run the playbook on all hosts of the site" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["trace", "release", "discard", "repost"])
def test_without_core_the_other_host_is_asked(monkeypatch, tmp_path, key, command):
    asked = []
    monkeypatch.setattr(cli.os, "geteuid", lambda: 0)
    monkeypatch.setattr(cli, "CORE", tmp_path / "mailman.cfg")
    monkeypatch.setattr(remote, "KEY", key)
    monkeypatch.setattr(remote, "ask", lambda name, argv: asked.append((name, argv)) or 0)
    assert (cli.main if command == "trace" else getattr(cli, command))(["a subject"]) == 0
    assert asked == [(command, ["a subject"])]

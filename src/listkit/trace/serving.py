"""Carrying out `listkit trace` and the decisions for another host of the site (`remote`); started by systemd's socket.

Each connection has one request and its answer, a line of JSON each. A request has the `key`, and either `command` and
`argv` or the `ticket` of an earlier one. The answer has a `ticket` as long as the command runs; then, once, its exit
`status`, and what it printed as `out` and `err`.
"""

from __future__ import annotations

import hmac
import io
import json
import secrets
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from listkit.trace.remote import FAILED, KEY

Commands = Mapping[str, Callable[[list[str]], int]]
"""A command by its name: takes its arguments, prints, and returns the exit status."""
Answer = dict[str, Any]
MOST_BYTES = 100_000
READ_SECONDS = 10
IDLE_SECONDS = 30
LISTENING = 3
"""The number under which systemd hands over the socket."""


def serve_systemd(commands: Commands) -> None:
    """Answer requests at the socket of the unit, until none comes for a while."""
    with socket.socket(fileno=LISTENING) as listening, Desk(commands) as desk:
        serve(listening, desk, IDLE_SECONDS)


def serve(listening: socket.socket, desk: Desk, idle_seconds: float) -> None:
    """Answer requests, until none comes for this long."""
    listening.settimeout(idle_seconds)
    while True:
        try:
            connection, _ = listening.accept()
        except TimeoutError:
            return
        with connection, connection.makefile("rb") as stream:
            connection.settimeout(READ_SECONDS)
            try:
                connection.sendall(json.dumps(desk.answer(stream.readline(MOST_BYTES))).encode())
            except OSError:
                continue  # the client has gone


class Desk:
    """The commands that were asked for, one at a time, and their results until they are fetched."""

    def __init__(self, commands: Commands, key: Path = KEY) -> None:
        self._commands, self._key = commands, key
        self._results: dict[str, Future[Answer]] = {}
        # What a command prints is caught for the whole process.
        self._worker = ThreadPoolExecutor(1)

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.shutdown()

    def answer(self, line: bytes) -> Answer:
        """Answer a request."""
        try:
            request = json.loads(line)
            if not self._is_key(str(request["key"])):
                return _refusal("the key is not that of this site; the playbook copies it to every host of the site")
            ticket = request["ticket"] if "ticket" in request else self._begin(request)
            result = self._results[ticket]
        except (ValueError, KeyError, TypeError) as error:
            return _refusal(f"not a request: {type(error).__name__}")
        return self._results.pop(ticket).result() if result.done() else {"ticket": ticket}

    def _is_key(self, given: str) -> bool:
        return self._key.exists() and hmac.compare_digest(self._key.read_bytes().strip(), given.encode())

    def _begin(self, request: Mapping[str, Any]) -> str:
        command, argv = self._commands[request["command"]], [*map(str, request["argv"])]
        ticket = secrets.token_hex(16)
        self._results[ticket] = self._worker.submit(_carry_out, command, argv)
        return ticket


def _carry_out(command: Callable[[list[str]], int], argv: list[str]) -> Answer:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = command(argv)
        except SystemExit as error:  # argparse refuses the options
            status = FAILED if error.code else 0
    return {"status": status, "out": out.getvalue(), "err": err.getvalue()}


def _refusal(text: str) -> Answer:
    return {"status": FAILED, "out": "", "err": f"{text}\n"}

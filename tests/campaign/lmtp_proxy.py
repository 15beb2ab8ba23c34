"""Stands between the bridge and Mailman's LMTP server on the host, and breaks what the mode says.

usage: python3 lmtp_proxy.py MODE-FILE     from 127.0.0.1:8025 to 127.0.0.1:8024

The mode file, read for each message, holds one line:
    pass                  break nothing
    answer REPLY          answer REPLY to DATA, without asking Mailman
    cut-data P            with probability P, cut the connection in the middle of the message
    lose-250 P            with probability P, cut it after Mailman took the message, before it can say so
    kill-bridge P         with probability P, kill -9 the bridge at that same moment

The first message after a change of mode is always hit, so that no fault stays away by chance.
What Mailman took is logged in /run/campaign-taken: time and Message-ID; each hit in /run/campaign-hits: time and mode.
"""

from __future__ import annotations

import random
import socket
import socketserver
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

LISTEN, MAILMAN = ("127.0.0.1", 8025), ("127.0.0.1", 8024)
MODE = Path(sys.argv[1])
TAKEN, HITS = Path("/run/campaign-taken"), Path("/run/campaign-hits")


class Cut(Exception):
    """Close both connections."""


class Proxy(socketserver.StreamRequestHandler):
    """One connection of the bridge's."""

    def handle(self) -> None:
        with socket.create_connection(MAILMAN, 30) as mailman, mailman.makefile("rwb") as server:
            try:
                self.wfile.write(reply(server))
                for line in self.rfile:
                    self.command(line, server)
            except (Cut, OSError):
                return

    def command(self, line: bytes, server: BinaryIO) -> None:
        mode, _, argument = MODE.read_text().strip().partition(" ")
        is_data = line.upper().startswith(b"DATA")
        if is_data and mode == "answer":
            hit(mode)
            self.wfile.write(argument.encode() + b"\r\n")
            return
        answer = ask(server, line)
        self.wfile.write(answer)
        if is_data and answer.startswith(b"354"):
            self.message(server, mode if mode != "pass" and self.server.unlucky(mode, float(argument)) else "pass")

    def message(self, server: BinaryIO, mode: str) -> None:
        message_id = b"-"
        for number, line in enumerate(self.rfile):
            if line.lower().startswith(b"message-id:"):
                message_id = line.split()[-1]
            if mode == "cut-data" and number == 3:
                hit(mode)
                raise Cut
            server.write(line)
            if line == b".\r\n":
                break
        answer = ask(server, b"")
        if answer.startswith(b"250"):
            with TAKEN.open("a") as log:
                log.write(f"{time.time()} {message_id.decode()}\n")
        if answer.startswith(b"250") and mode in ("lose-250", "kill-bridge"):
            hit(mode)
            if mode == "kill-bridge":
                subprocess.run(["systemctl", "kill", "--signal=KILL", "listkit-bridge.service"], check=True)
            raise Cut
        self.wfile.write(answer)


def hit(mode: str) -> None:
    with HITS.open("a") as log:
        log.write(f"{time.time()} {mode}\n")


def ask(server: BinaryIO, line: bytes) -> bytes:
    server.write(line)
    server.flush()
    return reply(server)


def reply(server: BinaryIO) -> bytes:
    lines = [server.readline()]
    while lines[-1][3:4] == b"-":
        lines.append(server.readline())
    if not lines[-1]:
        raise Cut
    return b"".join(lines)


class Server(socketserver.ThreadingTCPServer):
    """The proxy's listener."""

    allow_reuse_address = True
    daemon_threads = True
    _mode = ""

    def unlucky(self, mode: str, probability: float) -> bool:
        """Whether the next message is hit; the first one of a mode always is."""
        first, self._mode = mode != self._mode, mode
        return first or random.random() < probability  # noqa: S311 (a test's dice)


if __name__ == "__main__":
    Server(LISTEN, Proxy).serve_forever()

"""A thin client of LMTP (RFC 2033, to Mailman) and SMTP (to the local relay).

One recipient in a transaction: Mailman gives a message with defects one answer for all. The message is streamed block
by block. Nothing here tries again.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable
from dataclasses import dataclass

_LINE_OCTETS = 65_536


class SmtpError(Exception):
    """The server can't be talked to: what became of the message is not known."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the server, and the command that it answers."""

    code: int
    text: str
    command: str

    def __str__(self) -> str:
        return f"{self.command}: {self.code} {self.text}"


class SmtpConnection:
    """One connection. Every method raises `SmtpError` when the connection fails."""

    def __init__(self, host: str, port: int, hello: str, timeout_seconds: float) -> None:
        """hello: LHLO for LMTP, EHLO for SMTP."""
        self._peer = f"{host}:{port}"
        try:
            self._sock = socket.create_connection((host, port), timeout=timeout_seconds)
            # The small writes of a dialogue would wait for delayed acknowledgements, 40 ms each.
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._file = self._sock.makefile("rb")
        except OSError as error:
            raise SmtpError(f"{self._peer}: {error}") from error
        self._require_ok("greeting", self._read("greeting"))
        self._require_ok(hello, self._command(hello, f"{hello} localhost"))

    def deliver(self, sender: str, recipient: str, blocks: Iterable[bytes]) -> Reply:
        """Deliver one message to one recipient; the last reply says what became of it.

        blocks: whole lines with CRLF; dots are doubled here.
        """
        for name, line in (("MAIL", f"MAIL FROM:<{sender}>"), ("RCPT", f"RCPT TO:<{recipient}>"), ("DATA", "DATA")):
            reply = self._command(name, line)
            if reply.code >= 400:
                self._command("RSET", "RSET")
                return reply
        if reply.code != 354:
            # As a final reply it would lose the message.
            raise SmtpError(f"{self._peer} answered DATA with {reply.code} before it had the message")
        for block in blocks:
            self._send(_dots_doubled(block))
        self._send(b".\r\n")
        return self._read("DATA")

    def answers(self) -> bool:
        """Whether the server is still there."""
        try:
            return self._command("NOOP", "NOOP").code < 400
        except SmtpError:
            return False

    def close(self) -> None:
        """Quit and close the connection; a lost one is not an error."""
        with contextlib.suppress(SmtpError):
            self._command("QUIT", "QUIT")
        self.drop()

    def drop(self) -> None:
        """Close the connection in the middle of whatever it was: a message without its final dot doesn't count."""
        self._file.close()
        self._sock.close()

    def _command(self, name: str, line: str) -> Reply:
        self._send(line.encode() + b"\r\n")
        return self._read(name)

    def _send(self, octets: bytes) -> None:
        try:
            self._sock.sendall(octets)
        except OSError as error:
            raise SmtpError(f"{self._peer}: the connection broke: {error}") from error

    def _read(self, command: str) -> Reply:
        texts = []
        while True:
            line = self._read_line()
            if not line[:3].isdigit():
                raise SmtpError(f"{self._peer} answered {command} with {line[:80]!r}")
            texts.append(line[4:].strip())
            if line[3:4] != "-":
                break
        reply = Reply(int(line[:3]), " ".join(texts), command)
        if reply.code == 421:
            raise SmtpError(str(reply))
        return reply

    def _read_line(self) -> str:
        try:
            line = self._file.readline(_LINE_OCTETS)
        except OSError as error:
            raise SmtpError(f"{self._peer}: the connection broke: {error}") from error
        if not line.endswith(b"\n"):
            raise SmtpError(f"{self._peer} closed the connection")
        return line.decode("utf-8", "replace")

    def _require_ok(self, command: str, reply: Reply) -> None:
        if reply.code >= 400:
            self._sock.close()
            raise SmtpError(f"{command}: {reply}")


def _dots_doubled(block: bytes) -> bytes:
    doubled = block.replace(b"\r\n.", b"\r\n..")
    return b"." + doubled if doubled.startswith(b".") else doubled

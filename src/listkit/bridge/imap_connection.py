"""The connection below the IMAP client: TLS, lines and literals (RFC 3501, 4.3), with a limit on every wait."""

from __future__ import annotations

import re
import select
import socket
import ssl
from dataclasses import dataclass

LONGEST_LITERAL = 1_048_576
"""Octets; the largest piece of a message that is ever in memory."""
_LINE_OCTETS = 8 * 1_048_576
_RECV_OCTETS = 65_536

_LITERAL = re.compile(rb"\{(\d+)\}\r\n\Z")
_CODE = re.compile(r"^(?:OK|NO|BAD|BYE|PREAUTH) \[([A-Z-]+)", re.IGNORECASE)


class ImapError(Exception):
    """The connection failed, or the server did something that the bridge can't work with."""


class CertificateRefused(ImapError):
    """The server's certificate isn't valid for its name, or not signed by a trusted authority."""


@dataclass(frozen=True, slots=True)
class Response:
    """One response of the server: its tag ("*" for untagged), its text without literals, and the literals."""

    tag: str
    text: str
    literals: tuple[bytes, ...] = ()

    @property
    def code(self) -> str:
        """The response code in brackets, such as AUTHENTICATIONFAILED, or an empty string."""
        found = _CODE.match(self.text)
        return found[1].upper() if found else ""


def tls_socket(host: str, port: int, context: ssl.SSLContext, timeout_seconds: float) -> ssl.SSLSocket:
    """Connect by TLS.

    Raises `CertificateRefused` (naming the host that was expected) and `ImapError`.
    """
    raw = None
    try:
        raw = socket.create_connection((host, port), timeout=timeout_seconds)
        _notice_dead_peers(raw)
        return context.wrap_socket(raw, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        _close(raw)
        raise CertificateRefused(
            f"the certificate of {host}:{port} is not valid for {host}, or not signed by a trusted authority: "
            f"{error.verify_message}"
        ) from error
    except (OSError, ValueError) as error:
        _close(raw)
        raise ImapError(f"{host}:{port}: {error}") from error


def _notice_dead_peers(raw: socket.socket) -> None:
    # IDLE is silent for a minute at a time: without these a cut network isn't seen before the next command.
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)


def _close(raw: socket.socket | None) -> None:
    if raw is not None:
        raw.close()


class Connection:
    """Sends lines to a server, and reads its responses."""

    def __init__(self, sock: socket.socket) -> None:
        """sock: a connected socket with a timeout."""
        self._sock = sock
        self._buffer = bytearray()

    def set_timeout(self, seconds: float) -> None:
        """Limit the wait for any one piece of an answer."""
        self._sock.settimeout(seconds)

    def close(self) -> None:
        """Close the connection at once."""
        self._sock.close()

    def write(self, line: str) -> None:
        """Send a line. Raises `ImapError`."""
        try:
            self._sock.sendall(f"{line}\r\n".encode())
        except OSError as error:
            raise ImapError(f"the connection broke: {error}") from error

    def readable(self, seconds: float, wake: socket.socket) -> bool:
        """Wait until a response can be read; False when the time is over or `wake` is readable."""
        if self._buffer or (isinstance(self._sock, ssl.SSLSocket) and self._sock.pending()):
            return True
        ready, _, _ = select.select([self._sock, wake], [], [], max(0, seconds))
        return self._sock in ready and wake not in ready

    def read_response(self) -> Response:
        """Wait for a response and read it, with its literals. Raises `ImapError`."""
        text, literals = b"", []
        while True:
            line = self._read_line()
            literal = _LITERAL.search(line)
            if not literal:
                break
            text += line[: literal.start()] + b"{}"
            literals.append(self._read_exactly(int(literal[1])))
        text += line
        tag, _, rest = text.rstrip(b"\r\n").decode("utf-8", "replace").partition(" ")
        return Response(tag, rest, tuple(literals))

    def _read_line(self) -> bytes:
        start = 0
        while (end := self._buffer.find(b"\n", start)) < 0:
            start = len(self._buffer)
            if start > _LINE_OCTETS:
                raise ImapError(f"the server sent a line of more than {_LINE_OCTETS} octets")
            self._receive()
        return self._take(end + 1)

    def _read_exactly(self, octets: int) -> bytes:
        if octets > LONGEST_LITERAL:
            raise ImapError(f"the server sent {octets} octets at once, {LONGEST_LITERAL} were asked for")
        while len(self._buffer) < octets:
            self._receive()
        return self._take(octets)

    def _take(self, octets: int) -> bytes:
        taken = bytes(self._buffer[:octets])
        del self._buffer[:octets]
        return taken

    def _receive(self) -> None:
        try:
            received = self._sock.recv(_RECV_OCTETS)
        except OSError as error:
            raise ImapError(f"the connection broke: {error}") from error
        if not received:
            raise ImapError("the server closed the connection")
        self._buffer += received

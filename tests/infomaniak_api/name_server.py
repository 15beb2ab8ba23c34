"""A name server on this machine, for tests of the public DNS."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

LONGEST_DATAGRAM = 1232
TTL_SECONDS = 60


class NameServer:
    """Answers over UDP and TCP on one port from `records`, the targets by `(name, type)`; texts are split as DNS needs.

    `rcode`: what every question is answered with; `silent`: no question is answered; `failing`: names whose own
    servers don't answer.
    """

    def __init__(self, records: dict[tuple[str, str], list[str]] | None = None):
        self.records, self.rcode, self.silent = records or {}, dns.rcode.NOERROR, False
        self.failing: set[str] = set()
        self.asked: list[str] = []
        self._udp, self._tcp = _sockets()
        self.address: tuple[str, int] = self._udp.getsockname()

    def __enter__(self) -> NameServer:
        for serve in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=serve, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._udp.close()
        self._tcp.close()

    def _serve_udp(self) -> None:
        with contextlib.suppress(OSError):  # the socket is closed at the end of the test
            while True:
                data, client = self._udp.recvfrom(4096)
                if not self.silent:
                    self._udp.sendto(self._wire(data, "udp"), client)

    def _serve_tcp(self) -> None:
        with contextlib.suppress(OSError):  # the socket is closed at the end of the test
            while True:
                connection, _client = self._tcp.accept()
                with connection:
                    (size,) = struct.unpack("!H", connection.recv(2))
                    wire = self._wire(connection.recv(size), "tcp")
                    connection.sendall(struct.pack("!H", len(wire)) + wire)

    def _wire(self, data: bytes, way: str) -> bytes:
        answer = self._answer(dns.message.from_wire(data), way)
        wire = answer.to_wire(max_size=65535)
        if way == "udp" and len(wire) > LONGEST_DATAGRAM:
            answer.answer.clear()
            answer.flags |= dns.flags.TC
            wire = answer.to_wire()
        return wire

    def _answer(self, query: dns.message.Message, way: str) -> dns.message.Message:
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        self.asked.append(f"{way} {name} {kind}")
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        answer.set_rcode(dns.rcode.SERVFAIL if name in self.failing else self.rcode)
        while alias := self.records.get((name, "CNAME")):
            answer.answer.append(dns.rrset.from_text(f"{name}.", TTL_SECONDS, "IN", "CNAME", f"{alias[0]}."))
            name = alias[0]
        if targets := self.records.get((name, kind)):
            texts = [_presentation(kind, target) for target in targets]
            answer.answer.append(dns.rrset.from_text(f"{name}.", TTL_SECONDS, "IN", kind, *texts))
        elif not any(known == name for known, _kind in self.records):
            answer.set_rcode(answer.rcode() or dns.rcode.NXDOMAIN)
        return answer


def _sockets() -> tuple[socket.socket, socket.socket]:
    """Return a UDP and a TCP socket on one port, which must be free for both."""
    while True:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        try:
            return udp, socket.create_server(udp.getsockname())
        except OSError:
            udp.close()


def _presentation(kind: str, target: str) -> str:
    """Return a target as zone files have it."""
    if kind == "TXT":
        escaped = [target[at : at + 255].replace("\\", "\\\\").replace('"', '\\"') for at in range(0, len(target), 255)]
        return " ".join(f'"{part}"' for part in escaped)
    return f"{target}." if kind in ("MX", "CNAME", "NS") else target

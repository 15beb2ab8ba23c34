# SPDX-License-Identifier: MIT
"""Questions to the public DNS, with nothing but Python's standard library."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

KINDS = {"A": 1, "CNAME": 5, "MX": 15, "TXT": 16, "AAAA": 28}
PORT = 53
CLASS_IN, TYPE_OPT = 1, 41
# Fits into one packet on every path (DNS flag day 2020); a longer answer is asked for by TCP.
LONGEST_DATAGRAM = 1232
RECURSION_DESIRED, TRUNCATED = 0x0100, 0x0200
NO_ERROR, NAME_ERROR = 0, 3
RCODES = {1: "FORMERR", 2: "SERVFAIL", 4: "NOTIMP", 5: "REFUSED"}
POINTER = 0xC0
HEADER = struct.Struct("!6H")
FIXED_PART = struct.Struct("!HHIH")


class DnsError(Exception):
    """No usable answer came; the text names the question and the reason."""


@dataclass(frozen=True)
class _Answer:
    rcode: int
    truncated: bool
    records: list[tuple[int, str]]


class Resolver:
    """Asks recursive name servers, each an address and a port, and remembers their answers."""

    def __init__(self, servers: list[tuple[str, int]], timeout: float = 3, attempts: int = 2):
        self._servers, self._timeout, self._attempts = servers, timeout, attempts
        self._known: dict[tuple[str, str], list[str]] = {}

    @classmethod
    def of_system(
        cls, configuration: Path = Path("/etc/resolv.conf"), timeout: float = 3, attempts: int = 2
    ) -> Resolver:
        """Return one that asks the name servers of this machine. Raises DnsError when it has none."""
        try:
            lines = configuration.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError as error:
            raise DnsError(f"{configuration} can't be read: {error.strerror}") from error
        words = (line.split() for line in lines)
        servers = [(each[1].partition("%")[0], PORT) for each in words if len(each) > 1 and each[0] == "nameserver"]
        if not servers:
            raise DnsError(f"{configuration} names no name server")
        return cls(servers, timeout, attempts)

    def lookup(self, name: str, kind: str) -> list[str]:
        """Return the records of `name`, following aliases; none when there are none.

        A text is joined, a mail exchanger is its priority and name. Raises DnsError when the servers don't know.
        """
        key = name.lower().rstrip("."), kind
        if key not in self._known:
            answer = self._ask(*key)
            self._known[key] = [text for number, text in answer.records if number == KINDS[kind]]
        return self._known[key]

    def _ask(self, name: str, kind: str) -> _Answer:
        query, failures = _query(name, KINDS[kind]), []
        for server in self._servers * self._attempts:
            try:
                answer = self._exchange(server, query)
            except (OSError, ValueError, IndexError, struct.error) as error:
                failures.append(f"{server[0]}: {error}")
                continue
            if answer.rcode in (NO_ERROR, NAME_ERROR):
                return answer
            failures.append(f"{server[0]}: {RCODES.get(answer.rcode, answer.rcode)}")
        raise DnsError(f"no answer about {name} {kind}: {'; '.join(dict.fromkeys(failures))}")

    def _exchange(self, server: tuple[str, int], query: bytes) -> _Answer:
        family = socket.AF_INET6 if ipaddress.ip_address(server[0]).version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as connection:
            connection.settimeout(self._timeout)
            # Datagrams of others are dropped.
            connection.connect(server)
            connection.send(query)
            answer = _parse(connection.recv(LONGEST_DATAGRAM), query)
        return self._exchange_by_tcp(server, query) if answer.truncated else answer

    def _exchange_by_tcp(self, server: tuple[str, int], query: bytes) -> _Answer:
        with socket.create_connection(server, self._timeout) as connection, connection.makefile("rb") as stream:
            connection.sendall(struct.pack("!H", len(query)) + query)
            (size,) = struct.unpack("!H", stream.read(2))
            return _parse(stream.read(size), query)


class ZoneFirst(Resolver):
    """Answers from a zone's own records, which are right before the public DNS has them, and asks for all else.

    `records` holds the targets by full name and type.
    """

    def __init__(self, public: Resolver, zone: str, records: dict[tuple[str, str], list[str]]):
        super().__init__([])
        self._public, self._zone, self._records = public, zone, records
        self._cut = {name for name, kind in records if kind in ("CNAME", "NS") and name != zone}
        self._asked: dict[tuple[str, str], list[str]] = {}

    def lookup(self, name: str, kind: str) -> list[str]:
        """Return the records of `name`, from the zone if it has the name."""
        name = name.lower().rstrip(".")
        if not self._is_inside(name):
            return self._public.lookup(name, kind)
        self._asked[name, kind] = self._records.get((name, kind), [])
        return self._asked[name, kind]

    def _is_inside(self, name: str) -> bool:
        """Return whether the zone settles a name: it isn't an alias, nor delegated to other name servers."""
        parents = {name[at:] for at in range(len(name)) if at == 0 or name[at - 1] == "."}
        return self._zone in parents and not parents & self._cut

    def not_public(self) -> list[str]:
        """Return the names among those asked for whose records the public DNS doesn't have as the zone has them."""
        return list(
            dict.fromkeys(
                name
                for (name, kind), targets in self._asked.items()
                if set(self._public.lookup(name, kind)) != set(targets)
            )
        )


def server(text: str) -> tuple[str, int]:
    """Return the address and port of a name server, such as 192.0.2.53 or 192.0.2.53:5353. Raises ValueError."""
    host, colon, port = text.rpartition(":") if text.count(":") == 1 else (text, "", "")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"{host!r} isn't an IP address, such as 192.0.2.1") from None
    return host, int(port) if colon and port.isdigit() else PORT


def _query(name: str, kind: int) -> bytes:
    try:
        labels = [label.encode("ascii") for label in name.split(".")]
    except UnicodeEncodeError as error:
        raise DnsError(f"{name!r} is not a name in ASCII") from error
    if not all(0 < len(label) < 64 for label in labels):
        raise DnsError(f"{name!r} is not a name that DNS can hold")
    question = b"".join(bytes([len(label)]) + label for label in labels) + b"\0" + struct.pack("!2H", kind, CLASS_IN)
    # An OPT record says how long a datagram may be.
    options = b"\0" + FIXED_PART.pack(TYPE_OPT, LONGEST_DATAGRAM, 0, 0)
    return HEADER.pack(secrets.randbelow(1 << 16), RECURSION_DESIRED, 1, 0, 0, 1) + question + options


def _parse(message: bytes, query: bytes) -> _Answer:
    """Read an answer; raise ValueError when it isn't one to `query`."""
    identifier, flags, questions, answers, _authorities, _additional = HEADER.unpack_from(message)
    if identifier != HEADER.unpack_from(query)[0] or questions != 1:
        raise ValueError("it answered another question")
    _name, offset = _read_name(message, HEADER.size)
    return _Answer(flags & 0xF, bool(flags & TRUNCATED), list(_records(message, offset + 4, answers)))


def _records(message: bytes, offset: int, count: int) -> Iterator[tuple[int, str]]:
    for _number in range(count):
        _name, offset = _read_name(message, offset)
        kind, _class, _ttl, size = FIXED_PART.unpack_from(message, offset)
        offset += FIXED_PART.size
        if kind in KINDS.values():
            yield kind, _text(message, kind, offset, size)
        offset += size


def _text(message: bytes, kind: int, offset: int, size: int) -> str:
    data = message[offset : offset + size]
    if kind in (KINDS["A"], KINDS["AAAA"]):
        return str(ipaddress.ip_address(data))
    if kind == KINDS["TXT"]:
        return _joined(data)
    if kind == KINDS["MX"]:
        return f"{struct.unpack('!H', data[:2])[0]} {_read_name(message, offset + 2)[0]}"
    return _read_name(message, offset)[0]


def _joined(data: bytes) -> str:
    """Return the character strings of a TXT record as one text."""
    parts, offset = [], 0
    while offset < len(data):
        parts.append(data[offset + 1 : offset + 1 + data[offset]])
        offset += 1 + data[offset]
    return b"".join(parts).decode("utf-8", "replace")


def _read_name(message: bytes, offset: int) -> tuple[str, int]:
    """Return the name at `offset` in small letters, and the offset behind it; raise ValueError for a loop."""
    labels: list[str] = []
    end = None
    for _step in range(len(message)):
        size = message[offset]
        if size >= POINTER:
            end = offset + 2 if end is None else end
            offset = struct.unpack_from("!H", message, offset)[0] & 0x3FFF
        elif size == 0:
            return ".".join(labels).lower(), offset + 1 if end is None else end
        else:
            labels.append(message[offset + 1 : offset + 1 + size].decode("ascii", "replace"))
            offset += 1 + size
    raise ValueError("a name in the answer has no end")

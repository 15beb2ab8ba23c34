"""What the DNS says about a name, and nothing but the DNS: `/etc/hosts` often has this host's own name."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import struct
from pathlib import Path

RESOLVER_CONFIGURATION = Path("/etc/resolv.conf")
TYPES = {"A": 1, "AAAA": 28}
TIMEOUT_SECONDS = 3
TRIES = 2
HEADER = struct.Struct("!6H")
ANSWER = struct.Struct("!2HIH")
RECURSION_DESIRED = 0x0100
NAME_ERROR = 3


class DnsError(Exception):
    """No name server gave an answer that can be used."""


def addresses(name: str) -> list[str]:
    """Return the IPv4 and IPv6 addresses of `name`; none when it doesn't exist. `DnsError` when nobody answers."""
    return [address for kind in TYPES for address in lookup(name, kind)]


def lookup(name: str, kind: str) -> list[str]:
    """Return the records of `kind` ("A" or "AAAA") of `name`."""
    question = encode_question(secrets.randbits(16), name, kind)
    servers = name_servers(RESOLVER_CONFIGURATION.read_text())
    reasons = []
    for server in servers * TRIES:
        try:
            return decode_answer(question, _ask(server, question), kind)
        except (OSError, DnsError) as error:
            reasons.append(f"{server}: {error}")
    raise DnsError(
        f"no answer about {name}: {'; '.join(reasons) or 'no name server in ' + str(RESOLVER_CONFIGURATION)}"
    )


def name_servers(configuration: str) -> list[str]:
    """Return the name servers of a `resolv.conf`."""
    lines = (line.split() for line in configuration.splitlines())
    return [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]


def _ask(server: str, question: bytes) -> bytes:
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as connection:
        connection.settimeout(TIMEOUT_SECONDS)
        connection.connect((server, 53))
        connection.send(question)
        return connection.recv(4096)


def encode_question(identity: int, name: str, kind: str) -> bytes:
    """Return the DNS message that asks for the records of `kind` of `name`."""
    labels = name.rstrip(".").encode("idna").split(b".")
    encoded = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return HEADER.pack(identity, RECURSION_DESIRED, 1, 0, 0, 0) + encoded + struct.pack("!2H", TYPES[kind], 1)


def decode_answer(question: bytes, message: bytes, kind: str) -> list[str]:
    """Return the addresses in the answer `message` to `question`; aliases were followed by the name server."""
    try:
        identity, flags, _, count, _, _ = HEADER.unpack_from(message)
        if identity != HEADER.unpack_from(question)[0]:
            raise DnsError("the answer belongs to another question")
        status = flags & 0xF
        if status not in (0, NAME_ERROR):
            raise DnsError(f"the name server answers with error {status}")
        found, position = [], len(question)
        for _ in range(count):
            position = _after_name(message, position)
            number, _, _, length = ANSWER.unpack_from(message, position)
            position += ANSWER.size
            if number == TYPES[kind]:
                found.append(str(ipaddress.ip_address(message[position : position + length])))
            position += length
    except (struct.error, IndexError, ValueError) as error:
        raise DnsError(f"the answer can't be read: {error}") from error
    return found


def _after_name(message: bytes, position: int) -> int:
    """Return where the name at `position` ends; a pointer (two high bits set) is the last part of a name."""
    while message[position]:
        if message[position] >= 0xC0:
            return position + 2
        position += message[position] + 1
    return position + 1

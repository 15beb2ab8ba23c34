"""What the bridge must know of a message, and the form in which Mailman gets it.

Messages are hostile: they come without headers, without an end, with NUL bytes and with lines of 100 kB.
`LineNormaliser` brings the bytes into the form that RFC 5321 asks for while they stream by, `read_header` parses the
header, and `delivery_id` identifies one delivery of one content to one recipient. Nothing here keeps a message's body
in memory.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

DELIVERY_HEADER = "X-Listkit-Delivery"

# RFC 5321 allows 1,000 octets with the CRLF. What is longer Postfix would fold on its way out, in the same way.
LINE_OCTETS = 990
HEADER_OCTETS = 1_048_576
# Each field costs a hundred times the octets of a short one.
HEADER_FIELDS = 2000
_CARRY_OCTETS = 65_536
_CHUNK_OCTETS = 65_536

# A run of CR is looked through from its beginning only: from each of its octets it would take quadratic time.
_LINE_END = re.compile(rb"(?<!\r)\r*\n|\r")
FIELD_PATTERN = re.compile(rb"([!-9;-~]+)[ \t]*:")
# A field whose name isn't ASCII: nothing can read it, but it doesn't end the header either.
_FOREIGN_FIELD = re.compile(rb"[^\s:]*[\x80-\xff][^\s:]*[ \t]*:")

_SPACES = bytes.maketrans(b"\t\r\n", b"   ")

# The fields that their author wrote. Trace fields (Received, Delivered-To, …) differ between two copies of one message;
# Resent-* make a deliberate second sending another message.
_AUTHORS_FIELDS = (
    "message-id", "date", "from", "sender", "reply-to", "to", "cc", "subject", "in-reply-to", "references",
    "mime-version", "content-type", "content-transfer-encoding", "resent-message-id", "resent-date", "resent-from",
)  # fmt: skip


class HeaderTooLarge(Exception):
    """The header has no end within `HEADER_OCTETS`, or more than `HEADER_FIELDS` fields."""


class LineNormaliser:
    """Bring a stream of bytes into mail's line form: CRLF line ends, no NUL, no line longer than `LINE_OCTETS`.

    Feed chunks of any size, then call `finish` once; the output doesn't depend on where the chunks were cut (runs of
    more than 64 KiB of bare CR aside).
    """

    def __init__(self) -> None:
        self._carry = b""

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes, return what is certain so far."""
        # Dovecot, too, hands NUL out as 0x80; PostgreSQL and so the archive can't store it.
        data = self._carry + chunk.replace(b"\0", b"\x80")
        settled = data.rstrip(b"\r")
        if len(data) - len(settled) > _CARRY_OCTETS:
            settled = data
        *lines, rest = _LINE_END.sub(b"\r\n", settled).split(b"\r\n")
        *whole, rest = _pieces(rest)
        self._carry = rest + data[len(settled) :]
        return _joined(piece for line in lines for piece in _pieces(line)) + _joined(whole)

    def finish(self) -> bytes:
        """Return what was held back; the last line gets its line end."""
        rest, self._carry = self._carry, b""
        return rest.rstrip(b"\r") + b"\r\n" if rest else b""


def _pieces(line: bytes) -> Iterator[bytes]:
    """Fold one line as Postfix does: what is too long goes on in a next line that begins with a space."""
    start, room, indent = 0, LINE_OCTETS, b""
    while len(line) - start > room:
        cut = start + room
        # Never inside a UTF-8 character: its following bytes are 10xxxxxx.
        while cut > start + room - 3 and line[cut] & 0xC0 == 0x80:
            cut -= 1
        yield indent + line[start:cut]
        start, room, indent = cut, LINE_OCTETS - 1, b" "
    yield indent + line[start:]


def _joined(lines: Iterable[bytes]) -> bytes:
    return b"".join(line + b"\r\n" for line in lines)


@dataclass(frozen=True, slots=True)
class Field:
    """One header field: its name in lower case and its lines as they stand, with the CRLF at the end."""

    name: str
    raw: bytes

    @classmethod
    def of(cls, found: re.Match[bytes], line: bytes) -> Field:
        """Begin a field with its first line, in which `FIELD_PATTERN` was found."""
        # "Name :" is RFC 5322's obsolete form; Mailman would call it a defect.
        return cls(found[1].decode("ascii").lower(), found[1] + b":" + line[found.end() :])

    @property
    def octets(self) -> bytes:
        """The value as it stands, folded."""
        return self.raw.partition(b":")[2].removesuffix(b"\r\n").lstrip(b" \t")

    @property
    def value(self) -> str:
        """The value, unfolded; bytes that aren't ASCII come as surrogates."""
        octets = self.raw.partition(b":")[2].translate(_SPACES).strip()
        # Not a word at a time: a crafted header has half a million of them.
        while b"  " in octets:
            octets = octets.replace(b"  ", b" ")
        return octets.decode("ascii", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Header:
    """A message's header fields, and the offset in octets at which its body begins."""

    fields: tuple[Field, ...]
    body_offset: int

    def pairs(self) -> list[tuple[str, str]]:
        """The fields as (name, value) for the routing."""
        return [(field.name, field.value) for field in self.fields]

    def first(self, name: str) -> str:
        """The value of the top-most field of this name (in lower case), empty when there is none."""
        return next((field.value for field in self.fields if field.name == name), "")

    def first_octets(self, name: str) -> bytes:
        """The same as it stands, folded."""
        return next((field.octets for field in self.fields if field.name == name), b"")


def read_header(spool: IO[bytes]) -> Header:
    """Read the header from the beginning of a normalised message.

    The header ends at the first line that is neither a field nor a continuation, as in Python's own parser. Fields with
    names that aren't ASCII are left out.

    Raises `HeaderTooLarge`.
    """
    spool.seek(0)
    fields: list[tuple[str, list[bytes]]] = []
    skipping = False
    offset = 0
    while line := spool.readline():
        if offset + len(line) > HEADER_OCTETS:
            raise HeaderTooLarge(f"the header is larger than {HEADER_OCTETS} octets")
        if line == b"\r\n":
            offset += len(line)
            break
        if line[:1] in b" \t" and (fields or skipping):
            if not skipping:
                fields[-1][1].append(line)
        elif found := FIELD_PATTERN.match(line):
            skipping = False
            first = Field.of(found, line)
            fields.append((first.name, [first.raw]))
            if len(fields) > HEADER_FIELDS:
                raise HeaderTooLarge(f"the header has more than {HEADER_FIELDS} fields")
        elif fields and (_FOREIGN_FIELD.match(line) or line.startswith(b">From ")):
            skipping = True
        elif fields or not line.startswith(b"From "):
            break
        offset += len(line)
    return Header(tuple(Field(name, b"".join(lines)) for name, lines in fields), offset)


def content_identity(header: Header, spool: IO[bytes], internal_date: str) -> bytes:
    """Name a message by its content, so that its copies have one name and any other message has another.

    Two copies that the mail service made of one sending agree in what the author wrote, and in nothing that was added
    on the way. Without a Message-ID that isn't enough to tell two sendings apart ("backup done" every night), so the
    first hop's Received, or else the time of arrival, is counted in.
    """
    digest = hashlib.sha256()
    for field in header.fields:
        if field.name in _AUTHORS_FIELDS:
            _add(digest, field.name, field.value)
    if not header.first("message-id"):
        received = [field.value for field in header.fields if field.name == "received"]
        _add(digest, "first seen", received[-1] if received else internal_date)
    spool.seek(header.body_offset)
    body = hashlib.sha256()
    while chunk := spool.read(_CHUNK_OCTETS):
        body.update(chunk)
    digest.update(body.digest())
    return digest.digest()


def _add(digest: hashlib._Hash, name: str, value: str) -> None:
    octets = value.encode("ascii", "surrogateescape")
    digest.update(f"{name}:{len(octets)}:".encode() + octets)


def delivery_id(identity: bytes, recipient: str, replay: str = "") -> str:
    """Name the delivery of one content to one recipient; the same at every attempt and on every host.

    replay: names a deliberate second posting (see docs/runbooks/bridge.md, "Replay"), empty otherwise.
    """
    return hashlib.sha256(identity + b"\0" + recipient.encode() + b"\0" + replay.encode()).hexdigest()[:40]


def envelope_sender(header: Header) -> str:
    """The envelope sender that the service wrote into Return-Path; empty for bounces and where it can't be told."""
    value = header.first("return-path")
    return next(iter(re.findall(r"^<?([!-;=?-~]+@[!-;=?-~]+)>?$", value)), "")

"""A message's header fields, read from the beginning of a normalised message.

The body isn't looked at, however large it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import IO

HEADER_OCTETS = 1_048_576
# Each field costs a hundred times the octets of a short one.
HEADER_FIELDS = 2000

FIELD_PATTERN = re.compile(rb"([!-9;-~]+)[ \t]*:")
# A field without a name, or with one that isn't ASCII: nothing can read it, but it doesn't end the header either.
_FOREIGN_FIELD = re.compile(rb"(?:[^\s:]*[\x80-\xff][^\s:]*[ \t]*)?:")

_SPACES = bytes.maketrans(b"\t\r\n", b"   ")


class HeaderTooLarge(Exception):
    """The header has no end within `HEADER_OCTETS`, or more than `HEADER_FIELDS` fields."""


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

    The header ends at the first line that is neither a field nor a continuation, as in Python's own parser. Fields
    without names, or with names that aren't ASCII, are left out.

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
        elif fields and (_FOREIGN_FIELD.match(line) or _is_separator(line, spool)):
            skipping = True
        elif fields or not line.startswith(b"From "):
            break
        offset += len(line)
    return Header(tuple(Field(name, b"".join(lines)) for name, lines in fields), offset)


def _is_separator(line: bytes, spool: IO[bytes]) -> bool:
    """Whether the line is the first one of a message in a mailbox file, and not of the body: a field follows."""
    if not line.startswith(b"From "):
        return line.startswith(b">From ")
    position = spool.tell()
    following = spool.readline()
    spool.seek(position)
    return FIELD_PATTERN.match(following) is not None


def envelope_sender(header: Header) -> str:
    """The envelope sender that the service wrote into Return-Path; empty for bounces and where it isn't known."""
    value = header.first("return-path")
    return next(iter(re.findall(r"^<?([!-;=?-~]+@[!-;=?-~]+)>?$", value)), "")

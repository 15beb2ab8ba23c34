"""The messages of an mbox stream, read once from beginning to end.

Nothing in an mbox marks a separator for certain: a line of the text may begin with "From ", too. It is decided as mail
programs do, by the shape of the line and by the lines around it, and by Content-Length where that leads to another
separator or to the end.
"""

from __future__ import annotations

import io
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import dropwhile, islice

LARGEST_MESSAGE = 32 * 1_048_576
"""Octets. A parsed message takes several times as much memory."""

_CHUNK_OCTETS = 65_536
_LONGEST_LINE = 1_048_576
_LINES_AHEAD = 60
_FEWEST_KNOWN_FIELDS = 2
_BLANK = (b"\n", b"\r\n", b"\r\r\n")
# From the beginning of a run of CR only: from each of its octets it would take quadratic time.
_LINE_END = re.compile(rb"(?<!\r)\r*\n|\r")
_FIELD = re.compile(rb"([!-9;-~]{1,76})[ \t]*:")
_MONTH = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_TIME = rb"\d{1,2}:\d{2}(?::\d{2})?"
# asctime, with a time zone before or after the year; the form of RFC 5322; ISO 8601.
_DATED = re.compile(
    rb"From .*?\b(?:%(month)s +\d{1,2},? +%(time)s(?: +\S+){0,2}? +\d{4}|\d{1,2} %(month)s \d{2,4} +%(time)s"
    rb"|\d{4}-\d\d-\d\d[ T]%(time)s)\b" % {b"month": _MONTH, b"time": _TIME},
    re.IGNORECASE,
)
_KNOWN_FIELDS = frozenset(
    b"from date subject message-id received return-path to cc in-reply-to references mime-version content-type sender"
    b" reply-to delivered-to status x-status x-mozilla-status list-id x-mailman-version resent-date resent-from".split()
)
_CONTENT_LENGTH = re.compile(rb"content-length[ \t]*:[ \t]*(\d{1,12})[ \t]*\r?\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the mailbox has it. `separator`: the rest of its "From " line; None outside of an mbox.

    is_cut: it is larger than `LARGEST_MESSAGE`, and only its beginning is here.
    """

    octets: bytes
    separator: str | None = None
    is_cut: bool = False


class Lines:
    """The lines of a stream, with a view of those ahead. A line longer than 1 MiB comes in pieces."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._lines = _lines(stream)
        self._ahead: deque[bytes] = deque()
        self._failure: OSError | None = None

    def next(self) -> bytes:
        """Return the next line, with its end; empty at the end of the stream. Raises OSError where it is damaged."""
        if not self._ahead:
            self._fetch(1)
        if not self._ahead and self._failure:
            raise self._failure
        return self._ahead.popleft() if self._ahead else b""

    def ahead(self, count: int) -> Iterator[bytes]:
        """Yield up to `count` of the next lines, which remain to be read."""
        self._fetch(count - len(self._ahead))
        return islice(self._ahead, count)

    def _fetch(self, count: int) -> None:
        try:
            for line in islice(self._lines, max(0, count)):
                self._ahead.append(line)
        except OSError as error:
            # The lines before the damage are good.
            self._failure = error

    def put_back(self, lines: Iterable[bytes]) -> None:
        """Have these lines read again, in this order, before the others."""
        self._ahead.extendleft(reversed(list(lines)))


def _lines(stream: io.BufferedIOBase) -> Iterator[bytes]:
    """Yield the lines; where the beginning has no LF, CR ends it (Mac OS before 2001); without a byte order mark."""
    rest = stream.read1(_CHUNK_OCTETS).removeprefix(b"\xef\xbb\xbf")
    is_mac = b"\n" not in rest and b"\r" in rest
    while rest:
        *whole, rest = (rest.replace(b"\r", b"\n") if is_mac else rest).split(b"\n")
        yield from (line + b"\n" for line in whole)
        while len(rest) > _LONGEST_LINE:
            yield rest[:_LONGEST_LINE]
            rest = rest[_LONGEST_LINE:]
        chunk = stream.read1(_CHUNK_OCTETS)
        if not chunk and rest:
            yield rest
        rest = rest + chunk if chunk else b""


def messages(stream: io.BufferedIOBase) -> Iterator[Message]:
    """Yield the messages of an mbox; text before the first separator comes as a message without one."""
    lines = Lines(stream)
    while (first := next(lines.ahead(1), b"")) in _BLANK and first:
        lines.next()
    while line := lines.next():
        if line.startswith(b"From "):
            yield _message(lines, line[5:].decode("utf-8", "replace").strip())
        else:
            lines.put_back([line])
            yield _message(lines, None)


def begins_mbox(beginning: bytes) -> bool:
    """Whether the beginning of a file has a separator."""
    lines = deque(_plain_lines(beginning))
    blank = True
    while lines:
        line = lines.popleft()
        if line.startswith(b"From ") and _is_separator(line, islice(lines, _LINES_AHEAD), after_blank=blank):
            return True
        blank = line in _BLANK
    return False


def begins_message(beginning: bytes) -> bool:
    """Whether the beginning of a file is the header of a message."""
    fields, known = _fields(dropwhile(_BLANK.__contains__, _plain_lines(beginning)))
    return fields > 0 and known > 0


def _plain_lines(beginning: bytes) -> list[bytes]:
    """Return lines that end in LF, without a byte order mark."""
    return _LINE_END.sub(b"\n", beginning.removeprefix(b"\xef\xbb\xbf")).splitlines(keepends=True)


def _message(lines: Lines, separator: str | None) -> Message:
    header = _header(lines)
    body = _measured_body(lines, header)
    if body is None:
        body, is_cut = _scanned_body(lines, header)
    else:
        is_cut = False
    return Message(b"".join([*header, *body]), separator, is_cut)


def _header(lines: Lines) -> list[bytes]:
    """Read the header with the blank line after it, at most `LARGEST_MESSAGE` octets."""
    header: list[bytes] = []
    octets = 0
    while (line := lines.next()) and octets < LARGEST_MESSAGE:
        if line.startswith(b"From ") and header and _is_separator(line, lines.ahead(_LINES_AHEAD), after_blank=False):
            lines.put_back([line])
            break
        header.append(line)
        octets += len(line)
        if line in _BLANK:
            break
    return header


def _measured_body(lines: Lines, header: list[bytes]) -> list[bytes] | None:
    """Read the body that Content-Length announces; None, with nothing read, where it is missing or not right."""
    lengths = [int(found[1]) for line in header if (found := _CONTENT_LENGTH.fullmatch(line))]
    if len(lengths) != 1 or not 0 < lengths[0] <= LARGEST_MESSAGE:
        return None
    body, octets = [], 0
    while octets < lengths[0] and (line := lines.next()):
        body.append(line)
        octets += len(line)
    blanks = []
    while (line := next(lines.ahead(1), b"")) in _BLANK and line:
        blanks.append(lines.next())
    following = list(lines.ahead(_LINES_AHEAD))
    is_right = not following or (
        following[0].startswith(b"From ") and _is_separator(following[0], following[1:], after_blank=True)
    )
    if octets == lengths[0] and is_right:
        return body
    lines.put_back([*body, *blanks])
    return None


def _scanned_body(lines: Lines, header: list[bytes]) -> tuple[list[bytes], bool]:
    """Read up to the next separator; return the lines, and whether some were left out for their size."""
    body: list[bytes] = []
    octets, is_cut, after_blank = sum(map(len, header)), False, bool(header) and header[-1] in _BLANK
    while line := lines.next():
        if line.startswith(b"From ") and _is_separator(line, lines.ahead(_LINES_AHEAD), after_blank=after_blank):
            lines.put_back([line])
            break
        after_blank = line in _BLANK
        octets += len(line)
        if octets > LARGEST_MESSAGE:
            is_cut = True
        else:
            body.append(line.removeprefix(b">") if line.startswith(b">From ") else line)
    # It belongs to the separator.
    if body and body[-1] in _BLANK:
        body.pop()
    return body, is_cut


def _is_separator(line: bytes, following: Iterable[bytes], *, after_blank: bool) -> bool:
    """Decide about a line that begins with "From ", by its shape and its neighbours."""
    lines = list(following)
    fields, known = _fields(lines)
    if not _DATED.match(line):
        return after_blank and known >= _FEWEST_KNOWN_FIELDS
    if after_blank:
        return fields > 0 or _begin_empty_message(lines)
    return known >= _FEWEST_KNOWN_FIELDS


def _begin_empty_message(lines: Iterable[bytes]) -> bool:
    """Whether nothing but empty lines stands before the next separator or the end."""
    text = next((line for line in lines if line not in _BLANK), b"")
    return not text or bool(_DATED.match(text))


def _fields(lines: Iterable[bytes]) -> tuple[int, int]:
    """Count the header fields that `lines` begin with, and those of them that messages commonly have."""
    names: list[bytes] = []
    for line in lines:
        if line in _BLANK:
            break
        if found := _FIELD.match(line):
            names.append(found[1].lower())
        elif not (names and line[:1] in b" \t") and not line.startswith(b">From "):
            return len(names), len(_KNOWN_FIELDS.intersection(names))
    return len(names), len(_KNOWN_FIELDS.intersection(names))


def unix_lines(octets: bytes) -> bytes:
    """Return one message with LF at the end of its lines, whatever they had."""
    return b"".join(_lines(io.BytesIO(octets.replace(b"\r\n", b"\n"))))

"""Mail's line form (RFC 5321), for bytes that stream by: messages come without an end, with NUL and 100 kB lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

# RFC 5321 allows 1,000 octets with the CRLF. What is longer Postfix would fold on its way out, in the same way.
LINE_OCTETS = 990
_CARRY_OCTETS = 65_536

# A run of CR is looked through from its beginning only: from each of its octets it would take quadratic time.
_LINE_END = re.compile(rb"(?<!\r)\r*\n|\r")


class LineNormaliser:
    """Bring a stream of bytes into mail's line form: CRLF line ends, no NUL, no line longer than `LINE_OCTETS`.

    Feed chunks of any size, then call `finish` once; the output doesn't depend on where the chunks were cut (runs of
    more than 64 KiB of bare CR aside).
    """

    def __init__(self) -> None:
        self._carry = b""

    def feed(self, chunk: bytes) -> bytes:
        """Add the next bytes; return the octets that are final."""
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
    """Fold one line as Postfix does, before a space if there is one: the next line begins with a space in any case."""
    start, room, indent = 0, LINE_OCTETS, b""
    while len(line) - start > room:
        cut = start + room
        # Elsewhere a fold would break addresses in two.
        if (space := line.rfind(b" ", start + 1, cut + 1)) > 0:
            yield indent + line[start:space]
            start, room, indent = space, LINE_OCTETS, b""
            continue
        # Never inside a UTF-8 character: its following bytes are 10xxxxxx.
        while cut > start + room - 3 and line[cut] & 0xC0 == 0x80:
            cut -= 1
        yield indent + line[start:cut]
        start, room, indent = cut, LINE_OCTETS - 1, b" "
    yield indent + line[start:]


def _joined(lines: Iterable[bytes]) -> bytes:
    return b"".join(line + b"\r\n" for line in lines)

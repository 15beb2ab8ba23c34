"""Edits of a spooled message: what cleaning changes below its header, applied without reading the body into memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO

BLOCK_OCTETS = 65_536
"""About how much of a message is in memory at a time."""


@dataclass(frozen=True, order=True, slots=True)
class Edit:
    """The octets from `start` to `end` become `replacement`.

    entity: the number of the entity that it belongs to, and rank: its place among the edits of that; both order edits
        at one position.
    """

    start: int
    end: int
    entity: float
    rank: int
    replacement: bytes = field(compare=False)


def applied(edits: Iterable[Edit], spool: IO[bytes], offset: int) -> Iterator[bytes]:
    """Yield the message from `offset` on with its edits, in blocks of whole lines."""
    for edit in edits:
        yield from _blocks(spool, offset, edit.start)
        if edit.replacement:
            yield edit.replacement
        offset = edit.end
    yield from _blocks(spool, offset, None)


def _blocks(spool: IO[bytes], start: int, end: int | None) -> Iterator[bytes]:
    spool.seek(start)
    left = -1 if end is None else end - start
    while left and (lines := spool.readlines(BLOCK_OCTETS if left < 0 else min(left, BLOCK_OCTETS))):
        block = b"".join(lines)
        if 0 <= left < len(block):
            block = block[:left]
        left -= len(block) if left > 0 else 0
        yield block

"""The progress of a long change: a bar on a terminal, and lines elsewhere."""

from __future__ import annotations

from typing import TextIO

FROM_PEOPLE = 500
"""Shorter changes take a second or two."""
_BAR_CHARACTERS = 30


class Progress:
    """Shows how many of `total` people are done."""

    def __init__(self, total: int, stream: TextIO) -> None:
        self._total, self._stream = total, stream

    def show(self, done: int) -> None:
        """Show that this many people are done, if there are many in all."""
        if self._total <= FROM_PEOPLE:
            return
        filled = _BAR_CHARACTERS * done // self._total
        line = f"{'█' * filled}{'·' * (_BAR_CHARACTERS - filled)} {done} of {self._total}"
        start, end = ("\r", "" if done < self._total else "\n") if self._stream.isatty() else ("", "\n")
        self._stream.write(start + line + end)
        self._stream.flush()

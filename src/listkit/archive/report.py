"""The account of an import: every message that was read is in it, and each that wasn't added by name."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TextIO

from listkit.archive.message import Summary

PROGRESS_SECONDS = 10.0
_TERMINAL_SECONDS = 0.5
_BAR_CHARACTERS = 30


class Place(NamedTuple):
    """Where a message is: the file, and its number in it, from 1."""

    file: str
    number: int

    def __str__(self) -> str:
        return f"message {self.number} of {self.file}"


def _print(line: str) -> None:
    print(line, flush=True)


def _drop(line: str) -> None:
    """Write nothing."""


@dataclass
class Account:
    """The outcome of an import.

    write: is given each line of the report. detail: is given a line for each message that the archive had before, of
    which there may be as many as it has posts.
    """

    write: Callable[[str], None] = _print
    detail: Callable[[str], None] = _drop
    read: int = 0
    added: int = 0
    already: int = 0
    left_out: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def is_balanced(self) -> bool:
        """Whether every message that was read is accounted for."""
        return self.read == self.added + self.already + self.left_out

    def add(self, place: Place, message: Summary, changes: str) -> None:
        """Count a message that is added; report in what it differs from the original."""
        self.added += 1
        if changes:
            self.write(f"changed: {place} ({message}): {changes}")

    def know(self, place: Place, message: Summary) -> None:
        """Count a message that the archive had before."""
        self.already += 1
        self.detail(f"already in the archive: {place} ({message})")

    def leave_out(self, place: Place, message: Summary, reason: str) -> None:
        """Report a message that isn't added."""
        self.left_out += 1
        self.write(f"not added: {place} ({message}): {reason}")

    def problem(self, text: str) -> None:
        """Report a file that could not be read, or not to its end."""
        self.problems.append(text)
        self.write(f"not read: {text}")

    def summary(self, *, dry_run: bool = False) -> str:
        """Return the figures in one line."""
        added = "would be added" if dry_run else "added"
        return (
            f"{_counted(self.read, 'message')} read: {self.added} {added}, {self.already} already in the archive,"
            f" {self.left_out} not added"
        )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


class Progress:
    """Shows how far an import is: a bar on a terminal, otherwise a line now and then."""

    def __init__(
        self,
        octets: int,
        stream: TextIO = sys.stderr,
        file: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """octets: the size of all sources. file: where the last line is kept for another process."""
        self._octets, self._stream, self._file, self._clock = max(octets, 1), stream, file, clock
        self._began = clock()
        self._shown = self._began
        self._is_terminal = stream.isatty()

    def show(self, octets: int, messages: int) -> None:
        """Show that this much was read, unless something was shown just now."""
        now = self._clock()
        if now - self._shown < (_TERMINAL_SECONDS if self._is_terminal else PROGRESS_SECONDS):
            return
        self._shown = now
        line = progress_line(min(octets / self._octets, 1), messages, now - self._began)
        if self._file:
            self._file.write_text(f"{line}\n", encoding="utf-8")
        self._stream.write(f"\r\x1b[K{line}" if self._is_terminal else f"{line}\n")
        self._stream.flush()

    def end(self) -> None:
        """Leave the line of the bar."""
        if self._is_terminal and self._shown != self._began:
            self._stream.write("\n")


def progress_line(done: float, messages: int, seconds: float) -> str:
    """Return the part that is done, the rate and an estimate. done: from 0 to 1."""
    filled = round(done * _BAR_CHARACTERS)
    bar = "█" * filled + "·" * (_BAR_CHARACTERS - filled)
    left = f", {duration(seconds / done - seconds)} left" if done else ""
    return f"{bar} {done:4.0%}  {messages} messages, {messages / max(seconds, 0.001):.0f} a second{left}"


def duration(seconds: float) -> str:
    """Return a time span as people say it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"

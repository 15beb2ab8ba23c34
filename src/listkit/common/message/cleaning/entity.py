"""The entities of a MIME structure: the message, and its parts (RFC 2045)."""

from __future__ import annotations

from dataclasses import dataclass, field

from listkit.common.message.cleaning import text
from listkit.common.message.cleaning.parameters import Parameterised
from listkit.common.message.header import Field


class TextGuess:
    """Whether text is 8-bit, and UTF-8."""

    def __init__(self) -> None:
        self.is_ascii = True
        self._read = self._lost = 0

    def feed(self, line: bytes) -> None:
        """Look at the next line."""
        if line.isascii():
            return
        self.is_ascii = False
        read, lost = text.read_and_lost(line.decode("utf-8", "replace"))
        self._read += read
        self._lost += lost

    @property
    def charset(self) -> str:
        """The charset to declare."""
        return "utf-8" if text.is_mostly_read(self._read, self._lost) else "windows-1252"


@dataclass(slots=True)
class Entity:
    """A message or a part: its header fields, where they stand, and what its content type says."""

    start: int
    default_type: str
    number: int
    depth: int
    fields: list[Field] = field(default_factory=list)
    end: int = 0
    type: Parameterised = field(default_factory=lambda: Parameterised("text/plain"))
    guess: TextGuess | None = None
    is_status: bool = False
    is_changed: bool = False

    def value(self, name: str) -> bytes:
        """The value of the first field of this name."""
        return next((one.octets for one in self.fields if one.name == name), b"")

    def set(self, name: str, value: str) -> None:
        """Replace a field, or add it."""
        written = Field(name.lower(), f"{name}: {value}\r\n".encode("ascii"))
        place = next((n for n, one in enumerate(self.fields) if one.name == written.name), len(self.fields))
        self.fields[place : place + 1] = [written]
        self.is_changed = True

    def drop(self, name: str) -> None:
        """Remove all fields of this name."""
        self.fields = [one for one in self.fields if one.name != name]
        self.is_changed = True

"""The person who is informed of an undelivered message."""

from __future__ import annotations

from dataclasses import dataclass

_AUTHOR = "author "


@dataclass(frozen=True, slots=True)
class Addressee:
    """A list's owners, the message's author, or, without an address, the site owner."""

    address: str = ""
    is_author: bool = False

    @property
    def key(self) -> str:
        """Its name in the journal."""
        return f"{_AUTHOR}{self.address}" if self.is_author else self.address

    @classmethod
    def of(cls, key: str) -> Addressee:
        """Return the addressee with that name in the journal."""
        return cls(key.removeprefix(_AUTHOR), is_author=key.startswith(_AUTHOR))

    def __str__(self) -> str:
        return self.address or "the site owner"

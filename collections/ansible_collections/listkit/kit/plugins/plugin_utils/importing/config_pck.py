# SPDX-License-Identifier: MIT
"""Read `config.pck`, in which Mailman 2.1 keeps a list's configuration and members.

The file is a pickle of Python 2, which can name any code, and an ordinary reader runs it. Mailman's own import does.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from typing import Any

from ansible_collections.listkit.kit.plugins.plugin_utils.importing.description import CannotImport

# Character sets of Mailman 2.1's languages, where these aren't UTF-8 (its `Defaults.py`).
_CHARACTER_SETS = {
    **dict.fromkeys(("ast", "da", "de", "es", "fi", "fr", "it", "nl", "no", "pt", "pt_BR", "sv"), "iso-8859-1"),
    **dict.fromkeys(("cs", "hr", "hu", "pl", "ro", "sl"), "iso-8859-2"),
    **dict.fromkeys(("et", "eu", "ia"), "iso-8859-15"),
    "el": "iso-8859-7",
    "ja": "euc-jp",
    "ko": "euc-kr",
    "lt": "iso-8859-13",
    "ru": "koi8-r",
    "tr": "iso-8859-9",
}
_LARGEST_BYTES = 256 * 2**20


class _Ignored:
    """Takes the place of Mailman 2.1's records of bounces."""

    def __init__(self, *_arguments: Any):
        pass

    def __setstate__(self, state: Any) -> None:
        """Ignore the record."""


class _Unpickler(pickle.Unpickler):
    """Reads numbers, texts and containers only."""

    def find_class(self, module: str, name: str) -> type:
        """Return a class without content for the only class that Mailman 2.1 uses; refuse all others."""
        if (module, name) == ("Mailman.Bouncer", "_BounceInfo"):
            return _Ignored
        raise pickle.UnpicklingError(f"it names the code {module}.{name}, which is not Mailman's; don't trust the file")


class Config:
    """The values of a `config.pck` by name. A value of another type than expected is treated as missing."""

    def __init__(self, values: dict[Any, Any]):
        self._values = {_latin(name): value for name, value in values.items()}
        self._character_set = "utf-8"
        self._character_set = _CHARACTER_SETS.get(self.text("preferred_language"), "utf-8")

    @classmethod
    def read(cls, data: bytes, origin: str) -> Config:
        """Return the content of a file. Raises CannotImport; `origin` is the file's name in the error."""
        if len(data) > _LARGEST_BYTES:
            raise CannotImport(f"{origin}: is larger than {_LARGEST_BYTES >> 20} MiB; a config.pck is far smaller")
        try:
            values = _Unpickler(io.BytesIO(data), encoding="bytes").load()
        except pickle.UnpicklingError as error:
            raise CannotImport(f"{origin}: is not a config.pck of Mailman 2.1: {error}") from error
        # Damaged pickles raise these, too.
        except (ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, TypeError, ValueError) as error:
            raise CannotImport(f"{origin}: is not a config.pck of Mailman 2.1, or is damaged: {error!r}") from error
        if not isinstance(values, dict) or not {b"owner", b"real_name"} <= set(values):
            raise CannotImport(f"{origin}: is not a config.pck of Mailman 2.1: it has no list's name and owners")
        return cls(values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str:
        """Return a text; an empty one if it is missing."""
        return self._decoded(self._values.get(name)) or ""

    def number(self, name: str, default: float = 0) -> float:
        """Return a number; truth values are 0 and 1."""
        value = self._values.get(name)
        return value if isinstance(value, (int, float)) else default

    def texts(self, name: str) -> list[str]:
        """Return a list of texts, or the lines of a text, without empty ones."""
        value = self._values.get(name)
        items = value if isinstance(value, (list, tuple)) else self.text(name).splitlines()
        return [text for text in map(self._decoded, items) if text and text.strip()]

    def by_address(self, name: str) -> dict[str, Any]:
        """Return a dictionary whose keys are members' addresses in lower case; its texts are decoded."""
        value = self._values.get(name)
        found = {}
        for key, item in value.items() if isinstance(value, dict) else ():
            address = self._decoded(key)
            if address:
                text = self._decoded(item)
                found[address.lower()] = item if text is None else text
        return found

    def rules(self, name: str) -> Iterator[tuple[str, Any]]:
        """Yield the pairs of a text and a value with which each tuple in a list starts."""
        value = self._values.get(name)
        for item in value if isinstance(value, (list, tuple)) else ():
            if isinstance(item, tuple) and len(item) >= 2:
                yield self._decoded(item[0]) or "", item[1]

    def _decoded(self, value: Any) -> str | None:
        """Return a text of Python 2 or 3; None for anything else."""
        if isinstance(value, str):
            return value
        if not isinstance(value, bytes):
            return None
        for character_set in ("utf-8", self._character_set):
            try:
                return value.decode(character_set)
            except UnicodeDecodeError:
                continue
        return _latin(value)


def _latin(value: Any) -> str:
    return value.decode("iso-8859-1") if isinstance(value, bytes) else str(value)

# SPDX-License-Identifier: MIT
"""Find secret values in data, and hide them in text."""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import quote

MASK = "********"
# A shorter value also occurs in ordinary words; hiding it there would reveal it.
SHORTEST = 6


class Redactor:
    """Collects secrets from named data and hides them in text."""

    def __init__(self, names: re.Pattern):
        """`names` matches the names of secrets."""
        self._names = names
        self._values: set[str] = set()
        self._pattern: re.Pattern | None = None

    def is_secret(self, name: str) -> bool:
        """Return whether `name` is a secret's name."""
        return bool(self._names.search(name))

    def learn(self, name: str, value: Any, secret: bool = False) -> None:
        """Collect the secrets in `value`: all of it if `name` is a secret's name, or else the items with such names."""
        secret = secret or self.is_secret(str(name))
        if isinstance(value, dict):
            for key, item in value.items():
                self.learn(key, item, secret)
        elif isinstance(value, (list, tuple)):
            for item in value:
                self.learn("", item, secret)
        elif secret and isinstance(value, (str, int)) and not isinstance(value, bool):
            self._add(str(value))

    def redact(self, text: str) -> str:
        """Return `text` with every known secret hidden."""
        if self._values and self._pattern is None:
            longest_first = sorted(self._values, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(_expression, longest_first)))
        return self._pattern.sub(MASK, text) if self._pattern else text

    def _add(self, text: str) -> None:
        for part in {text, text.strip(), *map(str.strip, text.splitlines())}:
            if len(part) >= SHORTEST:
                self._values.update(_spellings(part))
                self._pattern = None


def _spellings(text: str) -> set[str]:
    """Return `text` and its encodings in URLs and HTTP headers."""
    return {text, quote(text, safe=""), base64.b64encode(text.encode()).decode()}


def _expression(value: str) -> str:
    """Return a regular expression for `value` as Python, JSON and YAML quote it, also nested."""
    return "".join(map(_character, value))


def _character(character: str) -> str:
    if character == " ":
        return r"\s+"  # long lines are folded at spaces
    if character in "'\"":
        return rf"\\*{character}{{1,2}}"
    if character == "\\":
        return r"\\+"
    if not character.isascii():
        code = ord(character)
        return rf"(?:{character}|\\+u{code:04x}|\\+x{code:02x})"
    return re.escape(character)

"""JSON configuration files, which Ansible writes. Every problem is reported at once: file, key, reason and an example.

    def _site(table: Table) -> Site:
        return Site(host=table.host("host"), port=table.port("port", default=25))

    site = load(Path("/etc/listkit/site.json"), _site)

A key that nothing has read is a problem, too: it may be a misspelt one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

ADDRESS = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+")
DOMAIN = re.compile(r"(?=.{1,253}\Z)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,63}")
_PORT = "is not a valid port (1–65535)"
HOST = re.compile(r"[A-Za-z0-9.:_-]{1,253}")


class ConfigurationError(ValueError):
    """The file cannot be used; the text names every problem, one on each line."""


def load(path: Path, build: Callable[[Table], T], missing: dict[str, Any] | None = None) -> T:
    """Read the JSON object in `path` with `build`. Raises ConfigurationError, which names all problems.

    missing: the object to read when there is no such file; None makes that an error.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        if missing is not None and isinstance(error, FileNotFoundError):
            return read(missing, build, str(path))
        remedy = "; run the playbook to write it" if isinstance(error, FileNotFoundError) else ""
        raise ConfigurationError(f"{path}: {error.strerror}{remedy}") from error
    except ValueError as error:
        raise ConfigurationError(f"{path}: not valid JSON: {error}; run the playbook to write it") from error
    return read(raw, build, str(path))


def read(raw: object, build: Callable[[Table], T], source: str) -> T:
    """Do what `load` does with an object that has been parsed already; `source` names it in the problems."""
    root = Table(raw)
    result = build(root)
    root.reject_unread_keys()
    if root.problems:
        raise ConfigurationError("\n".join(f"{source}: {problem}" for problem in root.problems))
    return result


class Table:
    """A JSON object. Each method reads one key.

    A value that is missing or wrong becomes a problem, and a stand-in is returned so that the rest can be read. `null`
    counts as missing. Without a `default`, a key is required.
    """

    def __init__(self, raw: object, key: str = "", problems: list[str] | None = None) -> None:
        """key: where the object stands in the file, such as "imap.folders"; "" for the whole file."""
        self.problems: list[str] = [] if problems is None else problems
        self._key = key
        self._children: list[Table] = []
        self._known: set[str] = set()
        self._values: dict[str, Any] = {}
        if isinstance(raw, dict):
            self._values = raw
        else:
            self.problems.append(f"{key or 'the file'}: must be a JSON object, is {_json_type(raw)}")

    def __contains__(self, name: str) -> bool:
        """Whether the key is there and not null."""
        self._known.add(name)
        return self._values.get(name) is not None

    def problem(self, name: str, reason: str, example: object) -> None:
        """Note a problem with the key `name`; "" is the object itself."""
        self.problems.append(f"{self._name(name)}: {reason}; for example: {_shown(example)}")

    def ignore(self, *names: str) -> None:
        """Accept keys that are meant for another reader of the file."""
        self._known.update(names)

    def reject_unread_keys(self) -> None:
        """Note as problems the keys, here and below, that no method has read."""
        for name in sorted(self._values.keys() - self._known):
            self.problems.append(f"{self._name(name)}: unknown key; known keys: {', '.join(sorted(self._known))}")
        for child in self._children:
            child.reject_unread_keys()

    def text(
        self, name: str, *, pattern: str | re.Pattern[str] = r".+", example: str, default: str | None = None
    ) -> str:
        """Read a string all of which matches `pattern`."""
        if name not in self:
            return self._missing(name, example, default, "")
        return self._text(name, self._values[name], pattern, example)

    def texts(
        self,
        name: str,
        *,
        pattern: str | re.Pattern[str] = r".+",
        example: str,
        default: Sequence[str] | None = None,
        may_be_empty: bool = False,
    ) -> tuple[str, ...]:
        """Read a list of strings each of which matches `pattern`."""
        if name not in self:
            return tuple(self._missing(name, [example], default, ()))
        value = self._values[name]
        if not isinstance(value, list) or not (value or may_be_empty):
            self.problem(name, f"must be a list of strings{'' if may_be_empty else ', and not empty'}", [example])
            return ()
        return tuple(self._text(f"{name}[{place}]", text, pattern, example) for place, text in enumerate(value))

    def choice(self, name: str, choices: Iterable[str], *, default: str | None = None) -> str:
        """Read one of several words."""
        words = list(choices)
        if name not in self:
            return self._missing(name, words[0], default, words[0])
        value = self._values[name]
        if isinstance(value, str) and value in words:
            return value
        self.problem(name, f"{_shown(value)} is not one of {', '.join(words)}", words[0])
        return words[0]

    def integer(self, name: str, least: int, most: int, *, default: int | None = None) -> int:
        """Read a whole number from `least` to `most`."""
        return self._integer(name, least, most, default, f"is not a whole number from {least} to {most}")

    def port(self, name: str, *, default: int | None = None) -> int:
        """Read a TCP port."""
        return self._integer(name, 1, 65_535, default, _PORT)

    def ports(self, name: str, *, default: Sequence[int] | None = None) -> tuple[int, ...]:
        """Read a list of TCP ports."""
        if name not in self:
            return tuple(self._missing(name, [25], default, ()))
        value = self._values[name]
        if not isinstance(value, list):
            self.problem(name, "must be a list of ports", [25])
            return ()
        return tuple(self._whole(f"{name}[{place}]", port, 1, 65_535, 25, _PORT) for place, port in enumerate(value))

    def flag(self, name: str, *, default: bool | None = None) -> bool:
        """Read true or false."""
        if name not in self:
            return self._missing(name, False, default, False)
        value = self._values[name]
        if isinstance(value, bool):
            return value
        self.problem(name, f"{_shown(value)} is neither true nor false", False)
        return False

    def address(self, name: str, *, default: str | None = None) -> str:
        """Read an e-mail address, and return it in lower case."""
        return self.text(name, pattern=ADDRESS, example="mailman@example.org", default=default).lower()

    def addresses(self, name: str, *, may_be_empty: bool = False) -> tuple[str, ...]:
        """Read a list of e-mail addresses, and return them in lower case."""
        found = self.texts(name, pattern=ADDRESS, example="mailman@example.org", may_be_empty=may_be_empty)
        return tuple(address.lower() for address in found)

    def host(self, name: str, *, default: str | None = None) -> str:
        """Read a host name or an IP address."""
        return self.text(name, pattern=HOST, example="mail.example.org", default=default)

    def path(self, name: str, *, example: str, default: str | None = None) -> Path:
        """Read an absolute path."""
        return Path(self.text(name, pattern=r"/.+", example=example, default=default))

    def url(self, name: str, *, example: str, default: str | None = None) -> str:
        """Read an http or https URL."""
        value = self.text(name, pattern=r"https?://\S+", example=example, default=default)
        if value and not urlsplit(value).hostname:
            self.problem(name, f"{_shown(value)} has no host", example)
        return value

    def content(self) -> dict[str, Any]:
        """Read the whole object, whose keys are names of the operator's choice; the caller checks the values."""
        self._known.update(self._values)
        return dict(self._values)

    def table(self, name: str, *, default: dict[str, Any] | None = None) -> Table:
        """Read a JSON object."""
        raw: object = default if name not in self and default is not None else self._values.get(name)
        return self._child(name, raw)

    def tables(self, name: str) -> list[Table]:
        """Read a list of JSON objects; none when the key is missing."""
        value = self._values[name] if name in self else []
        if not isinstance(value, list):
            self.problem(name, "must be a list of JSON objects", [{}])
            return []
        return [self._child(f"{name}[{place}]", raw) for place, raw in enumerate(value)]

    def mapping(self, name: str, *, example: dict[str, Any], default: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read a JSON object whose keys are names of the operator's choice; the caller checks the values."""
        if name not in self:
            return self._missing(name, example, default, {})
        value = self._values[name]
        if isinstance(value, dict):
            return value
        self.problem(name, f"must be a JSON object, is {_json_type(value)}", example)
        return {}

    def _missing(self, name: str, example: object, default: T | None, stand_in: T) -> T:
        if default is not None:
            return default
        self.problem(name, "is missing", example)
        return stand_in

    def _text(self, name: str, value: object, pattern: str | re.Pattern[str], example: str) -> str:
        if isinstance(value, str) and re.fullmatch(pattern, value):
            return value
        self.problem(name, f"{_shown(value)} is not valid", example)
        return ""

    def _integer(self, name: str, least: int, most: int, default: int | None, reason: str) -> int:
        example = least if default is None else default
        if name not in self:
            return self._missing(name, example, default, least)
        return self._whole(name, self._values[name], least, most, example, reason)

    def _whole(self, name: str, value: object, least: int, most: int, example: int, reason: str) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.problem(name, f"{_shown(value)} {reason}", example)
        return least

    def _child(self, name: str, raw: object) -> Table:
        child = Table(raw, self._name(name), self.problems)
        self._children.append(child)
        return child

    def _name(self, name: str) -> str:
        return f"{self._key}.{name}" if self._key and name else self._key or name or "the file"


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _json_type(value: object) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return names.get(type(value), "null")

# SPDX-License-Identifier: MIT
"""Secrets that are created on a host.

A template contains a marker, which the host replaces with the value. A secret never leaves the host, unless two hosts
of a split site share it.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

DIRECTORY = "/etc/listkit/secrets"
PLACEHOLDER = "made-on-the-host"
NAME = re.compile(r"[a-z][a-z0-9_]*")
# Only characters that need no escaping in URLs or quoted strings.
MARKER = re.compile(r"__host_secret\.([a-z][a-z0-9_]*)__")
ENTROPY_BYTES = 32


def marker(name: str) -> str:
    """Return the marker of secret `name`; raises ValueError if the name is invalid."""
    if not NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is not a valid name for a secret: lower-case letters, digits and _, such as 'rest_password'"
        )
    return f"__host_secret.{name}__"


def names_in(text: str) -> list[str]:
    """Return the names of the secrets whose markers are in `text`, sorted."""
    return sorted(set(MARKER.findall(text)))


def fill(text: str, values: dict[str, str]) -> str:
    """Return `text` with each marker replaced by its value."""
    return MARKER.sub(lambda match: values[match.group(1)], text)


def read(name: str, directory: str = DIRECTORY) -> str | None:
    """Return the value of secret `name`, or None if it does not exist yet."""
    try:
        return Path(directory, name).read_text(encoding="utf-8").rstrip("\n")
    except FileNotFoundError:
        return None


def make(name: str, directory: str = DIRECTORY) -> str:
    """Create secret `name` unless it exists, and return its value.

    The value is hexadecimal, which needs no quoting in any configuration file.
    """
    return read(name, directory) or keep(name, secrets.token_hex(ENTROPY_BYTES), directory)


def keep(name: str, value: str, directory: str = DIRECTORY) -> str:
    """Store `value` as secret `name`, and return it."""
    folder = Path(directory)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    # A crash must leave no file or the whole value: other files may already contain it.
    new = folder / f".{name}.new"
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(value)
        out.flush()
        os.fsync(out.fileno())
    new.replace(folder / name)
    return value

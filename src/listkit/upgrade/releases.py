"""The Debian releases between which a host is upgraded."""

from __future__ import annotations

import platform
from dataclasses import dataclass


@dataclass(frozen=True)
class Release:
    """A Debian release. number: as in /etc/os-release; name: as in apt's sources."""

    number: str
    name: str


OLD = Release("12", "bookworm")
NEW = Release("13", "trixie")


def current() -> str:
    """Return the number of this host's release, "" if it has none."""
    return platform.freedesktop_os_release().get("VERSION_ID", "")

"""Reading systemd's journal."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

Line = tuple[float, str]
"""A time, in seconds since 1970, and what was logged then."""


def lines(since: float, *matches: str) -> Iterator[Line]:
    """Yield the lines that match, oldest first. Raises OSError.

    matches: such as `_SYSTEMD_UNIT=listkit-bridge.service`; see journalctl(1).
    """
    command = ["journalctl", "-q", "--no-pager", "-o", "json", "--output-fields=MESSAGE", f"--since=@{since:.0f}"]
    with subprocess.Popen([*command, *matches], stdout=subprocess.PIPE) as listing:
        for line in listing.stdout or ():
            entry = json.loads(line)
            yield int(entry["__REALTIME_TIMESTAMP"]) / 1e6, _text(entry.get("MESSAGE"))


def _text(message: object) -> str:
    """journalctl writes a message that is not valid UTF-8 as a list of octets."""
    return bytes(message).decode(errors="replace") if isinstance(message, list) else str(message or "")

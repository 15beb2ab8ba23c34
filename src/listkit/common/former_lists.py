"""The former addresses of renamed lists: `/var/lib/listkit/lists/former.json`.

{"old@example.org": "new@example.org"}

Mail to a former address is delivered to the list, and links to its archive lead to the list's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from listkit.common.configuration import Table, load
from listkit.common.durable import write_durably

PATH = Path("/var/lib/listkit/lists/former.json")
"""Read whenever an address is looked up."""


def read() -> dict[str, str]:
    """Return the current address of each renamed list by its former ones. Raises ConfigurationError."""
    return load(PATH, Table.content, missing={})


def add(old: str, new: str) -> None:
    """Note that the list at `old` is at `new` now. Its earlier addresses lead to `new`, too."""
    earlier = {former: new if current == old else current for former, current in read().items()}
    _write({**{former: current for former, current in earlier.items() if former != new}, old: new})


def remove(old: str) -> None:
    """Forget the former address `old`."""
    _write({former: current for former, current in read().items() if former != old})


def _write(former: Mapping[str, str]) -> None:
    PATH.parent.mkdir(exist_ok=True)
    # Mailman, the bridge and the web interface read it as users of their own, whatever root's umask is.
    PATH.parent.chmod(0o755)
    write_durably(PATH, json.dumps(former, indent=2, sort_keys=True) + "\n")

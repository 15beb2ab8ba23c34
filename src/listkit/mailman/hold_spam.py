"""Which lists hold what the mail provider marked: `/etc/listkit/hold-spam.json`, which the role `core` writes.

{"default": true, "lists": {"dev@example.org": false}}
"""

from __future__ import annotations

import json
from pathlib import Path

CONFIGURATION = Path("/etc/listkit/hold-spam.json")


def holds_spam(address: str, path: Path = CONFIGURATION) -> bool:
    """Return whether the list at `address` does; every list does where the file doesn't exist."""
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return True
    found: bool = settings["lists"].get(address.lower(), settings["default"])
    return found

"""The marker of a list's restore that is not finished. The checks read it, so it needs nothing that restores."""

from __future__ import annotations

import json
from pathlib import Path

from listkit.backup.configuration import STATE

MARKER = STATE / "restoring-list.json"


def interrupted(marker: Path) -> str:
    """Return the address of the list whose restore was interrupted, or ""."""
    try:
        return str(json.loads(marker.read_text())["list"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return ""

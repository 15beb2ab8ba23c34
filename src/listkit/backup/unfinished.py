"""The markers of a restore that is not finished, and of a retired host.

The checks read them every few minutes, so this module needs nothing that backs up or restores.
"""

from __future__ import annotations

import json
from pathlib import Path

from listkit.backup.configuration import STATE

SITE = STATE / "restoring.json"
"""While a restore of everything is not finished."""
LIST = STATE / "restoring-list.json"
"""While a restore of one list is not finished; names it."""
RETIRED = STATE / "final.json"
"""Once the final backup of this host has begun."""


def interrupted(marker: Path) -> str:
    """Return the address of the list whose restore was interrupted, or ""."""
    try:
        return str(json.loads(marker.read_text())["list"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return ""

"""What the mail service refuses to send: `/etc/listkit/submission-filter.json`, which the role `relay` writes.

{"forbidden_extensions": ["exe", "scr"], "message_size_limit": 52428800}
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CONFIGURATION = Path("/etc/listkit/submission-filter.json")


def rules(path: Path = CONFIGURATION) -> dict[str, Any]:
    """Read the rules; nothing is forbidden where the file doesn't exist."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"forbidden_extensions": [], "message_size_limit": 0}
    return found

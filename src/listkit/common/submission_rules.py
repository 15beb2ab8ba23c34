"""What the mail service refuses to send: `/etc/listkit/submission-filter.json`, which the role `relay` writes.

{"forbidden_extensions": ["exe", "scr"], "message_size_limit": 52428800}
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CONFIGURATION = Path("/etc/listkit/submission-filter.json")
MOST_HOPS = 30
"""Mail servers that a message that is sent may have passed. The next ones refuse it from 50 on, or earlier, since it
seems to go in circles: ours, the provider's, and a recipient's, who may forward it."""


def rules(path: Path = CONFIGURATION) -> dict[str, Any]:
    """Read the rules; nothing is forbidden where the file doesn't exist."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"forbidden_extensions": [], "message_size_limit": 0}
    return found

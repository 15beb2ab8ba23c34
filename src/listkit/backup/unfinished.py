"""The markers of a restore that is not finished, of a retired host, and of a host that stands by.

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
STANDBY = STATE.with_name("standby")
"""While this host stands by. The checks see it without root."""
READ_ONLY = STATE.with_name("read-only")
"""While it exists, the web server passes on only requests that read; it can't look into the directory of the state."""
HELD_BACK = (
    "listkit-alert.timer",
    "listkit-archive-prune.timer",
    "listkit-backup.timer",
    "listkit-backup-drill.timer",
    "listkit-canary.timer",
    "listkit-certificate.timer",
    "listkit-digests.timer",
    "listkit-members@hourly.timer",
    "listkit-members@daily.timer",
    "listkit-members@weekly.timer",
    "listkit-members@monthly.timer",
    "listkit-notify.timer",
    "listkit-report.timer",
    "listkit-web-job@hourly.timer",
    "listkit-web-job@daily.timer",
    "listkit-web-job@monthly.timer",
    "listkit-web-job@yearly.timer",
    "listkit-bridge.service",
    "listkit-budget.service",
)
"""What systemd doesn't start while a host stands by: the timers, and the mail's way in and out.

Without the budget's daemon, no message leaves Postfix.
"""


def interrupted(marker: Path) -> str:
    """Return the address of the list whose restore was interrupted, or ""."""
    try:
        return str(json.loads(marker.read_text())["list"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return ""


def standing_by(marker: Path = STANDBY) -> bool:
    """Return whether this host stands by."""
    return marker.exists()

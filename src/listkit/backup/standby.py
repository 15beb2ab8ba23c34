"""A host that stands by: it runs the site as a backup has it, and handles no mail, until the site moves to it.

Nothing fetches mail or begins by itself, and Postfix keeps on hold what Mailman sends. The final backup replaces all of
it. systemd skips the units by a condition, so the playbook deploys the host like any other.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from listkit.backup.configuration import STATE
from listkit.common.durable import write_durably

MARKER = STATE.with_name("standby")
"""Where the checks can see it without root."""
UNITS = (
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
"""What systemd doesn't start meanwhile: the timers, and the mail's way in and out.

Without the budget's daemon, no message leaves Postfix.
"""
SYSTEMD = Path("/etc/systemd/system")
DROP_IN = "listkit-standby.conf"


def standing_by(marker: Path = MARKER) -> bool:
    """Return whether this host stands by."""
    return marker.exists()


def begin(marker: Path = MARKER, directory: Path = SYSTEMD) -> None:
    """Have systemd skip the units from now on."""
    for unit in UNITS:
        path = directory / f"{unit}.d" / DROP_IN
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"[Unit]\nConditionPathExists=!{marker}\n")
    write_durably(marker, "")
    _reload()


def end(marker: Path = MARKER, directory: Path = SYSTEMD) -> None:
    """Let systemd start them again. Starts nothing."""
    if not marker.exists():
        return
    for unit in UNITS:
        path = directory / f"{unit}.d" / DROP_IN
        path.unlink(missing_ok=True)
        if path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()
    marker.unlink()
    _reload()


def _reload() -> None:
    subprocess.run(["systemctl", "daemon-reload"], check=True)

"""A host that stands by: it runs the site as a backup has it, and handles no mail, until the site moves to it.

Nothing fetches mail or begins by itself, Postfix keeps on hold what Mailman sends, and the web server refuses changes,
because the final backup replaces everything. systemd skips the units by a condition, so the playbook deploys the host
like any other.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from listkit.backup.unfinished import HELD_BACK, READ_ONLY, STANDBY
from listkit.common.durable import write_durably

SYSTEMD = Path("/etc/systemd/system")
DROP_IN = "listkit-standby.conf"


def begin(marker: Path = STANDBY, directory: Path = SYSTEMD) -> None:
    """Have systemd skip the units, and the web server refuse changes, from now on."""
    for unit in HELD_BACK:
        path = directory / f"{unit}.d" / DROP_IN
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"[Unit]\nConditionPathExists=!{marker}\n")
    _read_only(marker).touch()
    write_durably(marker, "")
    _reload()


def end(marker: Path = STANDBY, directory: Path = SYSTEMD) -> None:
    """Let systemd start the units again, and people change things. Starts nothing."""
    if not marker.exists():
        return
    for unit in HELD_BACK:
        path = directory / f"{unit}.d" / DROP_IN
        path.unlink(missing_ok=True)
        if path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()
    _read_only(marker).unlink(missing_ok=True)
    marker.unlink()
    _reload()


def _read_only(marker: Path) -> Path:
    return marker.with_name(READ_ONLY.name)


def _reload() -> None:
    subprocess.run(["systemctl", "daemon-reload"], check=True)

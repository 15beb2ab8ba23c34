"""The last backup of a host that another host replaces. It retires the host: mail and the web interface stop.

A record marks the host as retired from the first change on. While it exists, the playbook starts nothing, and a
restore may replace what is on the host, because the backup has everything. `reopen` removes the record.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from listkit.backup import files, pause, unfinished, waiting
from listkit.backup.backing_up import back_up
from listkit.backup.configuration import Configuration
from listkit.backup.errors import BackupError
from listkit.backup.repository import Repository
from listkit.common.durable import write_durably

PATH = unfinished.RETIRED
UNITS = (
    # These would report a host that has nothing to do, or change its state.
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
    # In the order in which a message passes them.
    "listkit-bridge.service",
    "mailman3.service",
    "mailman3-web.service",
    "listkit-budget.service",
    "postfix.service",
)
"""The timers, and the services that carry mail or let people change something."""


def snapshot(path: Path = PATH) -> str | None:
    """Return the id of the final backup; "" while it is incomplete, and None on a host that is not retired.

    Raises BackupError when the record is damaged.
    """
    try:
        return str(json.loads(path.read_text())["snapshot"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{path} is damaged ({error}); `listkit backup reopen` removes it") from error


def retired(path: Path = PATH) -> bool:
    """Return whether this host was stopped for a final backup. Raises BackupError when the record is damaged."""
    return snapshot(path) is not None


def make(configuration: Configuration, repository: Repository, path: Path = PATH, aside: Path = waiting.ASIDE) -> str:
    """Stop everything, make the final backup, and return its id; return the same one if it was made before.

    Raises BackupError. Until everything is checked, nothing stops; afterwards the next call continues.
    """
    if (made := snapshot(path)) and not pause.control_groups(pause.CARRIERS):
        return made
    if count := waiting.count(aside):
        raise BackupError(
            f"{count} messages are set aside in {aside}, which a backup leaves out. `listkit backup release` sends "
            f"them; `rm -r {aside}` drops them, if another host has sent them. Nothing was stopped"
        )
    # A storage that does not answer is found before anything stops.
    repository.snapshots()
    stopped = time.time()
    _write(path, "", stopped)
    _run("systemctl", "disable", "--now", *_present(UNITS))
    # Should anything start Postfix, what is in its queue stays there: the backup has it.
    _run("postsuper", "-h", "ALL")
    stored = back_up(configuration, repository).snapshot
    _write(path, stored, stopped)
    return stored


def reopen(path: Path = PATH) -> None:
    """Forget the final backup: the playbook may start this host again."""
    path.unlink(missing_ok=True)


def set_aside(path: Path = PATH, aside: Path = waiting.ASIDE, root: Path = Path("/")) -> int:
    """Set aside mail that waits on this retired host, because another host has sent it; return how many messages.

    Raises BackupError when no other host can have it, or when this host handles mail.
    """
    made = snapshot(path)
    if not made:
        raise BackupError("this host has no final backup, so no other host can have sent its mail")
    if running := pause.control_groups(pause.CARRIERS):
        raise BackupError(f"{', '.join(running)} handles mail on this host; `listkit backup final` stops it")
    return files.set_aside(root, files.WAITING, aside / made)


def drop_carried_mail() -> None:
    """Empty Postfix's queue on a retired host: the final backup has what was in it."""
    _run("postsuper", "-d", "ALL")


def _present(units: tuple[str, ...]) -> list[str]:
    """Return those of the units that this host has."""
    return [unit for unit in units if _run("systemctl", "show", "-P", "LoadState", unit).strip() == "loaded"]


def _write(path: Path, snapshot_id: str, stopped: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, json.dumps({"snapshot": snapshot_id, "stopped": stopped}))


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BackupError(f"`{' '.join(command)}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout

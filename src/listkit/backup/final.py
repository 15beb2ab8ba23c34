"""The last backup of a host that another host replaces. It retires the host: mail stops, and the web can only be read.

A record marks the host as retired from the first change on. While it exists, the playbook starts nothing, and a
restore may replace what is on the host, because the backup has everything. `reopen` removes the record, and `start`
starts what has stopped.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from listkit.backup import files, pause, unfinished, waiting
from listkit.backup.backing_up import back_up
from listkit.backup.configuration import STATE, Configuration
from listkit.backup.databases import Session
from listkit.backup.errors import BackupError
from listkit.backup.repository import Repository
from listkit.common.durable import write_durably

PATH = unfinished.RETIRED
STOPPED = STATE / "stopped-units.json"
"""The units that ran before, until `start`."""
WEB = "mailman3-web.service"
JOBS = "SELECT count(*) FROM django_q_ormq"
JOBS_SECONDS = 30
"""What is left then only fills caches and the search index, which the other host makes again."""
UNITS = (*unfinished.HELD_BACK, "mailman3.service", "postfix.service")
"""The timers, and the services that carry mail."""


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


def make(
    configuration: Configuration,
    repository: Repository,
    path: Path = PATH,
    aside: Path = waiting.ASIDE,
) -> str:
    """Stop mail and changes, make the final backup, and return its id; return the same one if it was made before.

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
    present = [unit for unit in UNITS if _property(unit, "LoadState") == "loaded"]
    if not retired(path):
        enabled = [unit for unit in present if _property(unit, "UnitFileState") == "enabled"]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path.with_name(STOPPED.name), json.dumps(enabled))
    _write(path, "", stopped)
    _read_only(path).touch()
    _run("systemctl", "disable", "--now", *present)
    _wait_for_jobs(configuration)
    # Should anything start Postfix, what is in its queue stays there: the backup has it.
    _run("postsuper", "-h", "ALL")
    stored = back_up(configuration, repository).snapshot
    _write(path, stored, stopped)
    return stored


def reopen(path: Path = PATH) -> None:
    """Forget the final backup: the playbook may start this host again, and people may change things."""
    path.unlink(missing_ok=True)
    _read_only(path).unlink(missing_ok=True)


def start(path: Path = PATH) -> None:
    """Start what ran before the final backup; after that, nothing. Raises BackupError on a retired host."""
    stopped = path.with_name(STOPPED.name)
    if retired(path):
        raise BackupError("this host is retired: another one has the site; `listkit backup reopen` changes that")
    if stopped.exists():
        _run("systemctl", "enable", "--now", WEB, *json.loads(stopped.read_text()))
        stopped.unlink()


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


def _wait_for_jobs(configuration: Configuration) -> None:
    """Wait until the web interface has done its jobs, for a while: another release can't read those of this one."""
    deadline = time.monotonic() + JOBS_SECONDS
    with Session(configuration.web) as session:
        while session.value(JOBS) != "0" and time.monotonic() < deadline:
            time.sleep(0.5)


def _read_only(path: Path) -> Path:
    return path.parent.with_name(unfinished.READ_ONLY.name)


def _property(unit: str, name: str) -> str:
    return _run("systemctl", "show", "-P", name, unit).strip()


def _write(path: Path, snapshot_id: str, stopped: float) -> None:
    write_durably(path, json.dumps({"snapshot": snapshot_id, "stopped": stopped}))


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BackupError(f"`{' '.join(command)}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout

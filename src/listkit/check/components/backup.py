"""The last backup, and the last proof that one can be restored. Setting: `drills`, whether this host proves it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from listkit.backup import record, unfinished, waiting
from listkit.backup.configuration import CONFIGURATION
from listkit.backup.record import Record
from listkit.check.finding import Check, Finding
from listkit.check.probes import date
from listkit.check.settings import Settings

HOUR_SECONDS = 3600
MOST_HOURS = 26
"""A backup is made each night, and may last hours."""
MOST_DAYS_UNPROVEN = 9
"""The drill is weekly."""
BACK_UP = "`systemctl start listkit-backup`, then `journalctl -u listkit-backup -n 20`"
DRILL = "`systemctl start listkit-backup-drill`, then `journalctl -u listkit-backup-drill -n 20`"
RUNBOOK = "docs/runbooks/backup.md#when-something-is-wrong"


def checks(settings: Settings) -> list[Check]:
    """Return the checks."""
    drills = settings.own.flag("drills", default=True)
    return [
        Check("backup", check_backup),
        Check("restore", check_restore),
        *([Check("backup's proof", check_proof)] if drills else []),
    ]


def check_backup(path: Path = record.PATH, configured: Path = CONFIGURATION) -> Iterator[Finding]:
    """There is a backup of the last night, and none has failed since."""
    found = Record.load(path)
    made = found.made
    age = (time.time() - (made.time if made else configured.stat().st_mtime)) / HOUR_SECONDS
    seen = (
        f"the last one is of {date(made.time)}, {made.total_bytes / 1024**2:.0f} MiB" if made else "none was made yet"
    )
    if found.failure:
        seen = f"the attempt of {date(found.failure.time)} failed: {found.failure.reason}; {seen}"
        remedy = f"remove the cause ({RUNBOOK}), then {BACK_UP}"
        yield (Finding.critical if not made or age > MOST_HOURS else Finding.warning)("backup", seen, remedy)
    elif age > MOST_HOURS:
        yield Finding.critical("backup", f"{seen}; older than {MOST_HOURS} h", BACK_UP)
    else:
        yield Finding.ok("backup", seen)


def check_proof(path: Path = record.PATH, configured: Path = CONFIGURATION) -> Iterator[Finding]:
    """A restore into scratch databases has worked lately."""
    found = Record.load(path)
    proof = found.proof
    days = (time.time() - (proof.time if proof else configured.stat().st_mtime)) / HOUR_SECONDS / 24
    seen = f"backup {proof.snapshot} was restored on {date(proof.time)}" if proof else "no backup was proven yet"
    if found.drill_failure:
        seen = f"the drill of {date(found.drill_failure.time)} failed: {found.drill_failure.reason}; {seen}"
        yield Finding.critical("backup's proof", seen, f"remove the cause ({RUNBOOK}), then {DRILL}")
    elif days > MOST_DAYS_UNPROVEN:
        yield Finding.warning("backup's proof", f"{seen}; older than {MOST_DAYS_UNPROVEN} days", DRILL)
    else:
        yield Finding.ok("backup's proof", seen)


def check_restore(
    marker: Path = unfinished.SITE,
    aside: Path = waiting.ASIDE,
    retired: Path = unfinished.RETIRED,
    of_list: Path = unfinished.LIST,
) -> Iterator[Finding]:
    """No restore was interrupted, no mail is set aside since one, and the site has not moved to another host."""
    if retired.exists():
        remedy = "nothing, if the other host works; else docs/runbooks/move.md#back-to-the-old-host"
        yield Finding.critical("restore", "this site was stopped here to move to another host", remedy)
    elif marker.exists():
        remedy = "on the machine that you deploy from: `ansible-playbook playbooks/restore.yml -D`"
        yield Finding.critical("restore", "interrupted: this host has only a part of its state", remedy)
    elif address := unfinished.interrupted(of_list):
        remedy = f"`listkit backup restore-list {address}`, with the options as before"
        yield Finding.critical("restore", f"that of {address} was interrupted: the list may lack its archive", remedy)
    elif count := waiting.count(aside):
        seen = f"{count} messages waited when the backup was made, and are set aside in {aside}"
        remedy = f"`listkit backup release` sends them; `rm -r {aside}` drops them, if another host has sent them"
        yield Finding.warning("restore", seen, remedy)
    else:
        yield Finding.ok("restore", "none is unfinished")

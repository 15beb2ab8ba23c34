"""How a host gets its state back from a backup.

Members must not get a second time what the lost host has sent after the backup. So mail that waited at the moment of
the backup is set aside, unless mail was stopped then: `waiting.release` lets it go.

A marker is there from the first change to the last. With it, a restore that was interrupted begins again, and the
playbook starts nothing.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from listkit.backup import databases, earlier_release, files, final, same_addresses, standby, unfinished
from listkit.backup.backing_up import DEBIAN_VERSION, STAGING, dump_path, require_room
from listkit.backup.configuration import STATE, Configuration
from listkit.backup.databases import Session
from listkit.backup.errors import BackupError
from listkit.backup.manifest import NAME, Manifest
from listkit.backup.record import Record, Restored
from listkit.backup.repository import Repository, Snapshot
from listkit.backup.waiting import ASIDE
from listkit.check.probes import date
from listkit.common.durable import write_durably
from listkit.web.deployment import STAMP
from listkit.web.same_addresses import Same, statements

MARKER = unfinished.SITE
RESTORED = STATE / "restored"
INDEX = Path("/var/lib/mailman3/web/xapian_index")
SPACE = 3
"""How many times a backup's size must be free: restored once, loaded into the databases, and their logs."""
STOPPED = (*final.UNITS, final.WEB, "postfix@-.service")
"""Debian 12 runs Postfix in an instance of the unit."""


@dataclass(frozen=True)
class Plan:
    """What a restore would do.

    replaced: the lists and messages that are there now; merged: addresses that the web interface's Debian can't store;
    later_release: whether the backup is of a later release of Debian, from which the site comes back to this host.
    """

    snapshot: Snapshot
    manifest: Manifest
    replaced: dict[str, str]
    bytes: int
    merged: Sequence[Same] = ()
    later_release: bool = False

    def lines(self) -> list[str]:
        """Return it for people."""
        held = ", ".join(f"{count} {what}" for what, count in self.manifest.counts.items() if what != "settings")
        age = (time.time() - self.manifest.time) / 3600
        lines = [
            f"restores backup {self.snapshot.id} of {date(self.manifest.time)}, {age:.1f} h ago",
            f"it holds {held}; {self.bytes // 1024**2 + 1} MiB",
        ]
        if any(count != "0" for count in self.replaced.values()):
            lost = ", ".join(f"{count} {what}" for what, count in self.replaced.items())
            lines.append(f"replaces what is on this host: {lost}")
        if self.merged:
            lines.append("merges addresses of accounts that differ only in case:")
            lines.extend(f"  {line}" for line in _shown(self.merged))
        if not self.manifest.idle:
            lines.append(
                f"sets aside mail that waited at that time, in {ASIDE}: the old host may have sent it; "
                "`listkit backup release` sends it"
            )
            lines.append("later mail is in the mailbox's folder Processed: docs/runbooks/restore.md#the-gap")
        return lines


def plan(
    configuration: Configuration,
    repository: Repository,
    name: str,
    *,
    may_replace: bool,
    may_merge: bool = False,
    web_release: int | None = None,
) -> Plan:
    """Return what would be done; nothing changes. Raises BackupError when it must not be done.

    may_replace: also if the host has lists or messages; may_merge: also if addresses must be merged; web_release: the
    number of the Debian release of the web interface's host, by default of this one.
    """
    snapshot = repository.find(name)
    manifest = Manifest.parse(repository.read(snapshot.id, STAGING / NAME))
    replaced = present(configuration)
    replaceable = may_replace or final.retired() or MARKER.exists() or unfinished.standing_by()
    if any(count != "0" for count in replaced.values()) and not replaceable:
        found = ", ".join(f"{count} {what}" for what, count in replaced.items())
        raise BackupError(f"this host is not empty: {found}. To replace them: -e backup_restore_replace=true")
    here = DEBIAN_VERSION.read_text().strip()
    later = _release(here) < _release(manifest.debian)
    if later and not _comes_back():
        raise BackupError(
            f"the backup is of Debian {manifest.debian}, and this host has Debian {here}: use that or a later one"
        )
    size = repository.size(snapshot.id)
    require_room(STATE, SPACE * size)
    same = _same_addresses(repository, snapshot.id, web_release or _release(here))
    if same and not may_merge:
        raise BackupError(
            f"accounts in backup {snapshot.id} have addresses that differ only in case, which Debian "
            f"{same_addresses.LOWER_CASE_SINCE} can't store. To merge them: -e backup_restore_merge_addresses=true. "
            "Or, if the old host still runs: `listkit upgrade addresses --merge` there, and then another backup. "
            f"Merged, they are:\n{chr(10).join(_shown(same))}"
        )
    return Plan(snapshot, manifest, replaced, size, same, later)


def _same_addresses(repository: Repository, snapshot: str, web_release: int) -> Sequence[Same]:
    """Return the addresses in a backup that the web interface's Debian can't store."""
    if web_release < same_addresses.LOWER_CASE_SINCE:
        return ()
    with repository.lines(snapshot, dump_path(STAGING, "web")) as lines:
        return same_addresses.in_dump(lines)


def _shown(found: Sequence[Same]) -> list[str]:
    return [line for same in found for line in same.lines()]


def _comes_back() -> bool:
    """Return whether this host had the site until it moved away, so that its databases have the tables of its release.

    An interrupted restore remembers it.
    """
    return final.retired() or (MARKER.exists() and json.loads(MARKER.read_text()).get("comes_back", False))


def _release(version: str) -> int:
    """Return the number of a Debian release; a testing release, which has a name, is the newest."""
    number = version.partition(".")[0]
    return int(number) if number.isdecimal() else 1000


def present(configuration: Configuration) -> dict[str, str]:
    """Return how many lists and archived messages this host has."""
    wanted = {"lists": (configuration.core, "mailinglist"), "messages": (configuration.web, "hyperkitty_email")}
    found = {}
    for what, (database, table) in wanted.items():
        with Session(database) as session:
            exists = session.value(f"SELECT to_regclass('{table}') IS NOT NULL") == "t"
            found[what] = session.value(f"SELECT count(*) FROM {table}") if exists else "0"  # noqa: S608 -- constants
    return found


def restore(configuration: Configuration, repository: Repository, plan: Plan, *, stand_by: bool = False) -> int:
    """Bring the state back; return how many waiting messages were set aside. Raises BackupError.

    stand_by: this host handles no mail yet. What waited is dropped, because the other host handles it.
    """
    STATE.mkdir(parents=True, exist_ok=True)
    write_durably(MARKER, json.dumps({"snapshot": plan.snapshot.id, "comes_back": _comes_back()}))
    _stop(STOPPED)
    if final.retired() or unfinished.standing_by():
        # The backup has it, or the other host.
        final.drop_carried_mail()
    final.reopen()
    directory = RESTORED / STAGING.relative_to("/")
    shutil.rmtree(RESTORED, ignore_errors=True)  # it is there only after an interruption
    repository.restore(plan.snapshot.id, RESTORED, STAGING)
    load = earlier_release.load if plan.later_release else databases.load
    for name, database in configuration.databases.items():
        load(database, dump_path(directory, name))
    wanted = plan.manifest.comparable if plan.later_release else plan.manifest
    if wrong := wanted.differences(held(configuration)):
        raise BackupError(f"the databases differ from the backup: {'; '.join(wrong)}")
    if plan.merged:
        script = directory / "merge.sql"
        script.write_text("".join(f"{statement};\n" for statement in statements(plan.merged)))
        databases.execute(configuration.web, script)
    copied = directory / files.FILES
    # Postfix's queue has its users' numbers and its inodes' names: it is never put back as it is.
    waiting = files.OUTGOING if plan.manifest.idle else files.WAITING
    aside = files.set_aside(copied, waiting, RESTORED / "waiting" if stand_by else ASIDE / plan.snapshot.id)
    files.put_back(copied, files.STATE)
    files.put_back_secrets(copied)
    # It is of other messages; the web interface makes it again.
    shutil.rmtree(INDEX, ignore_errors=True)  # a fresh host has none yet
    # The tables may be of an earlier release: the playbook sets them up.
    STAMP.unlink(missing_ok=True)
    shutil.rmtree(RESTORED)
    replace(Record.load(), restored=Restored(time.time(), plan.snapshot.id)).save()
    if stand_by:
        standby.begin()
    else:
        standby.end()
    MARKER.unlink()
    return 0 if stand_by else aside


def held(configuration: Configuration) -> dict[str, str]:
    """Return what the databases hold now, as a manifest has it."""
    found: dict[str, str] = {}
    for name, database in configuration.databases.items():
        with Session(database) as session:
            found |= databases.counts(name, session)
    return found


def _stop(units: Iterable[str]) -> None:
    subprocess.run(["systemctl", "stop", *units], stderr=subprocess.DEVNULL, check=False)  # some are not there yet

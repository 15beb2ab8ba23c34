"""How one list comes back from a backup, while all others, and mail, continue.

The backup is restored into scratch databases, from which the list's rows are copied. Each part of the list changes in
one transaction. A marker is there from the first to the last: with it, what was interrupted may be
repeated over what has arrived.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from listkit.backup import databases, files, list_script, scratch
from listkit.backup.configuration import Configuration, Database
from listkit.backup.databases import Session
from listkit.backup.errors import BackupError
from listkit.backup.list_script import List
from listkit.backup.list_tables import ARCHIVE, CORE, HELD, TEMPLATES, Part
from listkit.backup.repository import Repository, Snapshot
from listkit.backup.scratch import Scratch
from listkit.backup.unfinished import LIST as MARKER
from listkit.backup.unfinished import interrupted
from listkit.check.probes import date
from listkit.common.durable import write_durably

ADDRESS = re.compile(r"[a-z0-9._+-]+@[a-z0-9.-]+")
CONTENT = ("members", "held messages", "posts")
"""A list without these is empty: the playbook may have created it, with its owners and settings."""


@dataclass(frozen=True)
class Plan:
    """What would be done. wanted, found: what the backup and the site have of these parts of the list."""

    mailing_list: List
    parts: Sequence[Part]
    snapshot: Snapshot
    restored: Scratch
    wanted: Mapping[str, str]
    found: Mapping[str, str]

    def lines(self) -> list[str]:
        """Return it for people."""
        lines = [
            f"restores {self.mailing_list.address} from backup {self.snapshot.id} of "
            f"{date(self.restored.manifest.time)}: {_shown(self.wanted)}"
        ]
        if any(count != "0" for count in self.found.values()):
            lines.append(f"replaces what is on this site: {_shown(self.found)}")
        if ARCHIVE not in self.parts:
            lines.append("leaves the archive as it is")
        lines.append("sends no mail, and leaves all other lists as they are")
        return lines


@contextlib.contextmanager
def planned(
    configuration: Configuration,
    repository: Repository,
    address: str,
    name: str,
    *,
    may_replace: bool,
    keep_archive: bool,
) -> Iterator[Plan]:
    """Restore a backup into scratch databases for the duration of the block, and return what would be done.

    name: the backup's id, or "latest"; may_replace: also what the list has; keep_archive: leave the archive as it is.
    Raises BackupError when the list can't be restored, or must not be.
    """
    if not ADDRESS.fullmatch(address):
        raise BackupError(f"'{address}' is not a list's address in lower case, such as members@example.org")
    mailing_list = List(address)
    snapshot = repository.find(name)
    parts = (CORE, TEMPLATES) if keep_archive else (CORE, TEMPLATES, ARCHIVE)
    found = _counts(parts, configuration.databases, mailing_list)
    if any(found.get(what, "0") != "0" for what in CONTENT) and not may_replace and interrupted(MARKER) != address:
        raise BackupError(
            f"{address} is not empty on this site: {_shown(found)}. To replace that, which is lost then: --replace, or "
            "-e restore_replace=true. To keep the archive as it is: --keep-archive, or -e restore_keep_archive=true"
        )
    _require_domain(configuration, address)
    with scratch.restored(configuration, repository, snapshot.id, with_owners=True) as restored:
        wanted = _counts(parts, restored.databases, mailing_list)
        if wanted["lists"] == "0":
            raise BackupError(
                f"backup {snapshot.id} of {date(restored.manifest.time)} has no list {address}; `listkit backup list` "
                "shows the others, and --backup chooses one"
            )
        yield Plan(mailing_list, parts, snapshot, restored, wanted, found)


def restore(configuration: Configuration, plan: Plan) -> None:
    """Bring the list back. Raises BackupError."""
    scripts = [plan.restored.directory / f"{number}.sql" for number, _ in enumerate(plan.parts)]
    for script, part in zip(scripts, plan.parts, strict=True):
        source, target = plan.restored.databases[part.database], configuration.databases[part.database]
        list_script.write(script, part, plan.mailing_list, source, target)
    write_durably(MARKER, json.dumps({"list": plan.mailing_list.address}))
    _put_held_messages_back(plan)
    for script, part in zip(scripts, plan.parts, strict=True):
        databases.execute(configuration.databases[part.database], script)
    MARKER.unlink()


def _put_held_messages_back(plan: Plan) -> None:
    """Copy the files of held messages that the site lacks. They have the same names in each site."""
    query = plan.mailing_list.fill(f"SELECT coalesce(jsonb_agg(path), '[]') FROM message WHERE {HELD}")  # noqa: S608 -- the address is checked
    with Session(plan.restored.databases["core"]) as session:
        paths = [files.MESSAGES / path for path in json.loads(session.value(query))]
    files.copy((path for path in paths if not path.exists()), Path("/"), plan.restored.directory / files.FILES)


def _counts(parts: Sequence[Part], site: Mapping[str, Database], mailing_list: List) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in parts:
        with Session(site[part.database]) as session:
            found |= list_script.counts(part, session, mailing_list)
    return found


def _require_domain(configuration: Configuration, address: str) -> None:
    domain = address.partition("@")[2]
    with Session(configuration.core) as session:
        if session.value(f"SELECT count(*) FROM domain WHERE mail_host = '{domain}'") == "0":  # noqa: S608 -- checked
            raise BackupError(
                f"this site has no mail domain {domain}: create it in the web interface, or with mailman_domain"
            )


def _shown(counts: Mapping[str, str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items() if what != "lists")

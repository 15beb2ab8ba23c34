"""A backup restored into a directory and into databases of its own, which are removed afterwards.

Their names can't be those of the site's databases, and nothing else of the host is touched.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from listkit.backup import databases
from listkit.backup.backing_up import STAGING, dump_path, require_room
from listkit.backup.configuration import STATE, Configuration, Database
from listkit.backup.errors import BackupError
from listkit.backup.manifest import NAME, Manifest
from listkit.backup.repository import Repository
from listkit.common.systemd import as_user

DIRECTORY = STATE / "scratch"
CLUSTERS = Path("/var/lib/postgresql")
"""Where Debian's PostgreSQL keeps databases, perhaps on a disk of its own."""
DATABASE = "listkit_scratch_{}"
SPACE = 3
"""How many times the size of the backup must be free, as for a restore. PostgreSQL doesn't show another host's disk."""
SUPERUSER = "postgres"


@dataclass(frozen=True)
class Scratch:
    """A restored backup: its manifest, the directory with its files, and its databases by name."""

    manifest: Manifest
    directory: Path
    databases: Mapping[str, Database]


@contextlib.contextmanager
def restored(
    configuration: Configuration, repository: Repository, snapshot: str, *, with_owners: bool
) -> Iterator[Scratch]:
    """Restore a backup for the duration of the block. Raises BackupError, before anything is written if it can.

    with_owners: give each file its owner, which the sandbox of the drill doesn't permit.
    """
    needed = SPACE * repository.size(snapshot)
    for disk in (STATE, CLUSTERS):
        require_room(disk, needed)
    directory = DIRECTORY / STAGING.relative_to("/")
    _clear()
    try:
        (repository.restore if with_owners else repository.unpack)(snapshot, DIRECTORY, STAGING)
        manifest = Manifest.parse((directory / NAME).read_text())
        with ExitStack() as made:
            scratch = {
                name: made.enter_context(empty_database(name, database))
                for name, database in configuration.databases.items()
            }
            for name, database in scratch.items():
                databases.load(database, dump_path(directory, name))
            yield Scratch(manifest, directory, scratch)
    finally:
        _clear()


def _clear() -> None:
    shutil.rmtree(DIRECTORY, ignore_errors=True)  # it is there only meanwhile, and after a crash


@contextlib.contextmanager
def empty_database(name: str, database: Database) -> Iterator[Database]:
    """An empty database that belongs to the same user as the live one, for the duration of the block."""
    made = DATABASE.format(name)
    _drop(database, made)
    _create(database, made)
    try:
        yield replace(database, connection=f"{database.connection} dbname={made}")
    finally:
        _drop(database, made)


def _create(live: Database, name: str) -> None:
    if live.user:
        _as_superuser(
            "createdb", "--template=template0", "--encoding=UTF8", "--locale=C.UTF-8", f"--owner={live.user}", name
        )
        return
    try:
        databases.command(live, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    except BackupError as error:
        raise BackupError(
            f"{error}. Their users must be allowed to make databases beside them: "
            "docs/runbooks/backup.md#the-drill-with-a-managed-postgresql"
        ) from error


def _drop(live: Database, name: str) -> None:
    if live.user:
        _as_superuser("dropdb", "--if-exists", name)
    else:
        databases.command(live, f"DROP DATABASE IF EXISTS {name}")


def _as_superuser(*command: str) -> None:
    answer = subprocess.run(as_user(SUPERUSER, command), capture_output=True, text=True, cwd="/", check=False)
    if answer.returncode:
        raise BackupError(f"PostgreSQL: {databases.first_lines(answer.stderr.splitlines())}")

"""A restore into scratch databases, compared with the manifest: the proof that the newest backup can be used.

Their names can't be the live ones, and nothing else of the host is touched.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace

from listkit.backup import databases, files
from listkit.backup.backing_up import STAGING, dump_path, require_room
from listkit.backup.configuration import STATE, Configuration, Database
from listkit.backup.databases import Session
from listkit.backup.errors import BackupError
from listkit.backup.manifest import NAME, Manifest
from listkit.backup.record import Failure, Proof, Record
from listkit.backup.repository import Repository

DIRECTORY = STATE / "drill"
SCRATCH = "listkit_drill_{}"
SPACE = 3
"""How many times the size of the backup must be free, as for a restore."""
SUPERUSER = "postgres"


def drill(configuration: Configuration, repository: Repository) -> Proof:
    """Prove the newest backup, and record the result. Raises BackupError."""
    started = time.monotonic()
    try:
        snapshot = _prove(configuration, repository)
    except BackupError as error:
        replace(Record.load(), drill_failure=Failure(time.time(), str(error))).save()
        raise
    proof = Proof(time.time(), snapshot, time.monotonic() - started)
    Record.load().with_proof(proof).save()
    return proof


def _prove(configuration: Configuration, repository: Repository) -> str:
    if not all(database.user for database in configuration.databases.values()):
        raise BackupError("the databases are not on this host: a drill needs databases of its own")
    snapshot = repository.find("latest")
    require_room(STATE, SPACE * repository.size(snapshot.id))
    directory = DIRECTORY / STAGING.relative_to("/")
    _clear()
    try:
        repository.restore(snapshot.id, DIRECTORY, STAGING)
        manifest = Manifest.parse((directory / NAME).read_text())
        found: dict[str, str] = {}
        for name, database in configuration.databases.items():
            with _scratch(name, database) as scratch:
                databases.load(scratch, dump_path(directory, name))
                with Session(scratch) as session:
                    found |= databases.counts(name, session)
        if wrong := manifest.differences(found):
            raise BackupError(f"the restored databases differ from the backup: {'; '.join(wrong)}")
        if missing := [
            str(path) for path in files.ALWAYS if not (directory / files.FILES / path.relative_to("/")).exists()
        ]:
            raise BackupError(f"the backup lacks {', '.join(missing)}")
    finally:
        _clear()
    return snapshot.id


def _clear() -> None:
    shutil.rmtree(DIRECTORY, ignore_errors=True)  # it is there only meanwhile, and after a crash


@contextlib.contextmanager
def _scratch(name: str, database: Database) -> Iterator[Database]:
    """An empty database that belongs to the same user as the live one, for the duration of the block."""
    scratch = SCRATCH.format(name)
    _as_superuser("dropdb", "--if-exists", scratch)
    _as_superuser(
        "createdb", "--template=template0", "--encoding=UTF8", "--locale=C.UTF-8", f"--owner={database.user}", scratch
    )
    try:
        yield replace(database, connection=f"{database.connection} dbname={scratch}")
    finally:
        _as_superuser("dropdb", "--if-exists", scratch)


def _as_superuser(*command: str) -> None:
    answer = subprocess.run(databases.as_user(SUPERUSER, command), capture_output=True, text=True, cwd="/", check=False)
    if answer.returncode:
        raise BackupError(f"PostgreSQL: {databases.first_lines(answer.stderr.splitlines())}")

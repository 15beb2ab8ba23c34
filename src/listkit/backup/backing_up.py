"""How a backup is made: both databases and all files as they were at one moment.

Everything is written into a directory first, and stored only when it is complete: a dump that fails in a pipe would
leave a backup that looks valid.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from listkit import __version__
from listkit.backup import databases, freeze, pause, record
from listkit.backup.configuration import STATE, Configuration
from listkit.backup.databases import Session
from listkit.backup.errors import BackupError
from listkit.backup.freeze import Moment
from listkit.backup.manifest import Manifest, shrunk
from listkit.backup.record import Failure, Made, Record
from listkit.backup.repository import NoRepository, Repository, Stored

STAGING = STATE / "staging"
"""Always the same path, so that restic finds the last backup's."""
ROOM_BYTES = 256 * 1024**2
"""What stays free on the disk."""
DEBIAN_VERSION = Path("/etc/debian_version")


def back_up(
    configuration: Configuration,
    repository: Repository,
    *,
    accept_smaller: bool = False,
    new_repository: bool = False,
    state: Path = STATE,
) -> Made:
    """Make a backup and record the result. Raises BackupError.

    accept_smaller: store dumps that have less than half of the last ones' size; new_repository: make one where there
    was one; state: the directory for the record and for what is being collected.
    """
    path = state / record.NAME
    before = Record.load(path)
    started = time.monotonic()
    try:
        _open(repository, before, configuration.repository, new_repository)
        with _staging(state / STAGING.name) as directory:
            moment, sizes = _collect(configuration, directory)
            if before.made and not accept_smaller and (reasons := shrunk(before.made.dump_bytes, sizes)):
                raise BackupError(f"{'; '.join(reasons)}. If that is right: `listkit backup now --accept-smaller`")
            stored = repository.store(directory, configuration.site, moment.time)
    except BackupError as error:
        replace(before, failure=Failure(time.time(), str(error))).save(path)
        raise
    made = _made(configuration.repository, moment, sizes, stored, time.monotonic() - started)
    before.with_backup(made).save(path)
    return made


def _made(place: str, moment: Moment, sizes: dict[str, int], stored: Stored, seconds: float) -> Made:
    return Made(
        moment.time,
        place,
        stored.snapshot,
        sizes,
        stored.total_bytes,
        stored.stored_bytes,
        seconds,
        moment.pause_seconds,
    )


def _open(repository: Repository, before: Record, place: str, new_repository: bool) -> None:
    """See that the repository can be used, before mail is paused; make it for the first backup at this place."""
    try:
        repository.snapshots()
    except NoRepository as error:
        if before.made and before.made.repository == place and not new_repository:
            reason = f"{error}; it had backups. To make a new repository: `listkit backup now --new-repository`"
            raise BackupError(reason) from error
        repository.create()


@contextlib.contextmanager
def _staging(directory: Path) -> Iterator[Path]:
    """An empty directory that only root can read, for the duration of the block; a crash leaves it to the next one."""
    if directory.exists():
        shutil.rmtree(directory)
    directory.mkdir(mode=0o700, parents=True)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def _collect(configuration: Configuration, directory: Path) -> tuple[Moment, dict[str, int]]:
    """Write everything into the directory; return the moment, and the sizes of the dumps in bytes."""
    with ExitStack() as sessions:
        opened = {name: sessions.enter_context(Session(database)) for name, database in configuration.databases.items()}
        require_room(directory, sum(map(databases.size, opened.values())))
        # While none of them runs, what waits stays where it is.
        idle = not pause.control_groups(pause.CARRIERS)
        with freeze.frozen() as moment:
            snapshots = {name: session.freeze() for name, session in opened.items()}
        (directory / "databases").mkdir()
        sizes = {
            name: databases.dump(database, snapshots[name], dump_path(directory, name))
            for name, database in configuration.databases.items()
        }
        counts = {
            what: count for name, session in opened.items() for what, count in databases.counts(name, session).items()
        }
    debian = DEBIAN_VERSION.read_text().strip()
    manifest = Manifest(moment.time, configuration.site, __version__, debian, idle, counts, sizes)
    manifest.write(directory)
    return moment, sizes


def dump_path(directory: Path, name: str) -> Path:
    """Return where the dump of a database is in a backup."""
    return directory / "databases" / f"{name}.sql"


def require_room(directory: Path, needed_bytes: int) -> None:
    """Raise BackupError unless the disk has room for that much."""
    # A fresh host does not have the directory yet.
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < needed_bytes + ROOM_BYTES:
        mebibytes = [number // 1024**2 for number in (free, needed_bytes + ROOM_BYTES)]
        raise BackupError(f"the disk of {directory} has {mebibytes[0]} MiB free; {mebibytes[1]} MiB are needed")

"""A restore into scratch databases, compared with the manifest: the proof that the newest backup can be used."""

from __future__ import annotations

import time
from dataclasses import replace

from listkit.backup import databases, files, scratch
from listkit.backup.configuration import Configuration
from listkit.backup.databases import Session
from listkit.backup.errors import BackupError
from listkit.backup.record import Failure, Proof, Record
from listkit.backup.repository import Repository
from listkit.backup.scratch import Scratch


def drill(configuration: Configuration, repository: Repository) -> Proof:
    """Prove the newest backup, and record the result. Raises BackupError."""
    started = time.monotonic()
    try:
        snapshot = repository.find("latest").id
        with scratch.restored(configuration, repository, snapshot) as restored:
            _compare(restored)
    except BackupError as error:
        replace(Record.load(), drill_failure=Failure(time.time(), str(error))).save()
        raise
    proof = Proof(time.time(), snapshot, time.monotonic() - started)
    Record.load().with_proof(proof).save()
    return proof


def _compare(restored: Scratch) -> None:
    found: dict[str, str] = {}
    for name, database in restored.databases.items():
        with Session(database) as session:
            found |= databases.counts(name, session)
    if wrong := restored.manifest.differences(found):
        raise BackupError(f"the restored databases differ from the backup: {'; '.join(wrong)}")
    copied = restored.directory / files.FILES
    if missing := [str(path) for path in files.ALWAYS if not (copied / path.relative_to("/")).exists()]:
        raise BackupError(f"the backup lacks {', '.join(missing)}")

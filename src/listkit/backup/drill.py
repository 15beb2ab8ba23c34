"""A restore into scratch databases, compared with the manifest: the proof that the newest backup can be used."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

from listkit.backup import databases, files, scratch
from listkit.backup.backing_up import DEBIAN_VERSION
from listkit.backup.configuration import Configuration
from listkit.backup.databases import Session
from listkit.backup.errors import BackupError
from listkit.backup.record import Failure, Proof, Record
from listkit.backup.repository import Repository
from listkit.backup.scratch import Scratch
from listkit.web.user import SubcommandFailed, run_as_web_user

WEB_SETTINGS = Path("/etc/mailman3/mailman-web.py")
"""Only the web interface's host has it."""


def drill(configuration: Configuration, repository: Repository) -> Proof:
    """Prove the newest backup, and record the result. Raises BackupError."""
    started = time.monotonic()
    try:
        snapshot = repository.find("latest").id
        with scratch.restored(configuration, repository, snapshot, with_owners=False) as restored:
            _compare(restored)
            searched = _search(restored)
    except BackupError as error:
        replace(Record.load(), drill_failure=Failure(time.time(), str(error))).save()
        raise
    proof = Proof(time.time(), snapshot, time.monotonic() - started, searched)
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


def _search(restored: Scratch) -> int | None:
    """Index one list of the restored archive; return how many of its posts a search finds.

    None where it can't be tried: without the web interface, or with another release's than that of the backup.
    """
    release, backed_up = (
        version.strip().partition(".")[0] for version in (DEBIAN_VERSION.read_text(), restored.manifest.debian)
    )
    if not WEB_SETTINGS.exists() or release != backed_up:
        return None
    try:
        found = json.loads(run_as_web_user("search-scratch", scratch.DATABASE.format("web")))
    except SubcommandFailed as error:
        raise BackupError(f"the restored archive can't be searched: {error}") from error
    if found["found"] != found["indexed"]:
        raise BackupError(
            f"a search in the restored archive of {found['list']} finds {found['found']} of {found['indexed']} posts"
        )
    return int(found["found"])

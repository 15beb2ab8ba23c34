"""The storage is full in the middle of a backup, or restic is killed: older backups stay, and the next one is whole."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from backup_repositories import repository_at

from lab.commands import wait_for
from listkit.backup.errors import BackupError
from listkit.backup.repository import Repository

HOST = "lists.example.org"
SMALL = 'mount -t tmpfs -o size=4m none "$0" && echo ready && exec sleep 600'
"""A program that has its own file system in a directory. Others reach it with `nsenter`."""


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, ...]]:
    """A disk of 4 MB in `tmp_path/disk`, which restic sees; yields the start of a command line that sees it, too."""
    (disk := tmp_path / "disk").mkdir()
    command = ("unshare", "--map-root-user", "--mount", "sh", "-c", SMALL, disk)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout and holder.stdout.readline() == "ready\n"
            inside = ("nsenter", f"--target={holder.pid}", "--user", "--mount", "--preserve-credentials", "--")
            (tmp_path / "bin").mkdir()
            wrapper = tmp_path / "bin/restic"
            wrapper.write_text(f'#!/bin/sh\nexec {" ".join(inside)} {shutil.which("restic")} "$@"\n')
            wrapper.chmod(0o755)
            monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
            yield inside
        finally:
            holder.kill()


def grow(data: Path, megabytes: int) -> None:
    """Add what can't be compressed."""
    (data / f"{megabytes}-megabytes").write_bytes(os.urandom(megabytes * 1_000_000))


def is_whole(repository: Repository, backups: list[str], data: Path, target: Path) -> None:
    """See that the repository has these backups, the last of which has the data as it is."""
    assert [snapshot.id for snapshot in repository.snapshots()] == backups
    repository.check("100%")
    repository.restore(backups[-1], target, data)
    restored = target / data.relative_to("/")
    assert {path.name: path.read_bytes() for path in restored.iterdir()} == {
        path.name: path.read_bytes() for path in data.iterdir()
    }


def test_a_full_storage_keeps_its_backups_and_has_the_next_one_once_there_is_room(
    small_disk: tuple[str, ...], tmp_path: Path
):
    repository = repository_at(str(tmp_path / "disk/repository"), tmp_path / "secrets")
    (data := tmp_path / "data").mkdir()
    grow(data, 1)
    repository.create()
    before = repository.store(data, HOST, time.time() - 60).snapshot
    grow(data, 8)
    with pytest.raises(BackupError, match="the storage is full"):
        repository.store(data, HOST, time.time())
    assert [snapshot.id for snapshot in repository.snapshots()] == [before]
    repository.restore(before, tmp_path / "before", data)
    subprocess.run([*small_disk, "mount", "-o", "remount,size=40m", tmp_path / "disk"], check=True)
    after = repository.store(data, HOST, time.time()).snapshot
    is_whole(repository, [before, after], data, tmp_path / "after")


def test_a_backup_that_is_killed_while_it_is_stored_leaves_the_next_one_whole(repository: Repository, tmp_path: Path):
    (data := tmp_path / "data").mkdir()
    grow(data, 1)
    repository.create()
    before = repository.store(data, HOST, time.time() - 60).snapshot
    grow(data, 40)
    stored = {*(tmp_path / "repository/data").rglob("*")}
    with subprocess.Popen(
        repository._command("backup", str(data)), env=repository._environment(), stdout=subprocess.DEVNULL
    ) as restic:
        wait_for(lambda: {*(tmp_path / "repository/data").rglob("*")} - stored, "a part to be stored", 60, every=0.01)
        restic.kill()
    assert restic.returncode < 0, "it ended before"
    after = repository.store(data, HOST, time.time()).snapshot
    is_whole(repository, [before, after], data, tmp_path / "target")

"""A restore into scratch databases doesn't begin without room, and leaves nothing behind."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from listkit.backup import databases, drill, scratch
from listkit.backup.backing_up import ROOM_BYTES, STAGING
from listkit.backup.configuration import Configuration, Database
from listkit.backup.errors import BackupError
from listkit.backup.manifest import Manifest
from listkit.backup.record import Record
from listkit.backup.repository import Snapshot
from listkit.web.user import SubcommandFailed

LOCAL = Configuration("/srv/listkit", "lists.example.org", "90d", Database("a", "list"), Database("b", "www-data"))
MANAGED = Configuration("/srv/listkit", "lists.example.org", "90d", Database("a", ""), Database("b", ""))
SIZE = 500 * 1024**2
ENOUGH = scratch.SPACE * SIZE + ROOM_BYTES


in_scratch = partial(scratch.restored, snapshot="1234abcd", with_owners=False)


class Host:
    """A disk, a repository, and the databases on a host."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.free = dict.fromkeys(("state", "postgresql"), ENOUGH)
        self.ran: list[str] = []
        self.loads = True
        self.makes = True

    def disk(self, path: Path) -> SimpleNamespace:
        return SimpleNamespace(free=self.free[path.name])

    def find(self, _name: str) -> Snapshot:
        return Snapshot("1234abcd", 0, "lists.example.org")

    def size(self, _snapshot: str) -> int:
        return SIZE

    def unpack(self, _snapshot: str, target: Path, include: Path) -> None:
        copied = target / include.relative_to("/")
        copied.mkdir(parents=True)
        Manifest(0, "lists.example.org", "1", "13.1", False, {}, {}).write(copied)

    def run(self, command: list[str], **_options: object) -> SimpleNamespace:
        self.ran.append(" ".join(command[command.index("--") + 1 :]))
        return SimpleNamespace(returncode=0)

    def command(self, database: Database, statement: str) -> None:
        if not self.makes and statement.startswith("CREATE"):
            raise BackupError("PostgreSQL: ERROR:  permission denied to create database")
        self.ran.append(f"{database.connection}: {statement}")

    def load(self, database: Database, _path: Path) -> None:
        if not self.loads:
            raise BackupError("PostgreSQL: the disk is full")
        self.ran.append(f"load {database.connection}")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path / "scratch")
    monkeypatch.setattr(scratch, "DIRECTORY", made.directory)
    for name in made.free:
        (tmp_path / name).mkdir()
    monkeypatch.setattr(scratch.subprocess, "run", made.run)
    monkeypatch.setattr(databases, "load", made.load)
    monkeypatch.setattr(databases, "command", made.command)
    monkeypatch.setattr(scratch, "CLUSTERS", tmp_path / "postgresql")
    monkeypatch.setattr(shutil, "disk_usage", made.disk)
    monkeypatch.setattr(scratch, "STATE", tmp_path / "state")
    return made


def test_both_databases_are_made_and_removed(host: Host):
    with in_scratch(LOCAL, host) as restored:
        assert restored.directory == host.directory / STAGING.relative_to("/")
        assert host.ran[-2:] == ["load a dbname=listkit_scratch_core", "load b dbname=listkit_scratch_web"]
    assert {command.split()[-1] for command in host.ran[-2:]} == {"listkit_scratch_core", "listkit_scratch_web"}
    assert all(command.startswith("dropdb ") for command in host.ran[-2:]) and not host.directory.exists()


def test_nothing_is_left_when_the_backup_can_not_be_loaded(host: Host):
    host.loads = False
    with (
        pytest.raises(BackupError, match="the disk is full"),
        in_scratch(LOCAL, host),
    ):
        pass
    assert host.ran[-1].startswith("dropdb ") and not host.directory.exists()


@pytest.mark.parametrize("disk", ["state", "postgresql"])
def test_a_disk_that_is_too_small_is_said_and_not_tried(host: Host, monkeypatch: pytest.MonkeyPatch, disk: str):
    saved: list[Record] = []
    monkeypatch.setattr(Record, "load", classmethod(lambda cls: cls()))
    monkeypatch.setattr(Record, "save", lambda record: saved.append(record))
    host.free[disk] -= 1024**2
    with pytest.raises(BackupError, match=f"{disk} has 1755 MiB free; 1756 MiB are needed"):
        drill.drill(LOCAL, host)
    assert host.ran == [] and not host.directory.exists()
    assert saved[0].drill_failure and "are needed" in saved[0].drill_failure.reason


def test_on_another_host_the_databases_users_make_and_remove_them(host: Host):
    with in_scratch(MANAGED, host) as restored:
        assert restored.databases["web"].connection == "b dbname=listkit_scratch_web"
        assert host.ran == [
            "a: DROP DATABASE IF EXISTS listkit_scratch_core",
            "a: CREATE DATABASE listkit_scratch_core TEMPLATE template0 ENCODING 'UTF8'",
            "b: DROP DATABASE IF EXISTS listkit_scratch_web",
            "b: CREATE DATABASE listkit_scratch_web TEMPLATE template0 ENCODING 'UTF8'",
            "load a dbname=listkit_scratch_core",
            "load b dbname=listkit_scratch_web",
        ]
    assert [command[:3] for command in host.ran[-2:]] == ["b: ", "a: "] and not host.directory.exists()


def test_a_server_that_lets_it_make_none_is_named(host: Host):
    host.makes = False
    refusal = pytest.raises(BackupError, match=r"permission denied.+the-drill-with-a-managed-postgresql")
    with refusal, in_scratch(MANAGED, host):
        pass
    assert not host.directory.exists()


class TestSearch:
    @pytest.fixture
    def restored(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> scratch.Scratch:
        for name, value in (("SETTINGS", "settings"), ("DEBIAN_VERSION", "13.1\n")):
            (tmp_path / name).write_text(value)
        monkeypatch.setattr(drill, "WEB_SETTINGS", tmp_path / "SETTINGS")
        monkeypatch.setattr(drill, "DEBIAN_VERSION", tmp_path / "DEBIAN_VERSION")
        return scratch.Scratch(Manifest(0, "lists.example.org", "1", "13.0", False, {}, {}), tmp_path, {})

    def answers(self, monkeypatch: pytest.MonkeyPatch, found: int) -> None:
        def answer(*words: str) -> str:
            assert words == ("search-scratch", "listkit_scratch_web")
            return f'{{"list": "members@example.org", "indexed": 20, "found": {found}}}\n'

        monkeypatch.setattr(drill, "run_as_web_user", answer)

    def test_it_finds_all_posts_or_the_drill_fails(self, restored: scratch.Scratch, monkeypatch: pytest.MonkeyPatch):
        self.answers(monkeypatch, 20)
        assert drill._search(restored) == 20
        self.answers(monkeypatch, 19)
        with pytest.raises(BackupError, match=r"archive of members@example\.org finds 19 of 20 posts"):
            drill._search(restored)

    def test_why_it_is_not_possible_is_said(self, restored: scratch.Scratch, monkeypatch: pytest.MonkeyPatch):
        def fail(*_words: str) -> str:
            raise SubcommandFailed("no such table")

        monkeypatch.setattr(drill, "run_as_web_user", fail)
        with pytest.raises(BackupError, match="can't be searched: no such table"):
            drill._search(restored)

    def test_it_is_not_tried_without_the_web_interface_or_with_another_releases_tables(
        self, restored: scratch.Scratch, tmp_path: Path
    ):
        (tmp_path / "DEBIAN_VERSION").write_text("14.0\n")
        assert drill._search(restored) is None
        (tmp_path / "DEBIAN_VERSION").write_text("13.1\n")
        (tmp_path / "SETTINGS").unlink()
        assert drill._search(restored) is None

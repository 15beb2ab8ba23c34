"""A backup is made of everything as it was at one moment, or not at all; the stored one is complete.

The databases are stand-ins here; the end-to-end test has real ones.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from backup_repositories import repository_at

from listkit.backup import backing_up, databases, files, freeze, pause
from listkit.backup.backing_up import back_up
from listkit.backup.configuration import Configuration, Database
from listkit.backup.errors import BackupError
from listkit.backup.manifest import Manifest
from listkit.backup.record import Record
from listkit.backup.repository import Repository

CORE, WEB = Database("dbname=core", "list"), Database("dbname=web", "www-data")
CONFIGURATION = Configuration("/srv/listkit", "lists.example.org", "90d", CORE, WEB)


class Site:
    """A host's files and databases below a directory."""

    def __init__(self, directory: Path) -> None:
        self.state = directory / "state"
        self.queue = directory / "queue"
        self.queue.mkdir()
        (self.queue / "post").write_text("Hello")
        self.rows = "x" * 10_000
        self.ends = True
        self.paused = False

    def dump(self, database: Database, snapshot: str, path: Path) -> int:
        """Do what pg_dump does; it may end too early."""
        assert not self.paused and snapshot == f"{database.connection} of the pause"
        path.write_text(
            f"{database.connection}\n{self.rows}\n" + ("-- PostgreSQL database dump complete\n" * self.ends)
        )
        databases.require_complete(path)
        return path.stat().st_size

    def backs_up(self, repository: Repository, **options: bool):
        return back_up(CONFIGURATION, repository, state=self.state, **options)

    @property
    def record(self) -> Record:
        return Record.load(self.state / "record.json")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    made = Site(tmp_path)

    class Session:
        def __init__(self, database: Database) -> None:
            self.database = database

        def freeze(self) -> str:
            assert made.paused
            return f"{self.database.connection} of the pause"

        def __enter__(self):
            return self

        def __exit__(self, *exception: object) -> None:
            pass

    @contextlib.contextmanager
    def frozen() -> Iterator[freeze.Moment]:
        files.copy((made.queue,), made.state / "staging" / files.FILES)
        made.paused = True
        yield freeze.Moment(time.time(), 0.1)
        made.paused = False

    monkeypatch.setattr(backing_up, "Session", Session)
    monkeypatch.setattr(databases, "dump", made.dump)
    monkeypatch.setattr(databases, "size", lambda _session: 10_000)
    monkeypatch.setattr(databases, "counts", lambda name, _session: {f"things in {name}": "3"})
    monkeypatch.setattr(freeze, "frozen", frozen)
    monkeypatch.setattr(pause, "control_groups", lambda _units: ["/system.slice/mailman3.service"])
    return made


def test_everything_is_stored_in_a_new_repository(site: Site, repository: Repository, tmp_path: Path):
    made = site.backs_up(repository)
    staging = site.state / "staging"
    assert not staging.exists() and not site.paused
    repository.restore(made.snapshot, tmp_path / "target", staging)
    restored = tmp_path / "target" / staging.relative_to("/")
    assert (restored / "files" / site.queue.relative_to("/") / "post").read_text() == "Hello"
    assert {path.name for path in (restored / "databases").iterdir()} == {"core.sql", "web.sql"}
    manifest = Manifest.parse((restored / "manifest.json").read_text())
    assert manifest.counts == {"things in core": "3", "things in web": "3"}
    assert (manifest.site, manifest.idle, manifest.dump_bytes) == ("lists.example.org", False, made.dump_bytes)
    assert site.record.made == made and site.record.failure is None


def no_end(site: Site) -> None:
    site.ends = False


def much_smaller(site: Site) -> None:
    site.rows = "x"


@pytest.mark.parametrize(
    ("fault", "reason"), [(no_end, "core.sql has no end"), (much_smaller, "less than half of the last one's")]
)
def test_nothing_is_stored_when_a_dump_is_not_whole(
    site: Site, repository: Repository, fault: Callable[[Site], None], reason: str
):
    first = site.backs_up(repository)
    fault(site)
    with pytest.raises(BackupError, match=reason):
        site.backs_up(repository)
    assert [snapshot.id for snapshot in repository.snapshots()] == [first.snapshot]
    record = site.record
    assert record.made == first and record.failure and reason in record.failure.reason
    assert not (site.state / "staging").exists()


def test_a_smaller_dump_is_stored_when_the_operator_says_so(site: Site, repository: Repository):
    site.backs_up(repository)
    much_smaller(site)
    made = site.backs_up(repository, accept_smaller=True)
    assert len(repository.snapshots()) == 2
    assert site.record.made == made and site.record.failure is None


def test_the_leftovers_of_a_killed_backup_are_not_stored(site: Site, repository: Repository, tmp_path: Path):
    staging = site.state / "staging"
    (staging / "databases").mkdir(parents=True)
    (staging / "databases/old.sql").write_text("from yesterday")
    made = site.backs_up(repository)
    repository.restore(made.snapshot, tmp_path / "target", staging)
    assert not list((tmp_path / "target").rglob("old.sql"))


def test_a_full_disk_is_reported(site: Site, repository: Repository, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(databases, "size", lambda _session: 10**18)
    monkeypatch.setattr(freeze, "frozen", lambda: pytest.fail("mail was paused"))
    with pytest.raises(BackupError, match=r"MiB free; \d+ MiB are needed"):
        site.backs_up(repository)
    assert repository.snapshots() == [] and "MiB free" in json.dumps(site.record.failure.reason)


def test_a_repository_that_has_vanished_is_not_made_again_unasked(site: Site, repository: Repository, tmp_path: Path):
    site.backs_up(repository)
    (tmp_path / "repository").rename(tmp_path / "elsewhere")
    with pytest.raises(BackupError, match=r"it had backups\. To make a new repository: `listkit backup now --new-"):
        site.backs_up(repository)
    assert not (tmp_path / "repository").exists()
    site.backs_up(repository, new_repository=True)
    assert len(repository.snapshots()) == 1


def test_a_repository_at_another_place_is_made(site: Site, repository: Repository, tmp_path: Path):
    site.backs_up(repository)
    moved = repository_at(str(tmp_path / "moved"), tmp_path / "moved-secrets")
    back_up(replace(CONFIGURATION, repository=str(tmp_path / "moved")), moved, state=site.state)
    assert len(moved.snapshots()) == 1


def test_mail_is_not_paused_without_a_storage(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(freeze, "frozen", lambda: pytest.fail("mail was paused"))
    with pytest.raises(BackupError, match="the storage can't be reached"):
        site.backs_up(repository_at("rest:http://127.0.0.1:1/listkit/", tmp_path / "away", patience=2))
    assert site.record.failure

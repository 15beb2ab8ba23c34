"""What a restore is compared with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_backup_same_addresses import DUMP

from listkit.backup import databases, restoring
from listkit.backup.configuration import Configuration, Database
from listkit.backup.errors import BackupError
from listkit.backup.manifest import Manifest, shrunk
from listkit.backup.repository import Repository, Snapshot
from listkit.common.configuration import ConfigurationError
from listkit.web.same_addresses import statements

MANIFEST = Manifest(1000.0, "lists.example.org", "0.1.0", "12.5", False, {"lists": "2", "settings": "abc"}, {"core": 9})
DATABASE = Database("dbname=mailman3", "list")
CONFIGURATION = Configuration("/srv/listkit", "lists.example.org", "90d", DATABASE, DATABASE)


def test_it_is_read_as_it_was_written_and_later_keys_are_ignored(tmp_path: Path):
    MANIFEST.write(tmp_path)
    text = (tmp_path / "manifest.json").read_text()
    assert Manifest.parse(text) == MANIFEST
    assert Manifest.parse(text.replace("{", '{"later": 1,', 1)) == MANIFEST


@pytest.mark.parametrize("text", ["", "[]", '{"time": 1}'])
def test_one_that_cannot_be_read_is_an_error(text: str):
    with pytest.raises(BackupError, match=r"manifest\.json can't be read"):
        Manifest.parse(text)


def test_differences_are_named():
    assert MANIFEST.differences({"lists": "2", "settings": "abc", "later": "1"}) == []
    assert MANIFEST.differences({"lists": "1"}) == ["lists: 1 instead of 2", "settings: missing instead of abc"]


@pytest.mark.parametrize(("now", "names"), [(50, 0), (49, 1), (1000, 0)])
def test_a_dump_that_shrank_by_more_than_half_is_named(now: int, names: int):
    assert len(shrunk({"core": 100}, {"core": now, "web": 1})) == names


def test_a_dump_without_its_end_is_not_complete(tmp_path: Path):
    path = tmp_path / "core.sql"
    path.write_text("x" * 5000 + "-- PostgreSQL database dump complete\n\\unrestrict abc\n")
    databases.require_complete(path)
    path.write_text("-- PostgreSQL database dump complete\n" + "x" * 5000)
    with pytest.raises(BackupError, match=r"core\.sql has no end"):
        databases.require_complete(path)


class Stored(Repository):
    """A repository with one backup."""

    def find(self, name: str) -> Snapshot:
        return Snapshot("1234abcd", MANIFEST.time, MANIFEST.site)

    def read(self, snapshot: str, path: Path) -> str:
        return (Path(self._place) / "manifest.json").read_text()

    def size(self, snapshot: str) -> int:
        return int((Path(self._place) / "size").read_text())

    @contextlib.contextmanager
    def lines(self, snapshot: str, path: Path) -> Iterator[Iterator[str]]:
        assert path.name == "web.sql"
        with (Path(self._place) / "web.sql").open() as dumped:
            yield dumped


class TestPlan:
    @pytest.fixture
    def stored(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stored:
        MANIFEST.write(tmp_path)
        (tmp_path / "size").write_text("1000000")
        (tmp_path / "web.sql").write_text("")
        self.host(monkeypatch, tmp_path)
        return Stored(str(tmp_path))

    def host(self, monkeypatch: pytest.MonkeyPatch, directory: Path, debian: str = "13.1", lists: str = "0") -> None:
        (directory / "debian_version").write_text(debian + "\n")
        monkeypatch.setattr(restoring, "DEBIAN_VERSION", directory / "debian_version")
        monkeypatch.setattr(restoring, "STATE", directory / "not-there-on-a-fresh-host/backup")
        monkeypatch.setattr(restoring, "MARKER", directory / "restoring.json")
        monkeypatch.setattr(restoring, "present", lambda _configuration: {"lists": lists, "messages": "0"})

    def lines(self, stored: Stored, replace: bool = False) -> str:
        return "\n".join(restoring.plan(CONFIGURATION, stored, "latest", may_replace=replace).lines())

    def test_it_says_what_it_will_do(self, stored: Stored):
        lines = self.lines(stored)
        assert "restores backup 1234abcd of 1970-01-01" in lines and "it holds 2 lists; 1 MiB" in lines
        assert "sets aside mail that waited" in lines and "replaces" not in lines

    def test_a_host_that_is_not_empty_is_refused_unless_asked(self, stored: Stored, monkeypatch, tmp_path: Path):
        self.host(monkeypatch, tmp_path, lists="3")
        with pytest.raises(BackupError, match="this host is not empty: 3 lists, 0 messages"):
            self.lines(stored)
        assert "replaces what is on this host: 3 lists" in self.lines(stored, replace=True)

    def test_an_interrupted_restore_may_begin_again(self, stored: Stored, monkeypatch, tmp_path: Path):
        self.host(monkeypatch, tmp_path, lists="3")
        (tmp_path / "restoring.json").write_text("{}")
        assert "restores backup" in self.lines(stored)

    def test_an_older_debian_is_refused(self, stored: Stored, monkeypatch, tmp_path: Path):
        self.host(monkeypatch, tmp_path, debian="11.9")
        with pytest.raises(BackupError, match=r"of Debian 12\.5, and this host has Debian 11\.9"):
            self.lines(stored)

    def test_an_older_debian_that_the_site_moved_away_from_gets_it_back(self, stored: Stored, monkeypatch, tmp_path):
        self.host(monkeypatch, tmp_path, debian="11.9", lists="3")
        monkeypatch.setattr(restoring.final, "retired", lambda: True)
        assert restoring.plan(CONFIGURATION, stored, "latest", may_replace=False).later_release
        # An interrupted restore has made the host live again, and remembers.
        monkeypatch.setattr(restoring.final, "retired", lambda: False)
        (tmp_path / "restoring.json").write_text('{"comes_back": true}')
        assert restoring.plan(CONFIGURATION, stored, "latest", may_replace=False).later_release

    def test_a_host_that_stands_by_may_be_restored_again(self, stored: Stored, monkeypatch, tmp_path: Path):
        self.host(monkeypatch, tmp_path, lists="3")
        monkeypatch.setattr(restoring.unfinished, "standing_by", lambda: True)
        assert not restoring.plan(CONFIGURATION, stored, "latest", may_replace=False).later_release

    def test_a_disk_that_is_too_small_is_refused(self, stored: Stored, tmp_path: Path):
        (tmp_path / "size").write_text(str(10**18))
        with pytest.raises(BackupError, match="MiB are needed"):
            self.lines(stored)

    def test_addresses_that_debian_13_cannot_store_are_refused_or_merged(self, stored: Stored, tmp_path: Path):
        (tmp_path / "web.sql").write_text(DUMP)
        with pytest.raises(BackupError) as why:
            self.lines(stored)
        assert "-e backup_restore_merge_addresses=true" in str(why.value)
        assert "`listkit upgrade addresses --merge`" in str(why.value)
        assert "Ana@example.org: no longer confirmed" in str(why.value)
        plan = restoring.plan(CONFIGURATION, stored, "latest", may_replace=False, may_merge=True)
        assert "merges addresses" in "\n".join(plan.lines())
        assert [*statements(plan.merged)] == ["UPDATE account_emailaddress SET verified = false WHERE id IN (1)"]

    def test_the_web_interfaces_own_host_decides_about_addresses(self, stored: Stored, tmp_path: Path):
        (tmp_path / "web.sql").write_text(DUMP)
        assert not restoring.plan(CONFIGURATION, stored, "latest", may_replace=False, web_release=12).merged


def test_the_configuration_is_that_of_the_role(tmp_path: Path):
    file = tmp_path / "backup.json"
    file.write_text('{"repository": "/srv/x", "site": "a.example.org", "keep": "90 days", "databases": {"core": {}}}')
    with pytest.raises(ConfigurationError) as why:
        Configuration.load(file)
    assert "keep:" in str(why.value) and "databases.core.connection: is missing" in str(why.value)

"""One list comes back without harm to what is there: refusals, what is said before, and an interruption.

The databases are stand-ins here; the end-to-end test has real ones.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from listkit.backup import databases, files, list_script, one_list, scratch
from listkit.backup.configuration import Configuration, Database
from listkit.backup.errors import BackupError
from listkit.backup.list_script import List
from listkit.backup.list_tables import ARCHIVE, CORE, TEMPLATES, Part
from listkit.backup.manifest import Manifest
from listkit.backup.one_list import Plan
from listkit.backup.repository import Snapshot
from listkit.backup.scratch import Scratch

PARTS = (CORE, TEMPLATES, ARCHIVE)
MEMBERS = List("members@example.org")
SITE = {"core": Database("site core", "list"), "web": Database("site web", "www-data")}
RESTORED = {"core": Database("scratch core", "list"), "web": Database("scratch web", "www-data")}
CONFIGURATION = Configuration("/srv/listkit", "lists.example.org", "90d", **SITE)
MANIFEST = Manifest(1_790_000_000, "lists.example.org", "1", "13.1", False, {}, {})
FULL = {"lists": 1, "members": 30, "held messages": 2, "posts": 400, "attachments": 7, "bans": 1, "templates": 1}


class Site:
    """The counts of the list in the site and in the backup, and what was run in the site's databases."""

    def __init__(self) -> None:
        self.counts: dict[str, dict[str, int]] = {"site": {}, "scratch": FULL}
        self.columns = {"site": "id, list_id", "scratch": "id, list_id"}
        self.domains = 1
        self.restored = False
        self.ran: list[str] = []
        self.failing = 0

    def answer(self, database: Database, query: str) -> str:
        """Do what psql does."""
        where = database.connection.split()[0]
        for part in PARTS:
            for what, counting in part.counts.items():
                if query == MEMBERS.fill(counting):
                    return str(self.counts[where].get(what, 0))
        if "information_schema" in query:
            return self.columns[where]
        return "[]" if "jsonb_agg" in query else str(self.domains)

    def execute(self, database: Database, script: Path) -> None:
        """Do what psql does; it may be interrupted."""
        if len(self.ran) + 1 == self.failing:
            raise BackupError("PostgreSQL: the connection ended")
        self.ran.append(database.connection)

    def find(self, name: str) -> Snapshot:
        """Do what the repository does."""
        return Snapshot("1234abcd", MANIFEST.time, MANIFEST.site)

    def plan(self, address: str = MEMBERS.address, *, may_replace: bool = False, keep_archive: bool = False) -> Plan:
        with one_list.planned(
            CONFIGURATION, self, address, "latest", may_replace=may_replace, keep_archive=keep_archive
        ) as plan:
            return plan


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    made = Site()

    class Session:
        def __init__(self, database: Database) -> None:
            self.database = database

        def value(self, query: str) -> str:
            return made.answer(self.database, query)

        def __enter__(self):
            return self

        def __exit__(self, *exception: object) -> None:
            pass

    @contextlib.contextmanager
    def restored(*_arguments: object, with_owners: bool) -> Iterator[Scratch]:
        made.restored = True
        yield Scratch(MANIFEST, tmp_path, RESTORED)

    monkeypatch.setattr(one_list, "Session", Session)
    monkeypatch.setattr(list_script, "Session", Session)
    monkeypatch.setattr(scratch, "restored", restored)
    monkeypatch.setattr(databases, "copy_out", lambda _database, _query, out: out.write(b"1\tmembers.example.org\n"))
    monkeypatch.setattr(databases, "execute", made.execute)
    monkeypatch.setattr(files, "copy", lambda *_arguments: None)
    monkeypatch.setattr(one_list, "MARKER", tmp_path / "restoring-list.json")
    return made


@pytest.mark.parametrize("what", ["members", "held messages", "posts"])
def test_a_list_that_is_not_empty_is_refused_before_the_backup_is_read(site: Site, what: str):
    site.counts["site"] = {"lists": 1, what: 3}
    with pytest.raises(BackupError, match=rf"not empty on this site: .*3 {what}.*restore_replace=true"):
        site.plan()
    assert not site.restored
    assert f"3 {what}" in "".join(site.plan(may_replace=True).lines())


def test_a_list_that_the_playbook_has_created_can_be_restored(site: Site):
    site.counts["site"] = {"lists": 1, "owners and moderators": 1}
    said = "\n".join(site.plan().lines())
    assert "from backup 1234abcd of " in said and "30 members" in said and "400 posts" in said
    assert "replaces what is on this site" in said


def test_the_archive_may_stay(site: Site):
    site.counts["site"] = {"posts": 500}
    plan = site.plan(keep_archive=True)
    assert plan.parts == (CORE, TEMPLATES) and "leaves the archive as it is" in plan.lines()
    one_list.restore(CONFIGURATION, plan)
    assert site.ran == ["site core", "site web"]


def test_a_backup_without_the_list_is_refused(site: Site):
    site.counts["scratch"] = {}
    with pytest.raises(BackupError, match=r"has no list members@example.org; `listkit backup list`"):
        site.plan()


def test_a_list_of_another_domain_is_refused(site: Site):
    site.domains = 0
    with pytest.raises(BackupError, match=r"no mail domain example.org"):
        site.plan()
    assert not site.restored


@pytest.mark.parametrize("address", ["members", "Members@example.org", "a'b@example.org", "members@example.org; --"])
def test_what_is_not_an_address_is_refused(site: Site, address: str):
    with pytest.raises(BackupError, match=r"such as members@example\.org"):
        site.plan(address)


def test_an_interrupted_restore_can_be_repeated_and_no_other(site: Site):
    site.failing = 3
    with pytest.raises(BackupError, match="the connection ended"):
        one_list.restore(CONFIGURATION, site.plan())
    site.counts["site"] = {"lists": 1, "members": 30}
    with pytest.raises(BackupError, match="not empty"):
        site.plan("board@example.org")
    site.failing, site.ran = 0, []
    one_list.restore(CONFIGURATION, site.plan())
    assert site.ran == ["site core", "site web", "site web"]
    with pytest.raises(BackupError, match="not empty"):
        site.plan()


def test_nothing_changes_if_the_backup_is_of_another_release(site: Site):
    site.columns["scratch"] = "id, list_id, dmarc_addresses"
    with pytest.raises(BackupError, match="mailinglist of the backup has other columns"):
        one_list.restore(CONFIGURATION, site.plan())
    assert site.ran == []


@pytest.mark.parametrize("part", PARTS)
def test_each_number_of_another_table_is_that_of_a_table_that_comes_too(part: Part):
    numbered = {table.name for table in part.tables if table.numbered}
    for table in part.tables:
        assert {*table.references.values(), *table.late.values()} <= numbered
        assert set(table.required) <= set(table.references)


def test_the_script_has_the_rows_and_fails_unless_all_arrive(site: Site, tmp_path: Path):
    list_script.write(tmp_path / "script", CORE, MEMBERS, RESTORED["core"], SITE["core"])
    script = (tmp_path / "script").read_text()
    copied = re.findall(r"^COPY backup_(\w+) \(id, list_id\) FROM stdin;\n1\tmembers.example.org\n\\\.$", script, re.M)
    assert copied == [table.name for table in CORE.tables]
    assert "role = 1) <> 30 THEN" in script
    # The site's rows of other lists stay.
    removals = re.findall(r"DELETE FROM \"[^;]+;", script)
    assert len(removals) == sum(bool(table.removal) for table in CORE.tables)
    assert all("members.example.org" in removal for removal in removals)


def test_the_address_of_an_interrupted_restore_survives_a_damaged_marker(site: Site):
    one_list.MARKER.write_text(json.dumps({"list": MEMBERS.address})[:9])
    site.counts["site"] = {"members": 1}
    with pytest.raises(BackupError, match="not empty"):
        site.plan()

"""The search in all parts, erasing that continues after a crash, the reports, and the command."""

import json

import pytest

from listkit.common.rest import RestError
from listkit.person import cli, erasure, report
from listkit.person import parts as host
from listkit.person.finding import KINDS, Finding, Held
from listkit.person.identity import Person
from listkit.person.parts import Choices, Part

ANA, WORK = "ana@example.org", "a.lopez@work.example"


class Site:
    """Two parts of a site: Mailman knows both addresses of Ana, the archive her name."""

    def __init__(self):
        self.members, self.posts, self.aliases = {ANA, WORK}, {WORK}, set()
        self.searched = []
        self.obstacles, self.breaks, self.journal = (), False, None

    def parts(self):
        return [
            Part("core", self.find_core, self.erase_core, identifies=True),
            Part("web", self.find_web, self.erase_web, identifies=True),
            Part("logs", self.find_logs, lambda *_: None),
        ]

    def find_logs(self, person):
        """Logs name addresses, and are asked once: reading them takes time."""
        self.searched.append(person.addresses)
        return Held()

    def find_core(self, person):
        if not self.members & person.addresses:
            return Held()
        texts = tuple(Finding("membership", f"member of dev with {one}") for one in sorted(self.members))
        return Held(texts, frozenset(self.members), frozenset({"Ana"}), obstacles=self.obstacles)

    def erase_core(self, person, choices):
        self.journal = choices.journal
        self.members -= person.addresses

    def find_web(self, person):
        texts = tuple(Finding("post", "dev, 2026-01-01: Plums") for one in self.posts & person.addresses)
        return Held(
            texts, names=frozenset({"Ana Lopez", "Jo Doe"} if texts else ()), shared_names=frozenset({"Jo Doe"})
        )

    def erase_web(self, person, choices):
        if self.breaks:
            raise RestError("the database is away")
        self.aliases.add(person.alias)
        self.names = person.names
        self.posts -= person.addresses


@pytest.fixture
def site(monkeypatch, tmp_path):
    site = Site()
    monkeypatch.setattr(host, "parts", lambda: iter(site.parts()))
    monkeypatch.setattr(host, "unfinished_directory", lambda: tmp_path / "person")
    monkeypatch.setattr(host, "has_core", lambda: True)
    monkeypatch.setattr(host, "has_web", lambda: True)
    monkeypatch.setattr(host, "has_database", lambda: True)
    monkeypatch.setattr(cli.os, "geteuid", lambda: 0)
    return site


def test_all_addresses_and_the_names_of_one_person_only_are_found(site):
    found = erasure.search(Person.of([ANA.upper()]), site.parts())
    assert found.person.addresses == {ANA, WORK}
    assert found.person.names == {"Ana Lopez"} and found.unused_names == {"Ana", "Jo Doe"}
    assert [finding.kind for finding in found.findings] == ["membership", "membership", "post"]
    assert site.searched == [{ANA, WORK}]


def test_show_prints_everything_in_plain_words(site, capsys):
    assert cli.main(["show", ANA]) == cli.DONE
    output, hints = capsys.readouterr()
    assert "Memberships and other roles on lists: 2" in output and "- dev, 2026-01-01: Plums" in output
    assert "Names: Ana, Ana Lopez, Jo Doe" in output and "not replaced in texts" in hints
    assert cli.main(["show", WORK, "--json"]) == cli.DONE
    shown = json.loads(capsys.readouterr().out)
    assert shown["addresses"] == [WORK, ANA] and len(shown["held"]) == 3
    assert cli.main(["show", "ben@example.org"]) == cli.NOT_DONE
    assert site.members and site.posts


def test_a_dry_run_changes_nothing(site, capsys):
    assert cli.main(["erase", ANA, "--dry-run"]) == cli.DONE
    assert "Memberships and other roles on lists: 2. Deleted" in capsys.readouterr().out
    assert site.members and site.posts


def test_erasing_reports_what_was_held_and_what_is_out_of_reach(site, tmp_path, capsys):
    assert cli.main(["erase", ANA, "--journal"]) == cli.DONE
    output = capsys.readouterr().out
    assert not site.members and not site.posts and site.journal is True and site.names == {"Ana Lopez"}
    assert "Your posts in the archive: 1. The author is replaced" in output and "What this can't reach" in output
    assert "Still on this host" not in output and list((tmp_path / "person").iterdir()) == []


def test_after_a_crash_the_next_run_knows_the_person_from_any_address(site, tmp_path, capsys):
    site.breaks = True
    assert cli.main(["erase", ANA]) == cli.NOT_DONE
    assert "failed: web: the database is away" in capsys.readouterr().err
    # Mailman no longer knows that both addresses belong together.
    assert not site.members and site.posts == {WORK}
    [record] = (tmp_path / "person").iterdir()
    alias = json.loads(record.read_text())["alias"]
    assert record.stat().st_mode & 0o777 == 0o600
    site.breaks = False
    assert cli.main(["erase", ANA]) == cli.DONE
    assert not site.posts and site.aliases == {alias} and not list((tmp_path / "person").iterdir())


def test_a_person_whom_the_site_needs_is_refused_before_anything_changes(site, tmp_path, capsys):
    site.obstacles = ("ana@example.org is the last owner of dev: add another owner",)
    assert cli.main(["erase", WORK]) == cli.REFUSED
    assert "not erased: ana@example.org is the last owner" in capsys.readouterr().err
    assert site.members and site.posts and not (tmp_path / "person").exists()


def test_a_part_that_cannot_be_read_stops_erasing_before_anything_changes(site, monkeypatch, capsys):
    site.breaks = True
    monkeypatch.setattr(site, "find_web", lambda person: site.erase_web(person, Choices()))
    assert cli.main(["erase", ANA]) == cli.UNREADABLE
    assert "the database is away; nothing was changed" in capsys.readouterr().err and site.members


@pytest.mark.parametrize(
    ("present", "others"),
    [
        ("has_core", ["the host with the web interface, for", "the host with the database, unless"]),
        ("has_web", ["the host with Mailman's core, for", "the host with the database, unless"]),
        ("has_database", ["the host with Mailman's core, for", "the host with the web interface, for"]),
    ],
)
def test_on_a_site_with_several_hosts_the_command_for_each_other_one_is_printed(
    site, monkeypatch, capsys, present, others
):
    for name in {"has_core", "has_web", "has_database"} - {present}:
        monkeypatch.setattr(host, name, lambda: False)
    cli.main(["erase", "--dry-run", "--bans", ANA])
    hints = [line for line in capsys.readouterr().err.splitlines() if "sudo" in line]
    command = f"sudo listkit person erase --dry-run --bans {WORK} {ANA} --name 'Ana Lopez'"
    assert len(hints) == 2 and all(line.endswith(command) for line in hints)
    assert all(f"run on {other}" in line for other, line in zip(others, hints, strict=True))


def test_on_a_site_with_one_host_there_is_no_other_command(site, capsys):
    cli.main(["show", ANA])
    assert "sudo" not in capsys.readouterr().err


def test_a_text_that_is_not_an_address_is_refused(site, capsys):
    assert cli.main(["erase", "Ana Lopez"]) == cli.REFUSED
    assert "'Ana Lopez' is not an address, such as ana@example.org" in capsys.readouterr().err


def test_only_root_reads_everything(site, monkeypatch, capsys):
    monkeypatch.setattr(cli.os, "geteuid", lambda: 1000)
    assert cli.main(["show", ANA]) == cli.REFUSED and "sudo listkit person show" in capsys.readouterr().err


def test_a_report_has_what_is_left_with_the_reason():
    person = Person.of([ANA])
    left = [Finding("journal", "12 lines"), Finding("outgoing", "A1B2 (hold)")]
    lines = "\n".join(report.erased(person, [], left, ["Backups"]))
    assert "- The system's journal: 1. Kept until it expires" in lines
    assert "- A1B2 (hold)" in lines and "- Nothing was held." in lines and "- Backups" in lines


def test_what_travels_between_processes_arrives_as_it_was():
    held = Held((Finding("post", "x", {"text": "y"}),), frozenset({ANA}), frozenset({"Ana"}), obstacles=("no",))
    assert Held.from_json(json.loads(json.dumps(held.as_json()))) == held
    person = Person.of([ANA], ["Ana Lopez"])
    assert Person.from_json(json.loads(json.dumps(person.as_json()))) == person
    assert all(kind.title and kind.fate for kind in KINDS.values())

"""`listkit list` against a double of Mailman with the resource `renaming`."""

from __future__ import annotations

import pytest
from mailman_double import PASSWORD, MailmanDouble, recorded_config

from listkit.common import former_lists
from listkit.common.rest import RestClient
from listkit.lists import cli

OLD, NEW = "old@example.org", "letters@example.net"


class Web:
    """The command `listkit web`."""

    def __init__(self):
        self.posts = {OLD: 7}
        self.calls: list[tuple[str, ...]] = []
        self.problem = ""

    def __call__(self, *arguments: str) -> str:
        self.calls.append(arguments)
        if arguments[0] == "count-posts":
            return f"{self.posts.get(arguments[1], 0)}\n"
        if self.problem:
            raise cli.Failure(self.problem)
        self.posts[NEW] = self.posts.pop(OLD, 0) + self.posts.pop(NEW, 0)
        return ""


@pytest.fixture
def mailman(monkeypatch):
    double = MailmanDouble()
    double.lists[OLD] = recorded_config()
    monkeypatch.setattr(RestClient, "of_this_host", lambda *_: RestClient(PASSWORD, double.url))
    yield double
    double.close()


@pytest.fixture
def web(monkeypatch, tmp_path):
    web = Web()
    monkeypatch.setattr(cli, "_web", web)
    monkeypatch.setattr(cli, "WEB", tmp_path)
    return web


@pytest.fixture
def run(mailman, web, monkeypatch, tmp_path, capsys):
    """Run a sub-command; return the status, standard output and standard error."""
    monkeypatch.setattr(former_lists, "PATH", tmp_path / "state" / "former.json")
    monkeypatch.setattr(cli, "TEMPLATES", tmp_path / "templates")
    text = cli.TEMPLATES / "old.example.org" / "list:user:notice:welcome.1.txt"
    text.parent.mkdir(parents=True)
    text.write_text("Welcome!")

    def run(*arguments):
        status = cli.main([*arguments])
        return status, *capsys.readouterr()

    return run


def test_a_list_moves_with_everything_and_its_former_address_leads_to_it(run, mailman, web):
    status, output, _errors = run("rename", OLD.upper(), NEW)
    assert status == 0
    assert output.startswith(
        f"{OLD} becomes {NEW}, with\n  12 members\n  1 owners\n  2 held messages and requests\n  7 archived posts\n"
    )
    assert f"sudo listkit list forget {OLD}" in output
    assert list(mailman.lists) == [NEW] and web.posts == {NEW: 7}
    assert former_lists.read() == {OLD: NEW}
    assert [file.parent.name for file in cli.TEMPLATES.rglob("*.txt")] == ["letters.example.net"]


def test_a_dry_run_changes_nothing(run, mailman, web):
    assert run("rename", OLD, NEW, "--dry-run")[:2] == (
        0,
        f"{OLD} would become {NEW}, with\n  12 members\n  1 owners\n  2 held messages and requests\n"
        "  7 archived posts\n",
    )
    assert mailman.writes == [] and former_lists.read() == {} and web.posts == {OLD: 7}


def test_it_is_finished_after_the_archive_failed(run, mailman, web):
    web.problem = "the database is away"
    status, _output, errors = run("rename", OLD, NEW)
    assert status == 1
    assert "its archive isn't yet: the database is away. Run the same command again" in errors
    web.problem, web.posts[NEW] = "", 2  # archived meanwhile
    mailman.writes.clear()
    assert run("rename", OLD, NEW)[0] == 0
    assert web.posts == {NEW: 9} and mailman.writes == []


def test_it_is_finished_after_mailman_failed(run, mailman, web, monkeypatch):
    refused = mailman.answer
    monkeypatch.setattr(mailman, "answer", lambda *call: (503, {}) if call[0] == "POST" else refused(*call))
    assert run("rename", OLD, NEW)[0] == 2
    monkeypatch.setattr(mailman, "answer", refused)
    assert run("rename", OLD, NEW)[0] == 0
    assert list(mailman.lists) == [NEW] and web.posts == {NEW: 7}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("rename", "none@example.org", NEW), "none@example.org: there is no such list"),
        (("rename", OLD, "taken@example.org"), "there is a list taken@example.org already"),
        (("forget", NEW), f"{NEW} is not a former address of a list (there is none)"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_changes(run, mailman, arguments, reason):
    mailman.lists["taken@example.org"] = recorded_config()
    assert run(*arguments) == (2, "", f"listkit list: {reason}\n")
    assert mailman.writes == [] and former_lists.read() == {}


def test_another_lists_archive_is_not_mixed_in(run, mailman, web):
    web.posts[NEW] = 3
    status, _output, errors = run("rename", OLD, NEW)
    assert status == 2 and f"{NEW} has an archive with 3 posts, of an earlier list" in errors
    assert mailman.writes == [] and web.posts == {OLD: 7, NEW: 3}


def test_the_web_hosts_part_is_named_where_it_is_another_host(run, web, monkeypatch, tmp_path):
    monkeypatch.setattr(cli, "WEB", tmp_path / "none")
    status, _output, errors = run("rename", OLD, NEW)
    assert status == 1 and f"run on the web host: sudo listkit web rename-list {OLD} {NEW}" in errors
    assert web.calls == []


def test_a_former_address_is_forgotten(run):
    run("rename", OLD, NEW)
    assert run("forget", OLD) == (0, "", "")
    assert former_lists.read() == {}

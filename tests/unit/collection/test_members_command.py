"""`listkit members` against a double of Mailman with the bulk resource."""

from __future__ import annotations

import io
import json
import sys

import pytest
from mailman_double import PASSWORD, MailmanDouble, recorded_config

from listkit.budget import accounts
from listkit.common.rest import RestClient
from listkit.members import cli, schedule
from listkit.members.progress import Progress

LIST = "members@example.org"


@pytest.fixture
def mailman(monkeypatch):
    double = MailmanDouble()
    double.bulk = True
    double.lists[LIST] = recorded_config()
    double.people[LIST] = {"member ben@example.org": {"display_name": "Ben"}, "owner ben@example.org": {}}
    monkeypatch.setattr(RestClient, "of_this_host", lambda *_: RestClient(PASSWORD, double.url))
    yield double
    double.close()


@pytest.fixture
def run(mailman, tmp_path, capsys):
    """Run a sub-command with a file of this content; return the status, standard output and standard error."""

    def run(command, content, *options):
        (tmp_path / "people.csv").write_text(content)
        status = cli.main([command, LIST.upper(), str(tmp_path / "people.csv"), *options])
        return status, *capsys.readouterr()

    return run


def test_import_adds_and_a_second_time_does_nothing(mailman, run):
    status, output, errors = run("import", "address\nana@example.org\n")
    assert (status, errors) == (0, "")
    assert output == f"{LIST}: 1 members; 1 to add, 0 to change, 0 to remove\n  + ana@example.org\n"
    assert "member ben@example.org" in mailman.people[LIST] and "member ana@example.org" in mailman.people[LIST]
    mailman.writes.clear()
    assert run("import", "address\nana@example.org\n")[0] == 0 and mailman.writes == []


def test_sync_removes_those_who_are_not_in_the_file(mailman, run):
    assert run("sync", "ana@example.org\n", "--dry-run")[0] == 0 and mailman.writes == []
    status, output, _errors = run("sync", "ana@example.org\n")
    assert status == 0 and "  - ben@example.org, Ben, regular, enabled\n" in output
    assert list(mailman.people[LIST]) == ["owner ben@example.org", "member ana@example.org"]


def test_what_is_exported_can_be_imported(mailman, run, tmp_path, capsys):
    mailman.people[LIST]["member Zoe@example.org"] = {"delivery_status": "by_user"}
    mailman.people[LIST]["member ben@example.org"]["moderation_action"] = "hold"
    assert cli.main(["export", LIST, str(tmp_path / "people.csv")]) == 0
    exported = (tmp_path / "people.csv").read_text()
    assert exported == (
        "address,display_name,delivery_mode,delivery_status,moderation_action\n"
        "ben@example.org,Ben,regular,enabled,hold\nZoe@example.org,,regular,by_user,\n"
    )
    assert "0 to add, 0 to change, 0 to remove" in run("sync", exported)[1]
    assert cli.main(["export", LIST, "--role", "owner"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["ben@example.org,,regular,enabled,"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("address\nana\nben@\n", "people.csv is not valid, so nothing was changed:\n  line 2: 'ana' is not a full"),
        ("", "people.csv has no entries, so all members would be removed; if it is meant: --allow-empty"),
        (f"{LIST}\n", "the list's own address can't be a member"),
    ],
)
def test_a_file_that_is_not_valid_changes_nothing(mailman, run, content, reason):
    status, _output, errors = run("sync", content)
    assert status == 2 and reason in errors and mailman.writes == []


def test_too_many_removals_are_refused_after_the_plan(mailman, run):
    mailman.people[LIST].update({f"member p{number}@example.com": {} for number in range(10)})
    status, output, errors = run("sync", "ben@example.org\n")
    assert status == 2 and mailman.writes == [] and "  - p9@example.com" in output
    assert errors == (
        f"listkit members: {LIST}: 10 of 11 members (91 %) would be removed, more than 25 %. Look at the plan above; if"
        " it is meant: --max-removals 10\n"
    )
    assert run("sync", "ben@example.org\n", "--max-removals", "10")[0] == 0


def test_a_refused_person_is_in_a_table(mailman, run):
    mailman.refused = {"eve@example.com": "is banned"}
    status, _output, errors = run("import", "ana@example.org\neve@example.com\n")
    assert status == 1 and errors == "1 of 2 changes failed; all others are done\n  eve@example.com  is banned\n"


def test_a_list_or_a_file_that_does_not_exist(mailman, tmp_path, capsys):
    assert cli.main(["export", "other@example.org"]) == 2
    assert capsys.readouterr().err == "listkit members: other@example.org: there is no such list\n"
    assert cli.main(["import", LIST, str(tmp_path / "none.csv")]) == 2
    assert capsys.readouterr().err == f"listkit members: {tmp_path / 'none.csv'}: No such file or directory\n"


def test_a_mailman_that_does_not_answer(mailman, run):
    mailman.close()
    status, _output, errors = run("import", "ana@example.org\n")
    assert status == 2 and mailman.url in errors and errors.endswith("refused; look at systemctl status mailman3\n")


def test_standard_input(mailman, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"ana@example.org\n")))
    assert cli.main(["import", LIST, "-"]) == 0 and "member ana@example.org" in mailman.people[LIST]


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self):
        return True


def test_progress_is_shown_over_500_people():
    few, lines, bar = io.StringIO(), io.StringIO(), Terminal()
    for total, stream in ((500, few), (2000, lines), (2000, bar)):
        progress = Progress(total, stream)
        progress.show(total // 2)
        progress.show(total)
    assert few.getvalue() == ""
    assert lines.getvalue() == f"{'█' * 15}{'·' * 15} 1000 of 2000\n{'█' * 30} 2000 of 2000\n"
    assert bar.getvalue() == f"\r{'█' * 15}{'·' * 15} 1000 of 2000\r{'█' * 30} 2000 of 2000\n"


@pytest.fixture
def syncs(mailman, monkeypatch, tmp_path, capsys):
    """Run the weekly ones of these declared syncs; return the status and standard error."""
    monkeypatch.setattr(schedule, "CONFIGURATION", tmp_path / "member-syncs.json")

    def run(*declared):
        found = [{"list": LIST, "every": "weekly", **one} for one in declared]
        schedule.CONFIGURATION.write_text(json.dumps({"syncs": found}))
        status = cli.main(["scheduled", "weekly"])
        return status, capsys.readouterr().err

    return run


@pytest.fixture
def budget(monkeypatch, tmp_path):
    """An account for the list that may send to 60 recipients in an hour."""
    configured = {
        "window": 3600,
        "queue_lifetime": 432000,
        "list_domains": ["example.org"],
        "sub_addresses": ["bounces"],
        "answers": {"per_recipient": 2, "per_list_and_hour": 10},
        "accounts": [{"address": "mailman@example.org", "limit": 60, "reserve": 6, "strangers": 6, "lists": []}],
    }
    (tmp_path / "budget.json").write_text(json.dumps(configured))
    monkeypatch.setattr(accounts, "CONFIGURATION", tmp_path / "budget.json")


@pytest.mark.usefixtures("budget")
def test_a_wanted_welcome_is_sent_and_its_cost_is_in_the_plan(mailman, run, syncs):
    status, output, _errors = run("import", "ana@example.org\n", "--welcome", "--dry-run")
    cost = "  1 welcome message will be sent: 0 % of the 1440 messages that may leave in a day\n"
    assert status == 0 and cost in output and mailman.welcomed == []
    assert run("import", "ana@example.org\n", "--welcome")[0] == 0 and mailman.welcomed == ["ana@example.org"]
    assert run("import", "cem@example.org\n")[0] == 0 and mailman.welcomed == ["ana@example.org"]
    assert syncs({**command("print('dora@example.org')"), "welcome": True}) == (0, "")
    assert mailman.welcomed == ["ana@example.org", "dora@example.org"]


def command(program):
    return {"command": [sys.executable, "-c", program]}


def test_a_scheduled_sync_brings_what_its_command_prints_and_leaves_other_intervals(mailman, syncs, tmp_path):
    (tmp_path / "daily.csv").write_text("cem@example.org\n")
    daily = {"every": "daily", "file": str(tmp_path / "daily.csv")}
    assert syncs({**command("print('ana@example.org')"), "exact": True}, daily) == (0, "")
    assert list(mailman.people[LIST]) == ["owner ben@example.org", "member ana@example.org"]


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ({"file": "/nowhere.csv"}, f"{LIST}: /nowhere.csv: No such file or directory\n"),
        (command("import sys; sys.exit('no database')"), f"{LIST}: {sys.executable} ended with 1: no database\n"),
        (
            {**command(""), "exact": True},
            f"{LIST}: {sys.executable} has no entries, so all members would be removed; if it is meant:"
            " allow_empty: true\n",
        ),
        (
            {**command("print('ana@example.org')"), "exact": True, "max_removals": 0},
            f"{LIST}: 1 of 1 members (100 %) would be removed, more than the 0 that max_removals allows. Look at the"
            " plan above; if it is meant: max_removals: 1\n",
        ),
        (
            {**command("print('ana@example.org')"), "list": "none@example.org"},
            "none@example.org: there is no such list\n",
        ),
    ],
    ids=["file", "command", "empty", "guard", "list"],
)
def test_a_scheduled_sync_that_fails_changes_nothing_and_stops_no_other(mailman, syncs, declared, reason):
    assert syncs(declared, command("print('dora@example.org')")) == (1, reason)
    assert list(mailman.people[LIST]) == ["member ben@example.org", "owner ben@example.org", "member dora@example.org"]

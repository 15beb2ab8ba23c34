"""`listkit web`: each sub-command runs as the user that it needs, and prints only its answer."""

import io
import json
import os
import sys

import pytest

from listkit.person.identity import Person
from listkit.web import accounts, cli, people, renaming, search_index, setup


@pytest.fixture
def became(monkeypatch):
    """How often a sub-command became the user that the database knows; Django is not loaded."""
    became = []
    monkeypatch.setattr(cli, "become_web_user", lambda: became.append("www-data"))
    monkeypatch.setattr(setup, "load_django", lambda: print("a library talks"))
    return became


def run(capsys, *arguments):
    """Run a sub-command; return its exit status, its output, and its errors."""
    status = cli.main(list(arguments))
    return (status, *capsys.readouterr())


def test_a_password_link_is_printed_alone_and_made_as_the_user_of_the_database(became, monkeypatch, capsys):
    monkeypatch.setattr(accounts, "password_link", lambda name: f"https://lists.example.org/reset/{name}")
    assert run(capsys, "password-link", "ana") == (0, "https://lists.example.org/reset/ana\n", "a library talks\n")
    assert became == ["www-data"]


def test_an_unknown_account_is_reported(became, monkeypatch, capsys):
    def refuse(name):
        raise accounts.UnknownAccount(f"{name}: no active account has this name or address")

    monkeypatch.setattr(accounts, "password_link", refuse)
    status, out, err = run(capsys, "password-link", "eva")
    assert (status, out) == (1, "")
    assert err.endswith("eva: no active account has this name or address\n")


@pytest.mark.parametrize(("uid", "noted"), [(0, [("old@example.org", "new@example.org")]), (33, [])])
def test_only_root_notes_a_former_address(became, monkeypatch, capsys, uid, noted):
    added = []
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(cli.former_lists, "add", lambda *addresses: added.append(addresses))
    monkeypatch.setattr(renaming, "rename", lambda old, new: 7)
    assert run(capsys, "rename-list", "Old@example.org", "new@example.org")[:2] == (0, "7\n")
    assert added == noted
    assert became == ["www-data"]


def test_a_person_is_described_on_standard_input(became, monkeypatch, capsys):
    erased = []
    person = Person.of(["ana@example.org"], ["Ana"])
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(person.as_json())))
    monkeypatch.setattr(people, "erase", erased.append)
    assert run(capsys, "person-erase")[:2] == (0, "{}\n")
    assert erased == [person]


def test_a_busy_search_index_is_reported(became, monkeypatch, capsys):
    def refuse(old, new):
        raise search_index.IndexBusy("another process updates the search index")

    monkeypatch.setattr(os, "geteuid", lambda: 33)
    monkeypatch.setattr(renaming, "rename", refuse)
    status, out, err = run(capsys, "rename-list", "old@example.org", "new@example.org")
    assert (status, out) == (1, "")
    assert "another process updates the search index; run it again later" in err

"""`listkit web`: what is done, and when nothing is."""

import io
import json
import sys

import pytest

from listkit.web import command

PASSWORDS = '{"ana": "secret"}'


def configuration(*administrators, **more):
    """The content of the configuration file."""
    entries = [{"user": name, "address": f"{name}@example.org"} for name in administrators]
    return json.dumps({"superuser": "ana", "administrators": entries, "superuser_password_force": False, **more})


@pytest.fixture(autouse=True)
def host(tmp_path, monkeypatch):
    """A host's files; returns the calls that would have gone to the database."""
    for name in ("CONFIGURATION", "SETTINGS", "ARTEFACT"):
        file = tmp_path / name
        file.write_text(configuration())
        monkeypatch.setattr(command, name, file)
    monkeypatch.setattr(command, "STAMP", tmp_path / "stamp")
    calls = []

    def set_up_application(password, dry_run):
        calls.append((password, dry_run))
        return ["superuser ana"] if len(calls) == 1 else []

    monkeypatch.setattr(command, "set_up_application", set_up_application)
    monkeypatch.setattr(command, "TEMPLATES", tmp_path / "templates")
    monkeypatch.setattr(command.pages, "is_installed", lambda: True)
    return calls


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "stdin", io.StringIO(PASSWORDS))
    status = command.main(["setup", *arguments])
    output = capsys.readouterr()
    return status, json.loads(output.out) if output.out else output.err


def test_the_first_time_everything_is_set_up(host, monkeypatch, capsys):
    status, answer = run(monkeypatch, capsys)
    assert status == 0
    assert answer["changed"]
    assert answer["changes"] == ["superuser ana"]
    assert host == [(PASSWORDS, False)]


def test_the_second_time_the_database_is_not_even_asked(host, monkeypatch, capsys):
    run(monkeypatch, capsys)
    _, answer = run(monkeypatch, capsys)
    assert not answer["changed"]
    assert len(host) == 1


@pytest.mark.parametrize("file", ["CONFIGURATION", "SETTINGS", "ARTEFACT"])
def test_a_changed_input_is_looked_at_again(host, monkeypatch, capsys, file):
    run(monkeypatch, capsys)
    getattr(command, file).write_text(configuration(x=1))
    run(monkeypatch, capsys)
    assert len(host) == 2


def test_a_changed_template_is_looked_at_again(host, monkeypatch, capsys):
    run(monkeypatch, capsys)
    command.TEMPLATES.mkdir()
    (command.TEMPLATES / "404.html").write_text("gone")
    run(monkeypatch, capsys)
    assert len(host) == 2


def test_missing_pages_are_made_again(host, monkeypatch, capsys):
    run(monkeypatch, capsys)
    monkeypatch.setattr(command.pages, "is_installed", lambda: False)
    run(monkeypatch, capsys)
    assert len(host) == 2


def test_a_forced_password_is_looked_at_every_time(host, monkeypatch, capsys):
    command.CONFIGURATION.write_text(configuration(superuser_password_force=True))
    run(monkeypatch, capsys)
    run(monkeypatch, capsys)
    assert len(host) == 2


def test_looking_only_leaves_no_trace(host, monkeypatch, capsys):
    _, answer = run(monkeypatch, capsys, "--check")
    assert answer["changed"]
    assert host == [(PASSWORDS, True)]
    assert not command.STAMP.exists()


def test_a_failed_set_up_is_tried_again(host, monkeypatch, capsys):
    def refuse(password, dry_run):
        raise command.Failure("web_superuser: ana is an ordinary account already")

    working = command.set_up_application
    monkeypatch.setattr(command, "set_up_application", refuse)
    status, said = run(monkeypatch, capsys)
    assert status == 1
    assert "ordinary account" in said
    assert "secret" not in said
    monkeypatch.setattr(command, "set_up_application", working)
    run(monkeypatch, capsys)
    assert len(host) == 1


def test_an_administrator_who_is_not_declared_any_more_is_named_while_being_one(monkeypatch, capsys):
    asked = []

    def as_web_user(*words):
        asked.append(words)
        return f"imported\n{json.dumps([name for name in words[1:] if name in still])}\n"

    monkeypatch.setattr(command, "as_web_user", as_web_user)
    still = {"ben", "cleo"}
    command.CONFIGURATION.write_text(configuration("ben", "cleo"))
    assert run(monkeypatch, capsys)[1]["former_administrators"] == [] == asked
    command.CONFIGURATION.write_text(configuration("cleo"))
    for _run in range(2):
        assert run(monkeypatch, capsys)[1]["former_administrators"] == ["ben"]
    assert run(monkeypatch, capsys, "--check")[1]["former_administrators"] == ["ben"]
    still.remove("ben")
    assert run(monkeypatch, capsys)[1]["former_administrators"] == []
    asked.clear()
    assert run(monkeypatch, capsys)[1]["former_administrators"] == [] == asked


def test_a_missing_configuration_ends_with_status_2(monkeypatch, capsys):
    command.CONFIGURATION.unlink()
    status, said = run(monkeypatch, capsys)
    assert status == 2
    assert "run the playbook" in said


def test_a_password_link_is_made_as_the_user_of_the_database(monkeypatch, capsys):
    monkeypatch.setattr(command, "as_web_user", lambda *words: f"{words}\nhttps://lists.example.org/reset\n")
    assert command.main(["password-link", "ana"]) == 0
    assert capsys.readouterr().out == "https://lists.example.org/reset\n"

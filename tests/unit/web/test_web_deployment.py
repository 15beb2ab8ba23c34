"""`listkit web setup`: what is done, and when nothing is."""

import io
import json
import sys

import pytest

from listkit.web import cli, deployment
from listkit.web.user import SubcommandFailed

PASSWORDS = '{"ana": "secret"}'


def configuration(*administrators, **more):
    """The content of the configuration file."""
    entries = [{"user": name, "address": f"{name}@example.org"} for name in administrators]
    return json.dumps({"superuser": "ana", "administrators": entries, "superuser_password_force": False, **more})


@pytest.fixture(autouse=True)
def host(tmp_path, monkeypatch):
    """A host's files; returns the calls that would have gone to the database."""
    for name in ("CONFIGURATION", "_SETTINGS", "_ARTEFACT"):
        file = tmp_path / name
        file.write_text(configuration())
        monkeypatch.setattr(deployment, name, file)
    monkeypatch.setattr(deployment, "STAMP", tmp_path / "stamp")
    calls = []

    def set_up_application(password, dry_run):
        calls.append((password, dry_run))
        return ["superuser ana"] if len(calls) == 1 else []

    monkeypatch.setattr(deployment, "_set_up_application", set_up_application)
    monkeypatch.setattr(deployment, "_TEMPLATES", tmp_path / "templates")
    monkeypatch.setattr(deployment.pages, "is_installed", lambda: True)
    return calls


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "stdin", io.StringIO(PASSWORDS))
    status = cli.main(["setup", *arguments])
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


@pytest.mark.parametrize("file", ["CONFIGURATION", "_SETTINGS", "_ARTEFACT"])
def test_a_changed_input_is_looked_at_again(host, monkeypatch, capsys, file):
    run(monkeypatch, capsys)
    getattr(deployment, file).write_text(configuration(x=1))
    run(monkeypatch, capsys)
    assert len(host) == 2


def test_a_changed_template_is_looked_at_again(host, monkeypatch, capsys):
    run(monkeypatch, capsys)
    deployment._TEMPLATES.mkdir()
    (deployment._TEMPLATES / "404.html").write_text("gone")
    run(monkeypatch, capsys)
    assert len(host) == 2


def test_missing_pages_are_made_again(host, monkeypatch, capsys):
    run(monkeypatch, capsys)
    monkeypatch.setattr(deployment.pages, "is_installed", lambda: False)
    run(monkeypatch, capsys)
    assert len(host) == 2


def test_a_forced_password_is_looked_at_every_time(host, monkeypatch, capsys):
    deployment.CONFIGURATION.write_text(configuration(superuser_password_force=True))
    run(monkeypatch, capsys)
    run(monkeypatch, capsys)
    assert len(host) == 2


def test_looking_only_leaves_no_trace(host, monkeypatch, capsys):
    _, answer = run(monkeypatch, capsys, "--check")
    assert answer["changed"]
    assert host == [(PASSWORDS, True)]
    assert not deployment.STAMP.exists()


def test_a_failed_set_up_is_tried_again(host, monkeypatch, capsys):
    def refuse(password, dry_run):
        raise SubcommandFailed("web_superuser: ana is an ordinary account already")

    working = deployment._set_up_application
    monkeypatch.setattr(deployment, "_set_up_application", refuse)
    status, said = run(monkeypatch, capsys)
    assert status == 1
    assert "ordinary account" in said
    assert "secret" not in said
    monkeypatch.setattr(deployment, "_set_up_application", working)
    run(monkeypatch, capsys)
    assert len(host) == 1


def test_an_administrator_who_is_not_declared_any_more_is_named_while_being_one(monkeypatch, capsys):
    asked = []

    def run_as_web_user(*words):
        asked.append(words)
        return f"{json.dumps([name for name in words[1:] if name in still])}\n"

    monkeypatch.setattr(deployment, "run_as_web_user", run_as_web_user)
    still = {"ben", "cleo"}
    deployment.CONFIGURATION.write_text(configuration("ben", "cleo"))
    assert run(monkeypatch, capsys)[1]["former_administrators"] == [] == asked
    deployment.CONFIGURATION.write_text(configuration("cleo"))
    for _run in range(2):
        assert run(monkeypatch, capsys)[1]["former_administrators"] == ["ben"]
    assert run(monkeypatch, capsys, "--check")[1]["former_administrators"] == ["ben"]
    still.remove("ben")
    assert run(monkeypatch, capsys)[1]["former_administrators"] == []
    asked.clear()
    assert run(monkeypatch, capsys)[1]["former_administrators"] == [] == asked


def test_a_missing_configuration_ends_with_status_2(monkeypatch, capsys):
    deployment.CONFIGURATION.unlink()
    status, said = run(monkeypatch, capsys)
    assert status == 2
    assert "run the playbook" in said

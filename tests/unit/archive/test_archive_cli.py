"""The command runs as the user that the database knows, and refuses in words what it can't do."""

import os
import pwd
import sys
from types import SimpleNamespace

import pytest

from listkit.archive import cli

WEB_USER = SimpleNamespace(pw_uid=33, pw_gid=33, pw_dir="/var/www")


@pytest.fixture
def calls(monkeypatch):
    """What was asked of the system, in order."""
    calls = []
    monkeypatch.setattr(pwd, "getpwnam", lambda name: WEB_USER)
    monkeypatch.setenv("HOME", "/root")
    for name in ("setgroups", "setgid", "setuid", "execv"):
        monkeypatch.setattr(os, name, lambda *arguments, name=name: calls.append((name, *arguments)))
    return calls


def test_root_becomes_the_web_user_for_good_and_starts_again(calls, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    cli.become_web_user()
    assert calls == [("setgroups", []), ("setgid", 33), ("setuid", 33), ("execv", sys.executable, sys.orig_argv)]
    assert os.environ["HOME"] == "/var/www"


def test_the_web_user_continues(calls, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 33)
    cli.become_web_user()
    assert calls == []


def test_another_user_is_refused(calls, monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert cli.main(["status"]) == 2
    assert "run it as root or www-data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--list", "Members@Example.org"], "'Members@Example.org' is not a list's address in lower case"),
        (["--domain", "example.org"], "is not a Mailman 2 tree"),
        (["--list", "members@example.org"], "holds no messages"),
    ],
)
def test_what_cannot_be_imported_is_refused_before_django_is_loaded(
    calls, monkeypatch, capsys, tmp_path, arguments, problem
):
    monkeypatch.setattr(os, "geteuid", lambda: 33)
    monkeypatch.setattr(os, "nice", lambda increment: 0)
    monkeypatch.setattr(cli, "_load_django", lambda: pytest.fail("Django was loaded"))
    assert cli.main(["import", *arguments, str(tmp_path)]) == 2
    assert problem in capsys.readouterr().err

"""A program becomes the user that the database knows, or runs a sub-command as it."""

import os
import pwd
import sys
from types import SimpleNamespace

import pytest

from listkit.web import user

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
    user.become_web_user()
    assert calls == [("setgroups", []), ("setgid", 33), ("setuid", 33), ("execv", sys.executable, sys.orig_argv)]
    assert os.environ["HOME"] == "/var/www"


def test_the_web_user_continues(calls, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 33)
    user.become_web_user()
    assert calls == []


def test_another_user_is_refused(calls, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(user.NotAllowed, match="run it as root or www-data"):
        user.become_web_user()
    assert calls == []


def test_a_failed_sub_command_is_reported_with_its_reason(monkeypatch):
    ran = []

    def run(command, **options):
        ran.append((command[command.index("--") + 1 :], "--property=User=www-data" in command, options["input"]))
        return SimpleNamespace(returncode=1, stdout="", stderr="ana: no active account has this name\n")

    monkeypatch.setattr(user.subprocess, "run", run)
    with pytest.raises(user.SubcommandFailed, match=r"^ana: no active account has this name$"):
        user.run_as_web_user("find-administrators", "ana", stdin="{}")
    assert ran == [(["/usr/local/bin/listkit", "web", "find-administrators", "ana"], True, "{}")]

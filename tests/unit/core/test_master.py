"""The forking master runs only where Mailman is as it was when the master was written."""

import os

import pytest

from listkit.common.patching import Patch, Target
from listkit.mailman import master


@pytest.fixture
def executed(monkeypatch):
    """The program that replaces this one, and its arguments."""
    executed = []
    monkeypatch.setattr(master.gc, "disable", lambda: None)
    monkeypatch.setattr(os, "execv", lambda program, argv: executed.append((program, argv)))
    return executed


def test_where_mailman_differs_debians_master_runs_with_the_same_arguments(executed, monkeypatch, capsys):
    patch = Patch("forked-runners", "", "", (), "", (Target("os:getcwd", "(path)"),), lambda: None)
    monkeypatch.setattr(master.patches, "MASTER", (patch,))
    sent = []
    monkeypatch.setattr(master, "notify", sent.append)
    master.main(["-C", "mailman.cfg", "--force"])
    assert executed == [(master.STOCK_MASTER, [master.STOCK_MASTER, "-C", "mailman.cfg", "--force"])]
    assert sent[0].startswith("READY=1")
    assert "os:getcwd has the parameters ()" in capsys.readouterr().err

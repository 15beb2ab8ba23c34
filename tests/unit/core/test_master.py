"""The forking master runs only where Mailman is what it was written for."""

import os
import sys
from types import ModuleType

import pytest

from listkit.mailman import master


@pytest.fixture
def known(monkeypatch):
    """A module with one function, and what we expect of it."""
    module = ModuleType("fake_mailman")
    module.start = lambda name, part: None
    monkeypatch.setitem(sys.modules, "fake_mailman", module)
    return module


def test_no_surprise_where_everything_is_as_expected(known):
    assert master.surprises({"fake_mailman:start": ["name", "part"]}) == []


def test_any_parameters_will_do_where_none_are_named(known):
    assert master.surprises({"fake_mailman:start": None}) == []


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("fake_mailman:start", ["name"], "takes ['name', 'part'], not ['name']"),
        ("fake_mailman:stop", None, "no attribute 'stop'"),
        ("fake_mailman:start.deeper", None, "no attribute 'deeper'"),
        ("fake_mailman_2:start", None, "No module named"),
    ],
)
def test_each_surprise_is_named(known, name, parameters, said):
    (line,) = master.surprises({name: parameters})
    assert line.startswith(name)
    assert said in line


def test_after_a_surprise_debians_master_runs_with_the_same_arguments(monkeypatch, capsys):
    executed = []
    monkeypatch.setattr(master, "surprises", lambda: ["mailman.bin.master:Loop: gone"])
    monkeypatch.setattr(master.gc, "disable", lambda: None)
    monkeypatch.setattr(os, "execv", lambda program, argv: executed.append((program, argv)))
    told = []
    monkeypatch.setattr(master, "notify", told.append)
    master.main(["-C", "mailman.cfg", "--force"])
    assert executed == [(master.STOCK_MASTER, [master.STOCK_MASTER, "-C", "mailman.cfg", "--force"])]
    assert told[0].startswith("READY=1")
    assert "Loop: gone" in capsys.readouterr().err

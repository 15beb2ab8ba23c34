"""The command `listkit` finds the module of each sub-command."""

import sys
from types import ModuleType

import listkit.__main__ as command


def test_the_sub_command_gets_the_rest_of_the_arguments(monkeypatch):
    module = ModuleType("fake_command")
    module.main = lambda argv: len(argv)
    monkeypatch.setitem(sys.modules, "fake_command", module)
    monkeypatch.setitem(command.COMMANDS, "fake", "fake_command")
    assert command.main(["fake", "a", "b", "c"]) == 3


def test_an_unknown_or_missing_sub_command_is_answered_with_the_known_ones(capsys):
    assert command.main(["nothing"]) == 2
    assert command.main([]) == 2
    assert "mailman-master" in capsys.readouterr().err

"""The command `listkit` finds the module of each sub-command, and describes itself."""

import argparse
import sys
from importlib import import_module
from types import ModuleType

import pytest

import listkit
import listkit.__main__ as command
from listkit.common.commandline import Command
from listkit.common.subcommands import Subcommands

NEED_MAILMAN = {"mailman-master"}


def test_the_sub_command_gets_the_rest_of_the_arguments(monkeypatch):
    module = ModuleType("fake_command")
    module.main = lambda argv: len(argv)
    monkeypatch.setitem(sys.modules, "fake_command", module)
    monkeypatch.setitem(command.COMMANDS, "fake", Command("fake_command", "count"))
    assert command.main(["fake", "a", "b", "c"]) == 3


@pytest.mark.parametrize("option", ["--help", "-h", "help"])
def test_help_lists_each_sub_command_with_one_line(option, capsys):
    assert command.main([option]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, entry in command.COMMANDS.items():
        assert [name, entry.summary] in [line.split(maxsplit=1) for line in lines]


def test_the_version(capsys):
    assert command.main(["--version"]) == 0
    assert capsys.readouterr().out == f"listkit {listkit.__version__}\n"


def test_an_unknown_sub_command_is_an_error_with_a_suggestion(capsys):
    assert command.main(["certifcate"]) == 2
    answer = capsys.readouterr()
    assert not answer.out
    assert answer.err.startswith("listkit: unknown command 'certifcate'. Did you mean 'certificate'?\n")
    assert command.main(["xyz"]) == 2
    assert "Did you mean" not in capsys.readouterr().err


def test_a_missing_sub_command_is_an_error_with_the_help(capsys):
    assert command.main([]) == 2
    assert "mailman-master" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(command.COMMANDS))
def test_every_sub_command_has_a_main_and_describes_itself(name, capsys):
    main = getattr(import_module(command.COMMANDS[name].module), command.COMMANDS[name].function)
    if name in NEED_MAILMAN:
        return
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert f"usage: listkit {name} " in capsys.readouterr().out


def test_a_sub_command_is_described_in_both_helps(capsys):
    parser = argparse.ArgumentParser(prog="listkit archive")
    Subcommands(parser).add_parser("prune", help="delete old threads").add_argument("--dry-run", action="store_true")
    for arguments, line in ((["--help"], "prune delete old threads"), (["prune", "--help"], "Delete old threads.")):
        with pytest.raises(SystemExit, match="0"):
            parser.parse_args(arguments)
        assert line.split() in [shown.split() for shown in capsys.readouterr().out.splitlines()]
    assert parser.parse_args(["prune"]).command == "prune"
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args([])
    assert "the following arguments are required: COMMAND" in capsys.readouterr().err

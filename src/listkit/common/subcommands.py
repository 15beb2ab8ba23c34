"""Sub-commands of a command, described alike in all helps."""

from __future__ import annotations

import argparse
from typing import Any


class Subcommands:
    """Adds sub-commands to `parser`; the namespace has the name of the chosen one as `command`."""

    def __init__(self, parser: argparse.ArgumentParser, *, required: bool = True, metavar: str = "COMMAND") -> None:
        """required: whether calling the command without a sub-command is an error; metavar: their name in the usage."""
        self._commands = parser.add_subparsers(metavar=metavar, dest="command", required=required)

    def add_parser(self, name: str, help: str, **more: Any) -> argparse.ArgumentParser:
        """Add a sub-command and return its parser.

        help: the line that describes it in both helps, the command's and its own; without a full stop.
        """
        return self._commands.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.", **more)

"""A command with sub-commands whose modules are imported only when they are called."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

USAGE_ERROR = 2


@dataclass(frozen=True)
class Command:
    """A sub-command. `module` has a function `function(argv: list[str]) -> int`, which returns the exit status."""

    module: str
    summary: str
    function: str = "main"


@dataclass(frozen=True)
class CommandLine:
    """The command `program`: its sub-commands by name, its version, and one line that says what it is."""

    program: str
    version: str
    summary: str
    commands: Mapping[str, Command]

    def run(self, argv: Sequence[str]) -> int:
        """Run the sub-command that `argv` begins with; return its exit status, or 2 when there is none of that name."""
        name, *arguments = argv or [""]
        if name in ("--help", "-h", "help"):
            print("\n".join(self._help()))
            return 0
        if name == "--version":
            print(f"{self.program} {self.version}")
            return 0
        if name not in self.commands:
            print("\n".join(self._unknown(name) if name else self._help()), file=sys.stderr)
            return USAGE_ERROR
        command = self.commands[name]
        status: int = getattr(import_module(command.module), command.function)(arguments)
        return status

    def _help(self) -> Iterator[str]:
        width = max(map(len, self.commands))
        yield f"usage: {self.program} [--help] [--version] COMMAND …"
        yield ""
        yield self.summary
        yield ""
        yield "commands:"
        for name, command in sorted(self.commands.items()):
            yield f"  {name:{width}}  {command.summary}"
        yield ""
        yield f"'{self.program} COMMAND --help' describes one of them."

    def _unknown(self, name: str) -> Iterator[str]:
        # Only a mistake pays for this import.
        from difflib import get_close_matches

        close = get_close_matches(name, self.commands, n=1)
        suggestion = f" Did you mean '{close[0]}'?" if close else ""
        yield f"{self.program}: unknown command '{name}'.{suggestion}"
        yield f"'{self.program} --help' lists the commands."

"""The command `listkit`: finds the sub-command's module and hands it the rest of the arguments."""

import sys
from importlib import import_module

COMMANDS = {
    "bridge": "listkit.bridge",
    "budget": "listkit.budget.command",
    "certificate": "listkit.certificate",
    "check": "listkit.check",
    "mailman-master": "listkit.mailman.master",
    "web": "listkit.web.command",
}
"""Module of each sub-command, which has a function `main(argv: list[str]) -> int`; imported only when it is called."""


def main(argv: list[str] | None = None) -> int:
    """Run one sub-command and return its exit status; 2 when there is no such sub-command."""
    arguments = sys.argv[1:] if argv is None else argv
    name = arguments[0] if arguments else ""
    if name not in COMMANDS:
        print(f"usage: listkit {{{'|'.join(sorted(COMMANDS))}}} …", file=sys.stderr)
        return 2
    return import_module(COMMANDS[name]).main(arguments[1:])


if __name__ == "__main__":
    sys.exit(main())

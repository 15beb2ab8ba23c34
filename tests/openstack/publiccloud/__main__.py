"""`python3 -m publiccloud`: the stand-in cloud from the shell."""

import argparse
import shlex
import signal
import sys
from contextlib import suppress

from lab import Lab, LabError
from lab.labs import names
from publiccloud import cloud, machines, programs


def main() -> int:
    """Do what the command line says; the exit code is 1 after an error that has a text of its own."""
    parser = argparse.ArgumentParser(prog="publiccloud", description="A stand-in for the public cloud.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, text in (
        ("up", "boot the control plane and print the openrc file"),
        ("agent", "boot machines for it, until interrupted"),
        ("down", "take the cloud and its machines down"),
    ):
        commands.add_parser(name, help=text, description=text).add_argument("lab")
    program = commands.add_parser("program", help="build a program if it isn't there, and print where it is")
    program.add_argument("name", choices=[*programs.PACKAGES, "terraform"])
    arguments = parser.parse_args()
    try:
        _do(arguments)
    except (LabError, programs.ProgramError) as error:
        print(f"publiccloud: {error}", file=sys.stderr)
        return 1
    return 0


def _do(arguments: argparse.Namespace) -> None:
    match arguments.command:
        case "up":
            for name, value in cloud.Cloud.up(Lab.up(arguments.lab)).openrc().items():
                print(f"export {name}={shlex.quote(value)}")
        case "agent":
            with machines.agent(Lab.load(arguments.lab)), suppress(KeyboardInterrupt):
                signal.pause()
        case "down" if arguments.lab in names():
            Lab.load(arguments.lab).down()
        case "program":
            print(programs.terraform() if arguments.name == "terraform" else programs.built(arguments.name))


if __name__ == "__main__":
    sys.exit(main())

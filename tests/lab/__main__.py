"""`python3 -m lab`: labs from the shell."""

import argparse
import os
import shlex
import sys
from pathlib import Path

from lab import images, snapshots
from lab.errors import LabError
from lab.labs import Lab, names


def main() -> int:
    """Do what the command line says; the exit code is 1 after a `LabError`."""
    arguments = _parser().parse_args()
    if os.geteuid() != 0:
        print("lab: root is needed (namespaces, mounts, nftables): use sudo", file=sys.stderr)
        return 1
    try:
        arguments.do(arguments)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lab", description="Booted Debian hosts on a network of their own.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, do, text: str, *operands: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(do=do)
        for operand in operands:
            made.add_argument(operand)
        return made

    up = command("up", _up, "make a lab, or add hosts to it", "lab")
    up.add_argument(
        "--host", action="append", default=[], metavar="NAME=IMAGE", help=f"images: {', '.join(images.ALL)}"
    )
    command("down", _down, "end a lab", "lab")
    command("list", _list, "show the labs and their hosts")
    command("inventory", _inventory, "print an Ansible inventory", "lab")
    ssh = command("ssh", _ssh, "log in, or run a command as root", "lab", "host")
    ssh.add_argument("argv", nargs=argparse.REMAINDER, metavar="CMD")
    command("reboot", lambda a: Lab.load(a.lab).host(a.host).reboot(), "reboot a host", "lab", "host")
    command("kill", lambda a: Lab.load(a.lab).host(a.host).kill(), "stop a host as a power cut does", "lab", "host")
    command("start", lambda a: Lab.load(a.lab).start(a.host), "boot a host that was killed", "lab", "host")
    command("remove", lambda a: Lab.load(a.lab).host(a.host).destroy(), "remove a host and its disk", "lab", "host")
    command("cut", lambda a: Lab.load(a.lab).host(a.host).cut(), "pull a host's network cable", "lab", "host")
    command("mend", lambda a: Lab.load(a.lab).host(a.host).mend(), "put it back", "lab", "host")
    command("save", _save, "copy a host's disk; the host reboots", "lab", "host", "directory")
    command("put-back", _put_back, "boot a host with a disk that was saved", "lab", "host", "directory")
    command(
        "console",
        lambda a: print(Lab.load(a.lab).host(a.host).console_tail()),
        "print the console's end",
        "lab",
        "host",
    )
    command(
        "resolve-with",
        lambda a: Lab.load(a.lab).resolve_with(a.host),
        "let all hosts use this DNS server",
        "lab",
        "host",
    )
    build = command("images", _images, "build images ahead of time; without a name, all")
    build.add_argument("image", nargs="*")
    command("prune", lambda a: images.prune(), "remove outdated images")
    return parser


def _save(arguments: argparse.Namespace) -> None:
    snapshots.save_disk(Lab.load(arguments.lab), arguments.host, Path(arguments.directory))


def _put_back(arguments: argparse.Namespace) -> None:
    snapshots.put_disk_back(Lab.load(arguments.lab), arguments.host, Path(arguments.directory))


def _up(arguments: argparse.Namespace) -> None:
    pairs = [text.partition("=") for text in arguments.host]
    for name, _, image in pairs:
        if not image:
            raise LabError(f"--host {name}: NAME=IMAGE is wanted, e.g. mailman=base-trixie")
    Lab.up(arguments.lab, {name: image for name, _, image in pairs})


def _down(arguments: argparse.Namespace) -> None:
    if arguments.lab in names():
        Lab.load(arguments.lab).down()


def _list(arguments: argparse.Namespace) -> None:
    for name in names():
        for host in Lab.load(name).hosts.values():
            print(f"{name:20} {host.name:20} {host.address:16} {host.image:16} {'up' if host.alive() else 'down'}")


def _inventory(arguments: argparse.Namespace) -> None:
    print(Lab.load(arguments.lab).inventory(), end="")


def _ssh(arguments: argparse.Namespace) -> None:
    host = Lab.load(arguments.lab).host(arguments.host)
    command = ["sudo", "-n", "--", "sh", "-c", " ".join(arguments.argv)] if arguments.argv else []
    os.execvp("ssh", ["ssh", *host.ssh_options(), f"debian@{host.address}", shlex.join(command)])  # noqa: S606 ssh takes over


def _images(arguments: argparse.Namespace) -> None:
    images.build(arguments.image or images.ALL)


if __name__ == "__main__":
    sys.exit(main())

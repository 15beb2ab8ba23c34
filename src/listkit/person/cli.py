"""`listkit person`: show what the site holds about a person, or erase the person.

`show` prints everything, in plain words or as JSON. `erase` deletes it, or replaces the person in what others need, and
prints a report. Both include the other addresses of the person's accounts. No mail is sent.

Exit status: 0 done; 1 nothing is held, or a part could not be erased: run it again; 2 refused; 3 a part can't be read.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterator

from listkit.backup import configuration as backup
from listkit.common.subcommands import Subcommands
from listkit.person import parts as host
from listkit.person import report
from listkit.person.erasure import Search, Unfinished, erase, search
from listkit.person.identity import Person
from listkit.person.parts import FAILURES, Choices, Part

DONE, NOT_DONE, REFUSED, UNREADABLE = range(4)


def main(argv: list[str]) -> int:
    """Carry out one of the sub-commands; return the exit status."""
    options = _parser().parse_args(argv)
    if os.geteuid():
        _say(f"only root can read everything: `sudo listkit person {options.command} …`")
        return REFUSED
    unfinished = Unfinished(host.unfinished_directory())
    try:
        person = unfinished.resume(Person.of(options.addresses, options.names))
        parts = list(host.parts())
        found = search(person, parts)
    except ValueError as error:
        _say(f"listkit person: {error}")
        return REFUSED
    except FAILURES as error:
        _say(f"listkit person: {error}; nothing was changed")
        return UNREADABLE
    if options.command == "show":
        return _show(found, as_json=options.json)
    return _erase(found, parts, unfinished, options)


def _show(found: Search, *, as_json: bool) -> int:
    print(report.as_json(found) if as_json else "\n".join(report.held(found)))
    _hint(found, ["show"])
    return DONE if found.findings else NOT_DONE


def _erase(found: Search, parts: list[Part], unfinished: Unfinished, options: argparse.Namespace) -> int:
    flags = [f"--{name.replace('_', '-')}" for name in ("dry_run", "bans", "journal") if getattr(options, name)]
    _hint(found, ["erase", *flags])
    if found.obstacles:
        for obstacle in found.obstacles:
            _say(f"not erased: {obstacle}")
        return REFUSED
    if options.dry_run:
        print("\n".join(report.planned(found)))
        return DONE
    choices = Choices(bans=options.bans, journal=options.journal)
    failures = erase(found.person, parts, choices, unfinished, lambda name: _say(f"erasing in {name} …"))
    try:
        after = search(found.person, parts)
    except FAILURES as error:
        failures.append(f"what is left can't be read: {error}")
    if failures:
        for failure in failures:
            _say(f"failed: {failure}")
        _say("remove the cause, then run it again: it continues")
        return NOT_DONE
    print("\n".join(report.erased(found.person, found.findings, after.findings, list(_limits()))))
    return DONE


def _limits() -> Iterator[str]:
    """Yield what can't be reached from this host."""
    if backup.CONFIGURATION.exists():
        kept = backup.Configuration.load().keep
        yield f"Backups, until they expire: each is kept for {kept}. They are read only to restore the site."
    yield "The copies that members got by mail, and what others saved or quoted elsewhere."
    yield "Texts that name you in another way: a first name alone, a telephone number, a picture."


def _hint(found: Search, command: list[str]) -> None:
    """Say what the operator has to know, on standard error: the report is for the person."""
    named = [word for name in sorted(found.person.names) for word in ("--name", name)]
    words = shlex.join(["listkit", "person", *command, *sorted(found.person.addresses), *named])
    for other in host.other_hosts():
        _say(f"this host doesn't have everything; run on {other}: sudo {words}")
    if found.unused_names:
        names = ", ".join(sorted(found.unused_names))
        _say(
            f"not replaced in texts, because others have them, too, or they are a single word: {names}; add --name if a"
            " name is this person's only"
        )
    if "erase" in command:
        _say("a run of the playbook adds an address again that the inventory has in members, members_from or owners")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="listkit person",
        description="Show what the site holds about a person, or erase the person.",
        epilog="Exit status: 0 done, 1 nothing held or not complete, 2 refused, 3 a part can't be read.",
    )
    commands = Subcommands(parser)
    show = commands.add_parser("show", help="print everything that is held")
    show.add_argument("--json", action="store_true", help="print JSON, with the texts of the posts")
    eraser = commands.add_parser("erase", help="delete it, or remove the person from it")
    eraser.add_argument("--dry-run", action="store_true", help="only print what would be erased")
    eraser.add_argument("--bans", action="store_true", help="also delete bans of the addresses")
    eraser.add_argument("--journal", action="store_true", help="also delete the whole system journal")
    for command in (show, eraser):
        command.add_argument("addresses", nargs="+", metavar="ADDRESS", help="such as ana@example.org")
        command.add_argument(
            "--name",
            action="append",
            default=[],
            dest="names",
            help="also find or replace this name in texts",
        )
    return parser

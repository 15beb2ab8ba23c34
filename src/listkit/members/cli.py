"""`listkit members`: import, export or synchronise the people on a list.

`import` adds people and changes their properties, `sync` also removes those who aren't in the file. Both print the plan
first. `export` prints a CSV file that both read. No mail is sent.

Exit status: 0 done, 1 Mailman refused some of the people, 2 nothing was changed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ansible_collections.listkit.mailman3.plugins.module_utils.membership import files
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.bulk import BulkRoster
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import ROLES, BadEntries, Entry
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.plan import ROLE_NOUNS, make_plan, refusal
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.sync import carry_out, table

from listkit.common.rest import NotFound, RestClient, RestError
from listkit.members.progress import Progress

TIMEOUT_SECONDS = 120.0
"""A thousand people take seconds, and more on a busy host."""
STANDARD_STREAM = "-"


class Failure(Exception):
    """Nothing was changed; the text says why."""


def main(argv: list[str]) -> int:
    """Carry out one of the sub-commands; return the exit status."""
    options = _parser().parse_args(argv)
    try:
        status: int = options.carry_out(options)
        return status
    except NotFound:
        reason = f"{options.list}: there is no such list"
    except (Failure, RestError) as error:
        reason = str(error)
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}"
    print(f"listkit members: {reason}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="listkit members", description="Import, export or synchronise members.")
    commands = parser.add_subparsers(dest="command", required=True)
    importer = commands.add_parser("import", help="add the people in a file, and leave all others")
    importer.set_defaults(carry_out=import_people, exact=False, max_removals=None, allow_empty=False)
    sync = commands.add_parser("sync", help="make the people exactly those in a file")
    sync.set_defaults(carry_out=import_people, exact=True)
    sync.add_argument("--max-removals", type=int, metavar="N", help="allow N removals, instead of 25 %% and 20")
    sync.add_argument("--allow-empty", action="store_true", help="allow an empty file, which removes everyone")
    exporter = commands.add_parser("export", help="write the people to a CSV file")
    exporter.set_defaults(carry_out=export_people)
    for command in (importer, sync, exporter):
        command.add_argument("list", metavar="LIST", type=str.lower, help="the list's address: members@example.org")
        command.add_argument("--role", choices=ROLES, default="member", help="default: member")
    for command in (importer, sync):
        command.add_argument("file", metavar="FILE", help="the file, or - for standard input")
        command.add_argument("--format", choices=[files.DETECT, *files.FORMATS], default=files.DETECT)
        command.add_argument("--dry-run", action="store_true", help="only print the plan")
    exporter.add_argument("file", metavar="FILE", nargs="?", default=STANDARD_STREAM, help="default: standard output")
    return parser


def import_people(options: argparse.Namespace) -> int:
    """Bring the people in a file to the list; return the exit status."""
    wanted = _read(options.file, options.format)
    if options.exact and not wanted and not options.allow_empty:
        everyone = ROLE_NOUNS[options.role]
        raise Failure(
            f"{_shown(options.file)} has no entries, so all {everyone} would be removed; if it is meant: --allow-empty"
        )
    roster, current = _roster(options)
    try:
        plan = make_plan(options.list, options.role, current, wanted, exact=options.exact)
    except ValueError as error:
        raise Failure(str(error)) from error
    print("\n".join(plan.lines()), flush=True)
    if reason := refusal(plan, options.max_removals):
        raise Failure(reason.replace("max_removals: ", "--max-removals ").replace("max_removals", "--max-removals"))
    if options.dry_run or not plan:
        return 0
    failures = carry_out(plan, roster, Progress(plan.size, sys.stderr).show)
    if failures:
        print(f"{len(failures)} of {plan.size} changes failed; all others are done\n{table(failures)}", file=sys.stderr)
    return int(bool(failures))


def export_people(options: argparse.Namespace) -> int:
    """Write the people on the list as CSV; return the exit status."""
    text = files.write(_roster(options)[1])
    if options.file == STANDARD_STREAM:
        sys.stdout.write(text)
    else:
        Path(options.file).write_text(text, encoding="utf-8")
    return 0


def _read(name: str, form: str) -> list[Entry]:
    data = sys.stdin.buffer.read() if name == STANDARD_STREAM else Path(name).read_bytes()
    try:
        return files.read(data, form)
    except BadEntries as error:
        problems = "\n".join(f"  {problem}" for problem in error.problems)
        raise Failure(f"{_shown(name)} is not valid, so nothing was changed:\n{problems}") from error


def _shown(name: str) -> str:
    return "standard input" if name == STANDARD_STREAM else name


def _roster(options: argparse.Namespace) -> tuple[BulkRoster, list[Entry]]:
    rest = RestClient.of_this_host(TIMEOUT_SECONDS)
    found = BulkRoster.find(rest, options.list.replace("@", "."), options.role)
    if found is None:
        raise Failure(f"{options.list}: there is no such list")
    return found

"""`listkit members`: import, export or synchronise the people on a list.

`import` adds people and changes their properties, `sync` also removes those who aren't in the file. Both print the plan
first. `export` prints a CSV file that both read. `scheduled` runs the declared syncs. Without `--welcome`, no mail is
sent.

Exit status: 0 done, 1 Mailman refused some of the people, or a declared sync failed, 2 nothing was changed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ansible_collections.listkit.mailman3.plugins.module_utils.membership import files
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import ROLES

from listkit.common.configuration import ConfigurationError
from listkit.common.rest import NotFound, RestError, Unreachable
from listkit.common.subcommands import Subcommands
from listkit.members import schedule
from listkit.members.importing import Failure, Import, bring, find, read

STANDARD_STREAM = "-"


OPTIONS = {"allow_empty: true": "--allow-empty", "max_removals: ": "--max-removals ", "max_removals": "--max-removals"}
"""The names of options in the inventory, and those of the command."""


def main(argv: list[str]) -> int:
    """Carry out one of the sub-commands; return the exit status."""
    options = _parser().parse_args(argv)
    try:
        status: int = options.carry_out(options)
        return status
    except NotFound:
        reason = f"{options.list}: there is no such list"
    except Failure as error:
        reason = str(error)
        for name, option in OPTIONS.items():
            reason = reason.replace(name, option)
    except Unreachable as error:
        reason = f"{error}; look at systemctl status mailman3"
    except (ConfigurationError, RestError) as error:
        reason = str(error)
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}"
    print(f"listkit members: {reason}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="listkit members", description="Import, export or synchronise members.")
    commands = Subcommands(parser)
    importer = commands.add_parser("import", help="add the people in a file, and keep all others")
    importer.set_defaults(carry_out=import_people, exact=False, max_removals=None, allow_empty=False)
    sync = commands.add_parser("sync", help="make the list's people exactly those in a file")
    sync.set_defaults(carry_out=import_people, exact=True)
    sync.add_argument("--max-removals", type=int, metavar="N", help="allow N removals, instead of 25 %% and 20")
    sync.add_argument("--allow-empty", action="store_true", help="allow an empty file, which removes everyone")
    exporter = commands.add_parser("export", help="write the people to a CSV file")
    exporter.set_defaults(carry_out=export_people)
    scheduled = commands.add_parser("scheduled", help="run the declared syncs (for systemd)")
    scheduled.set_defaults(carry_out=run_scheduled)
    scheduled.add_argument("every", choices=schedule.INTERVALS)
    for command in (importer, sync, exporter):
        command.add_argument("list", metavar="LIST", type=str.lower, help="the list's address: members@example.org")
        command.add_argument("--role", choices=ROLES, default="member", help="default: %(default)s")
    for command in (importer, sync):
        command.add_argument("file", metavar="FILE", help="the file, or - for standard input")
        command.add_argument(
            "--format",
            choices=[files.DETECT, *files.FORMATS],
            default=files.DETECT,
            help="default: %(default)s",
        )
        command.add_argument("--dry-run", action="store_true", help="only print the plan")
        command.add_argument("--welcome", action="store_true", help="send the list's welcome message to new members")
    exporter.add_argument("file", metavar="FILE", nargs="?", default=STANDARD_STREAM, help="default: standard output")
    return parser


def import_people(options: argparse.Namespace) -> int:
    """Bring the people in a file to the list; return the exit status."""
    data = sys.stdin.buffer.read() if options.file == STANDARD_STREAM else Path(options.file).read_bytes()
    source = "standard input" if options.file == STANDARD_STREAM else options.file
    names = ("role", "exact", "max_removals", "allow_empty", "dry_run", "welcome")
    how = Import(options.list, **{name: getattr(options, name) for name in names})
    return bring(read(data, options.format, source), source, how)


def run_scheduled(options: argparse.Namespace) -> int:
    """Run the declared syncs with an interval; return the exit status."""
    return schedule.run(options.every)


def export_people(options: argparse.Namespace) -> int:
    """Write the people on the list as CSV; return the exit status."""
    text = files.write(find(options.list, options.role)[1])
    if options.file == STANDARD_STREAM:
        sys.stdout.write(text)
    else:
        Path(options.file).write_text(text, encoding="utf-8")
    return 0

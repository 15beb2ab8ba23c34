"""`listkit archive`: import and prune archives, and keep the search index complete.

`import` adds the messages of mailboxes to a list's archive. Every message that is not added is reported, with the
reason. `prune` deletes threads that are older than `archive_keep`. `reindex` brings the search index in line with the
database, and `status` says whether it is.

Exit status: 0 done, 1 a file could not be read or messages are unaccounted for, 2 refused or failed.

Functions import what they need: `listkit check` runs `status`, and monitoring runs `listkit check` every few minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from listkit.common.configuration import ConfigurationError
from listkit.common.subcommands import Subcommands
from listkit.web.user import USER, NotAllowed, become_web_user

if TYPE_CHECKING:
    from listkit.archive.report import Account
    from listkit.archive.retention import Retention
    from listkit.archive.sources import Source
    from listkit.archive.store import ListArchive

NICENESS = 15
"""An import gives way to the mail flow and the pages."""
INDEX_WAIT_SECONDS = 600.0
"""The job queue may index a thousand posts at once, on a busy host."""
_ADDRESS = re.compile(r"[a-z0-9._+-]+@[a-z0-9.-]+")


class Failure(Exception):
    """Nothing can be done; the text says why."""


def main(argv: list[str]) -> int:
    """Carry out one of the sub-commands; return the exit status."""
    options = _parser().parse_args(argv)
    try:
        return options.carry_out(options)
    except (Failure, NotAllowed) as error:
        print(f"listkit archive: {error}", file=sys.stderr)
    except PermissionError as error:
        print(f"listkit archive: {USER} can't open {error.filename}: {error.strerror}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="listkit archive", description="Import, prune and index the archives.")
    commands = Subcommands(parser)
    importer = commands.add_parser(
        "import",
        help="add messages to the archive of a list",
        epilog="PATH is an mbox, a message, a directory of these, a Maildir, a Mailman 2 archives/private/ tree, or a"
        " zip or tar file; gzip, bzip2, xz and zstd are unpacked.",
    )
    importer.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    target = importer.add_mutually_exclusive_group(required=True)
    target.add_argument("--list", metavar="ADDRESS", help="the list's address, such as members@example.org")
    target.add_argument("--domain", help="import a Mailman 2 tree: each of its lists, at this domain")
    importer.add_argument("--check", action="store_true", help="only report what would be added")
    importer.add_argument("--report", type=Path, metavar="FILE", help="also write the report to FILE")
    importer.add_argument("--progress", type=Path, metavar="FILE", help="write the progress to FILE, in one line")
    importer.set_defaults(carry_out=import_archives)
    prune = commands.add_parser("prune", help="delete threads that are older than archive_keep")
    prune.add_argument("--dry-run", action="store_true", help="only print how many posts would be deleted")
    prune.set_defaults(carry_out=prune_archives)
    reindex = commands.add_parser("reindex", help="bring the search index in line with the database")
    reindex.add_argument("--rebuild", action="store_true", help="index every post again")
    reindex.set_defaults(carry_out=reindex_archives)
    status = commands.add_parser("status", help="print as JSON what the search index lacks, and which jobs wait")
    status.set_defaults(carry_out=print_status)
    return parser


def import_archives(options: argparse.Namespace) -> int:
    """Import the files that `options` name; return the exit status."""
    become_web_user()
    os.nice(NICENESS)
    from listkit.archive.report import Account
    from listkit.archive.sources import SourceError

    try:
        targets = list(_targets(options))
    except SourceError as error:
        raise Failure(str(error)) from error
    _load_django()
    from listkit.archive.store import ListArchive, StoreError
    from listkit.web import search_index

    status = 0
    with _report(options.report) as (write, detail):
        try:
            # All, before anything is added: a list may be missing.
            archives = [(ListArchive(address, dry_run=options.check), address, found) for address, found in targets]
            for archive, address, found in archives:
                account = Account(write, detail)
                status = max(status, _import_one(archive, address, found, account, options))
        except StoreError as error:
            raise Failure(str(error)) from error
        finally:
            if not options.check:
                _index(search_index)
    return status


def _targets(options: argparse.Namespace) -> Iterator[tuple[str, list[Source]]]:
    """Yield the address of each list, and what to import into it."""
    from listkit.archive import sources

    if options.list:
        if not _ADDRESS.fullmatch(options.list):
            raise Failure(f"'{options.list}' is not a list's address in lower case, such as members@example.org")
        name = options.list.partition("@")[0]
        yield options.list, [source for path in options.paths for source in sources.find(path, name)]
        return
    for path in options.paths:
        names = sources.mailman2_lists(path)
        if not names:
            raise Failure(f"{path} is not a Mailman 2 tree: it has no LIST.mbox/LIST.mbox; use --list for other files")
        for name in names:
            yield f"{name}@{options.domain}".lower(), sources.find(path, name)


def _import_one(
    archive: ListArchive, address: str, found: Sequence[Source], account: Account, options: argparse.Namespace
) -> int:
    from listkit.archive.importing import Import
    from listkit.archive.report import Progress

    progress = Progress(sum(source.octets for source in found), sys.stderr, options.progress)

    def show(_: Source) -> None:
        progress.show(sum(source.octets_read for source in found), account.read)

    try:
        Import(archive, address.partition("@")[2], account, dry_run=options.check).run(found, show)
    finally:
        progress.end()
        if not options.check:
            archive.finish()
        account.write(f"{address}: {account.summary(dry_run=options.check)}")
    if not account.is_balanced:
        account.write(f"{address}: the figures don't add up; please report this as an error of the kit")
    return int(bool(account.problems) or not account.is_balanced)


Write = Callable[[str], None]


@contextmanager
def _report(path: Path | None) -> Iterator[tuple[Write, Write]]:
    """Yield what writes a line of the report, and what writes one that only the file has."""
    with (path or Path(os.devnull)).open("w", encoding="utf-8") as file:

        def write(line: str) -> None:
            print(line, flush=True)
            detail(line)

        def detail(line: str) -> None:
            print(line, file=file, flush=True)

        yield write, detail


def reindex_archives(options: argparse.Namespace) -> int:
    """Bring the search index in line with the database; return the exit status."""
    become_web_user()
    _load_django()
    from listkit.archive import archived_dates
    from listkit.web import search_index

    changed = archived_dates.correct()
    if changed:
        print(f"{len(changed)} posts were archived in the future; they have their own date, or today's, now")
    try:
        with search_index.locked(INDEX_WAIT_SECONDS):
            if options.rebuild:
                search_index.rebuild()
            elif changed:
                search_index.add(changed)
    except search_index.IndexBusy as error:
        raise Failure(f"{error}; run it again later") from error
    _index(search_index)
    return 0


def prune_archives(options: argparse.Namespace) -> int:
    """Delete what has expired in the archives of all lists; return the exit status."""
    become_web_user()
    from listkit.archive.retention import Retention

    try:
        retention = Retention.load()
    except ConfigurationError as error:
        raise Failure(str(error)) from error
    if not retention.expires:
        print("archive_keep is not set: nothing expires")
        return 0
    _load_django()
    from listkit.archive import pruning

    for address in pruning.addresses():
        _prune(address, retention, options.dry_run)
    return 0


def _prune(address: str, retention: Retention, dry_run: bool) -> None:
    from listkit.archive import pruning
    from listkit.web import search_index

    now = datetime.now(UTC)
    before = retention.before(address, now)
    threads = pruning.expired(address, before, now) if before else None
    posts = pruning.count(threads) if before else 0
    if not posts or not before:
        return
    if not dry_run:
        try:
            posts = pruning.delete(threads)
        except search_index.IndexBusy as error:
            raise Failure(f"{error}; the next run continues") from error
        pruning.forget(address)
    done = "would be deleted" if dry_run else "deleted"
    print(f"{address}: {posts} posts of threads without a post since {before:%Y-%m-%d} {done}")


def _index(search_index: ModuleType) -> None:
    """Index all missing posts of all lists, in pieces: the job queue needs the index, too."""
    while True:
        try:
            if not search_index.update(search_index.BATCH_POSTS, INDEX_WAIT_SECONDS):
                return
        except search_index.IndexBusy as error:
            raise Failure(f"{error}; run later: listkit archive reindex") from error
        except search_index.IndexDamaged as error:
            raise Failure(f"the search index is damaged: {error}; run: listkit archive reindex --rebuild") from error


def print_status(options: argparse.Namespace) -> int:
    """Print what the search index lacks, and how many jobs wait; return the exit status."""
    become_web_user()
    from listkit.archive import archived_dates
    from listkit.web import job_backlog, search_index, setup

    # The rest of Django takes most of a second to load.
    setup.choose_settings()
    jobs = {"jobs": {**job_backlog.waiting(), "running": bool(job_backlog.processes())}}
    try:
        found = search_index.difference()
    except search_index.IndexDamaged as error:
        print(json.dumps({"damaged": str(error), **jobs}))
        return 0
    state = {"posts": (search_index.state() or (0, 0))[1], "surplus": len(found.surplus), **jobs}
    print(json.dumps({**state, **archived_dates.overdue(found.missing), **archived_dates.from_the_future()}))
    return 0


def _load_django() -> None:
    from listkit.web import setup

    setup.load_django()

"""`listkit backup`: back this site up into a restic repository, and look after the backups.

    listkit backup now [--accept-smaller] [--new-repository]
    listkit backup list [--json]            show the backups, the oldest first
    listkit backup verify [--all]           compare a seventh of the stored data, or all, with its checksums
    listkit backup drill                    restore the newest backup into scratch databases, and compare
    listkit backup probe                    try whether the storage lets this host remove a backup
    listkit backup forget                   remove backups older than backup_keep; the storage must allow it
    listkit backup freeze                   copy all files while mail is paused (systemd does it)
    listkit backup resume                   let mail flow again that a killed `freeze` has paused (systemd does it)
    listkit backup restore                  bring the state back; playbooks/restore.yml does the rest
    listkit backup restore-list ADDRESS     bring one list back, and leave the others; --dry-run: only say how
    listkit backup release                  send mail that a restore has set aside
    listkit backup gap [--fetch]            show the mail since the restored backup; --fetch: handle it again
    listkit backup final                    stop this site and make its last backup, for a host that replaces this one
    listkit backup reopen                   forget the final backup; the playbook may start the site here again

Exit status: 0; 1 when it is not possible; 2 when the configuration is not usable.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from listkit.backup import drill, files, final, freeze, gap, one_list, pause, restoring, waiting
from listkit.backup.backing_up import STAGING, back_up
from listkit.backup.configuration import Configuration
from listkit.backup.errors import BackupError
from listkit.backup.record import Record
from listkit.backup.repository import Repository
from listkit.bridge import config as bridge
from listkit.check.probes import date
from listkit.common.configuration import ConfigurationError
from listkit.common.subcommands import Subcommands

LOCK = Path("/run/listkit-backup.lock")
MIB = 1024**2
CHOICE = "the backup's id, or a time (2026-11-29T12:00) for the newest until then; default: the newest"


def main(argv: list[str]) -> int:
    """Run one sub-command; return the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.run in ALONGSIDE:
            arguments.run()
            return 0
        with _alone():
            configuration = Configuration.load()
            arguments.run(arguments, configuration, Repository(configuration.repository))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    except BackupError as error:
        print(f"listkit backup: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="listkit backup", description="Back this site up, and bring it back.")
    commands = Subcommands(parser)
    now = commands.add_parser("now", help="make a backup")
    now.add_argument(
        "--accept-smaller", action="store_true", help="store dumps of less than half of the last ones' size"
    )
    now.add_argument("--new-repository", action="store_true", help="make a repository where there was one")
    now.set_defaults(run=_now)
    listing = commands.add_parser("list", help="list the backups, the oldest first")
    listing.add_argument("--json", action="store_true", help="print JSON instead of a table")
    listing.set_defaults(run=_list)
    verify = commands.add_parser("verify", help="compare the repository's data with its checksums")
    verify.add_argument("--all", action="store_true", help="all data, instead of a seventh by weekday")
    verify.set_defaults(run=_verify)
    commands.add_parser("drill", help="restore into scratch databases, and compare").set_defaults(run=_drill)
    commands.add_parser("probe", help="try whether this host may remove a backup").set_defaults(run=_probe)
    commands.add_parser("forget", help="remove backups older than backup_keep").set_defaults(run=_forget)
    commands.add_parser("freeze", help="copy all files while mail is paused (for systemd)").set_defaults(run=_freeze)
    commands.add_parser("resume", help="let paused mail flow again (for systemd)").set_defaults(run=pause.resume)
    restore = commands.add_parser("restore", help="bring the state back (for playbooks/restore.yml)")
    restore.add_argument("--backup", default="latest", help=CHOICE)
    restore.add_argument("--replace", action="store_true", help="also if this host has lists or messages")
    restore.add_argument(
        "--merge-addresses", action="store_true", help="merge addresses that differ only in case, for Debian 13"
    )
    restore.add_argument(
        "--web-release", type=int, metavar="NUMBER", help="Debian of the web interface's host; default: this host's"
    )
    restore.add_argument("--plan", action="store_true", help="only say what would be done")
    restore.add_argument("--stand-by", action="store_true", help="handle no mail yet (for playbooks/move.yml)")
    restore.set_defaults(run=_restore)
    one = commands.add_parser("restore-list", help="bring one list back, and leave the others")
    one.add_argument("list", metavar="ADDRESS", type=str.lower, help="the list's address: members@example.org")
    one.add_argument("--backup", default="latest", help=CHOICE)
    one.add_argument("--replace", action="store_true", help="also if the list has members or posts, which are lost")
    one.add_argument("--keep-archive", action="store_true", help="leave the list's archive as it is")
    one.add_argument("--dry-run", action="store_true", help="only say what would be done")
    one.set_defaults(run=_restore_list)
    commands.add_parser("release", help="send mail that a restore has set aside").set_defaults(run=_release)
    since = commands.add_parser("gap", help="show the mail since the backup that was restored")
    since.add_argument("--fetch", action="store_true", help="handle it again; members may get posts a second time")
    since.set_defaults(run=_gap)
    last = commands.add_parser("final", help="stop this site and make its last backup (for playbooks/move.yml)")
    last.set_defaults(run=_final)
    reopen = commands.add_parser("reopen", help="forget the final backup")
    reopen.add_argument("--set-aside", action="store_true", help="set aside waiting mail: the other host has sent it")
    reopen.set_defaults(run=_reopen)
    status = commands.add_parser("status", help="print what this host knows, as JSON (for playbooks/move.yml)")
    status.set_defaults(run=_status)
    start = commands.add_parser("start", help="start what ran before the final backup (for playbooks/move.yml)")
    start.set_defaults(run=_start)
    return parser


@contextmanager
def _alone() -> Iterator[None]:
    """Only one process at a time. Raises BackupError."""
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupError("another `listkit backup` is running; wait for its end") from error
        yield


def _freeze() -> None:
    freeze.hold(STAGING / files.FILES)


ALONGSIDE = (_freeze, pause.resume)
"""Parts of `now`, which run while it has the lock."""


def _now(arguments: argparse.Namespace, configuration: Configuration, repository: Repository) -> None:
    made = back_up(
        configuration, repository, accept_smaller=arguments.accept_smaller, new_repository=arguments.new_repository
    )
    print(
        f"backup {made.snapshot}: {made.total_bytes / MIB:.1f} MiB, {made.stored_bytes / MIB:.1f} MiB of them new, "
        f"in {made.seconds:.1f} s; mail was paused for {made.pause_seconds:.2f} s"
    )


def _list(arguments: argparse.Namespace, configuration: Configuration, repository: Repository) -> None:
    found = repository.snapshots()
    if arguments.json:
        print(json.dumps([asdict(snapshot) for snapshot in found]))
        return
    for snapshot in found:
        print(f"{snapshot.id}  {date(snapshot.time)}  {snapshot.host}")


def _verify(arguments: argparse.Namespace, configuration: Configuration, repository: Repository) -> None:
    subset = "100%" if arguments.all else f"{time.localtime().tm_wday + 1}/7"
    repository.check(subset)
    print(f"{configuration.repository}: no damage; data read: {subset}")


def _drill(arguments: argparse.Namespace, configuration: Configuration, repository: Repository) -> None:
    proof = drill.drill(configuration, repository)
    searched = "search was not tried" if proof.searched is None else f"a search finds {proof.searched} posts"
    print(f"backup {proof.snapshot} can be restored; proven in {proof.seconds:.0f} s; {searched}")


def _probe(arguments: argparse.Namespace, configuration: Configuration, repository: Repository) -> None:
    if repository.may_remove_backups(configuration.site):
        print(
            "the storage lets this host remove backups: whoever breaks into it can, unless the storage keeps them. "
            "docs/runbooks/backup.md#what-each-storage-can-promise"
        )
    else:
        print("the storage refused to remove a backup")
    for line in repository.promises():
        print(line)


def _forget(arguments: argparse.Namespace, configuration: Configuration, repository: Repository) -> None:
    before = len(repository.snapshots())
    repository.forget(configuration.keep)
    print(f"{len(repository.snapshots())} of {before} backups are left")


def _restore(arguments: argparse.Namespace, configuration: Configuration, repository: Repository) -> None:
    plan = restoring.plan(
        configuration,
        repository,
        arguments.backup,
        may_replace=arguments.replace,
        may_merge=arguments.merge_addresses,
        web_release=arguments.web_release,
    )
    print("\n".join(plan.lines()), flush=True)
    if not arguments.plan:
        aside = restoring.restore(configuration, repository, plan, stand_by=arguments.stand_by)
        print(f"restored; {aside} waiting messages are set aside")


def _restore_list(arguments: argparse.Namespace, configuration: Configuration, repository: Repository) -> None:
    options = {"may_replace": arguments.replace, "keep_archive": arguments.keep_archive}
    with one_list.planned(configuration, repository, arguments.list, arguments.backup, **options) as plan:
        print("\n".join(plan.lines()), flush=True)
        if not arguments.dry_run:
            one_list.restore(configuration, plan)
            print("restored; search finds the posts within minutes")


def _release(arguments: argparse.Namespace, configuration: Configuration, repository: Repository) -> None:
    print(f"{waiting.release()} messages are back in their queues")


def _gap(arguments: argparse.Namespace, configuration: Configuration, repository: Repository) -> None:
    for found in gap.find(bridge.load(bridge.CONFIGURATION), repository, Record.load().restored, fetch=arguments.fetch):
        print("\n".join(found.lines()))


def _final(arguments: argparse.Namespace, configuration: Configuration, repository: Repository) -> None:
    print(final.make(configuration, repository))


def _reopen(arguments: argparse.Namespace, configuration: Configuration, repository: Repository) -> None:
    if arguments.set_aside:
        print(f"{final.set_aside()} waiting messages are set aside in {waiting.ASIDE}")
    final.reopen()
    print("the playbook may start this site here again: ansible-playbook playbook.yml -D")


def _start(arguments: argparse.Namespace, configuration: Configuration, repository: Repository) -> None:
    final.start()


def _status(arguments: argparse.Namespace, configuration: Configuration, repository: Repository) -> None:
    restored = Record.load().restored
    known = {
        "retired": final.snapshot(),
        "restored": restored.snapshot if restored else "",
        "interrupted": restoring.MARKER.exists(),
    }
    print(json.dumps(known))

"""`listkit upgrade`: the steps from Debian 12 to 13 on this host. `playbooks/upgrade.yml` runs them in this order.

    listkit upgrade status                  print the step that was reached, and those that are left, as JSON
    listkit upgrade addresses [--merge]     show or merge addresses of accounts that differ only in case
    listkit upgrade check                   see whether anything is in the way; changes nothing
    listkit upgrade prepare                 bring Debian 12 up to date, and download Debian 13; the site runs
    listkit upgrade stop                    stop mail and the web interface
    listkit upgrade packages                replace Debian's packages
    listkit upgrade database                move the data to the next PostgreSQL; the old cluster stays
    listkit upgrade done                    record that everything works
    listkit upgrade back                    undo it, as far as that is possible

A step that was done already does nothing. Exit status: 0; 1 when it is not possible, with the ways to continue.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from listkit.common.subcommands import Subcommands
from listkit.upgrade import clusters, packages, preflight, progress, releases, services
from listkit.upgrade.errors import UpgradeError
from listkit.web.deployment import STAMP
from listkit.web.user import SubcommandFailed, run_as_web_user

LOCK = Path("/run/listkit-upgrade.lock")


def main(argv: list[str]) -> int:
    """Run one step; return the exit status."""
    arguments = _parser().parse_args(argv)
    # The connection over which Ansible runs it may break while packages are replaced.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with _alone():
            arguments.run(arguments)
    except (UpgradeError, SubcommandFailed) as error:
        print(f"{error}\n{_way_back()}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="listkit upgrade", description="Upgrade this host from Debian 12 to 13.")
    commands = Subcommands(parser, metavar="STEP")
    steps: dict[str, tuple[Callable[[argparse.Namespace], None], str]] = {
        "status": (_status, "print the step that was reached, as JSON"),
        "check": (_check, "see whether anything is in the way"),
        "prepare": (_prepare, "bring Debian 12 up to date, and download Debian 13"),
        "stop": (_stop, "stop mail and the web interface"),
        "packages": (_packages, "replace Debian's packages"),
        "database": (_database, "move the data to the next PostgreSQL"),
        "done": (_done, "record that everything works"),
        "back": (_back, "undo it, as far as that is possible"),
    }
    for name, (run, summary) in steps.items():
        commands.add_parser(name, help=summary).set_defaults(run=run)
    addresses = commands.add_parser("addresses", help="show addresses of accounts that differ only in case")
    addresses.add_argument("--merge", action="store_true", help="merge them")
    addresses.set_defaults(run=_addresses)
    return parser


@contextmanager
def _alone() -> Iterator[None]:
    """Wait for the end of a step that an interrupted playbook has left running."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _way_back() -> str:
    try:
        return progress.WAYS[progress.load()]
    except UpgradeError as error:
        return f"{error}; the log is {packages.LOG}"


def left() -> list[str]:
    """Return the steps that this host has yet to take. Raises UpgradeError."""
    step = progress.load()
    if step in (progress.NONE, progress.STOP) and releases.current() == releases.OLD.number:
        return [progress.STOP, progress.PACKAGES, progress.DATABASE]
    if step == progress.PACKAGES:
        return [progress.PACKAGES, progress.DATABASE]
    if step == progress.DATABASE:
        return [progress.DATABASE]
    return [progress.STOP, progress.DATABASE] if clusters.outdated() else []


def _status(arguments: argparse.Namespace) -> None:
    print(json.dumps({"step": progress.load(), "debian": releases.current(), "left": left()}))


def _check(arguments: argparse.Namespace) -> None:
    if progress.load() == progress.NONE and left() and (found := list(preflight.problems())):
        raise UpgradeError("\n".join(["This host can't be upgraded yet:", *(f"- {problem}" for problem in found)]))


def _addresses(arguments: argparse.Namespace) -> None:
    answer = run_as_web_user("same-addresses", *(["--merge"] if arguments.merge else []))
    print("\n".join(json.loads(answer)))


def _prepare(arguments: argparse.Namespace) -> None:
    if progress.load() == progress.NONE and progress.PACKAGES in left():
        packages.prepare()


def _stop(arguments: argparse.Namespace) -> None:
    wanted = left()
    if progress.STOP in wanted:
        on_old_release = progress.PACKAGES in wanted
        progress.save(progress.STOP if on_old_release else progress.DATABASE)
        services.stop(drain=on_old_release)


def _packages(arguments: argparse.Namespace) -> None:
    if progress.PACKAGES in left():
        progress.save(progress.PACKAGES)
        packages.replace()
        progress.save(progress.DATABASE)


def _database(arguments: argparse.Namespace) -> None:
    if progress.DATABASE in left():
        if clusters.present():
            clusters.upgrade()
        # The tables are to be set up again.
        STAMP.unlink(missing_ok=True)
        progress.save(progress.DEPLOY)


def _done(arguments: argparse.Namespace) -> None:
    if progress.load() == progress.DEPLOY:
        progress.save(progress.DONE)


def _back(arguments: argparse.Namespace) -> None:
    step = progress.load()
    if step == progress.STOP:
        progress.save(progress.NONE)
        print("The playbook may start the site again.")
    elif step in (progress.DEPLOY, progress.DONE):
        services.stop(drain=False)
        version = clusters.go_back()
        packages.remove_index()
        STAMP.unlink(missing_ok=True)
        progress.save(progress.DEPLOY)
        print(f"The data is that of the cluster of PostgreSQL {version}, as it was before the upgrade.")
    else:
        raise UpgradeError("There is nothing that this command can undo.")

"""Debian's packages, replaced by those of the next release.

What apt prints goes to a log: apt would die when a connection that reads its output breaks.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from listkit.backup.restoring import INDEX
from listkit.upgrade import sources
from listkit.upgrade.errors import UpgradeError

LOG = Path("/var/log/listkit-upgrade.log")
LOG_LINES = 12
LOCKS = (Path("/var/lib/dpkg/lock-frontend"), Path("/var/lib/dpkg/lock"))
LOCK_SECONDS = 600
MAILMAN = ("mailman3", "mailman3-web", "python3-mailman-hyperkitty")
"""Their maintainer scripts would set up the next release's tables too early, with this release's configuration."""
NEXT = Path("/var/cache/listkit-upgrade")
"""apt's sources and lists of the next release, until the host uses it."""
ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "APT_LISTCHANGES_FRONTEND": "none", "LC_ALL": "C.UTF-8"}


def prepare(directory: Path = NEXT) -> None:
    """Bring this release up to date, and download the next one's packages. Raises UpgradeError.

    Without this release's last OpenSSH, an interrupted upgrade leaves a host to which nobody can log in.
    """
    wait_for_dpkg()
    apt("update")
    apt("full-upgrade")
    shutil.rmtree(directory, ignore_errors=True)  # an earlier attempt may have left it
    sources.write_next(directory)
    lists = directory / "lists"
    lists.mkdir(parents=True)
    elsewhere = (
        f"--option=Dir::Etc::SourceList={directory}/sources.list",
        f"--option=Dir::Etc::SourceParts={directory}/sources.list.d",
        f"--option=Dir::State::Lists={lists}",
    )
    apt(*elsewhere, "update")
    apt(*elsewhere, "--download-only", "full-upgrade")
    shutil.rmtree(directory)


def replace() -> None:
    """Replace all packages, and remove Mailman's; continue an interrupted call. Raises UpgradeError."""
    wait_for_dpkg()
    sources.switch()
    # After an interruption apt asks for this. What it can't complete lacks packages, which apt brings next.
    run("dpkg", "--configure", "-a", may_fail=True)
    apt("update")
    apt("--fix-broken", "install")
    apt("remove", *MAILMAN)
    remove_index()
    # As Debian's release notes have it: first what needs no new packages, so that less is removed in between.
    apt("upgrade", "--without-new-pkgs")
    apt("full-upgrade")


def remove_index() -> None:
    """Remove the search index, which is of the old release's making; the web interface makes it again."""
    shutil.rmtree(INDEX, ignore_errors=True)  # a repeated call finds none


def apt(*words: str) -> None:
    """Run apt-get without questions. Raises UpgradeError."""
    run("apt-get", "--yes", "--quiet", f"--option=DPkg::Lock::Timeout={LOCK_SECONDS}", *words)


def run(*command: str, may_fail: bool = False) -> None:
    """Run a command, with its output in the log. Raises UpgradeError with the log's end, unless it may fail."""
    with LOG.open("ab") as log:
        log.write(f"\n# {' '.join(command)}\n".encode())
        log.flush()
        start = log.tell()
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **ENVIRONMENT}, check=False
        )
    if done.returncode and not may_fail:
        with LOG.open("rb") as log:
            log.seek(start)
            end = log.read().decode(errors="replace").strip().splitlines()[-LOG_LINES:]
        raise UpgradeError("\n".join([f"`{' '.join(command)}` failed; more is in {LOG}:", *end]))


def wait_for_dpkg(locks: Sequence[Path] = LOCKS, seconds: float = LOCK_SECONDS) -> None:
    """Wait until no other program installs packages. Raises UpgradeError when that takes too long."""
    deadline = time.monotonic() + seconds
    while held := [path for path in locks if is_locked(path)]:
        if time.monotonic() > deadline:
            raise UpgradeError(f"another program installs packages: it has held {held[0]} for {seconds:.0f} s")
        time.sleep(min(1, seconds))


def is_locked(path: Path) -> bool:
    """Return whether a process holds a lock of dpkg's."""
    with path.open("ab") as lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False

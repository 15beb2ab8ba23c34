"""The files that a backup copies and that a restore puts back. In a backup they have their paths below `FILES`."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Collection, Iterable
from pathlib import Path

from listkit.backup.errors import BackupError

FILES = "files"
COPY_SECONDS = 60
"""Mail is paused meanwhile."""

MAILMAN = Path("/var/lib/mailman3")
QUEUES = MAILMAN / "queue"
MESSAGES = MAILMAN / "messages"
"""Held messages."""
POSTFIX = Path("/var/spool/postfix")
SECRETS = Path("/etc/listkit/secrets")

STATE = (
    *(MAILMAN / name for name in ("archives", "data", "ext", "lists", "messages", "queue", "templates")),
    *(Path("/var/lib/listkit") / name for name in ("acme", "budget", "certificate", "lists", "report", "templates")),
    # What systemd shows as /var/lib/listkit-bridge is a link to it.
    Path("/var/lib/private/listkit-bridge"),
)
"""A restore puts these back. Not the search index: the web interface makes it again."""
ALWAYS = (MAILMAN / "data", Path("/var/lib/listkit/budget"), Path("/var/lib/private/listkit-bridge"), SECRETS)
"""What every deployed site has."""
OUTGOING = tuple(POSTFIX / name for name in ("active", "deferred", "hold", "incoming", "maildrop"))
"""Postfix's queue."""
CONFIGURATION = tuple(
    Path("/etc") / name for name in ("listkit", "mailman3", "nginx", "postfix", "postgresql", "systemd/system")
)
"""For reading: the playbook writes them. Only secrets that the host made itself are put back."""

FROM_PLAYBOOK = ("archiver_key", "backup_*", "database_*", "mail_passwords", "rest_password", "trace_key", "tunnel_*")
"""Secrets that the playbook writes, or has given to another host before a restore."""
WAITING = (
    *OUTGOING,
    *(QUEUES / name for name in ("bounces", "command", "digest", "in", "out", "pipeline", "retry", "virgin")),
)
"""Mail that would have left within minutes. Without `archive`: HyperKitty ignores a post that it has already."""


def copy(paths: Iterable[Path], target: Path, root: Path = Path("/")) -> None:
    """Copy what exists of `paths` below `root` to their paths below `target`. Raises BackupError."""
    found = [path.relative_to("/") for path in paths if (root / path.relative_to("/")).exists()]
    target.mkdir(parents=True, exist_ok=True)
    if found:
        # One process for all: mail is paused meanwhile.
        _cp(["--archive", "--parents", f"--target-directory={target}", *map(str, found)], root)


def put_back(source: Path, paths: Iterable[Path], root: Path = Path("/")) -> None:
    """Replace each of `paths` below `root` by its copy below `source`; without a copy it becomes missing."""
    for path in paths:
        copied, target = source / path.relative_to("/"), root / path.relative_to("/")
        if target.exists():
            shutil.rmtree(target)
        if copied.exists():
            # With its parents, which a fresh host lacks: one of them is closed to others.
            _cp(["--archive", "--parents", f"--target-directory={root}", str(path.relative_to("/"))], source)


def put_back_secrets(source: Path, root: Path = Path("/")) -> list[str]:
    """Put the secrets back that the host made itself; return their names."""
    directory = SECRETS.relative_to("/")
    copied = source / directory
    secrets = sorted(copied.iterdir()) if copied.exists() else []
    own = [secret for secret in secrets if not any(secret.match(pattern) for pattern in FROM_PLAYBOOK)]
    (root / directory).mkdir(parents=True, exist_ok=True)
    # The playbook made it for its own secrets, and closes it only when the host makes one.
    (root / directory).chmod(0o700)
    for secret in own:
        _cp(["--archive", str(secret), str(root / directory / secret.name)], root)
    return [secret.name for secret in own]


def set_aside(source: Path, directories: Collection[Path], target: Path) -> int:
    """Move the files in these directories of a copy to their paths below `target`; return how many they are.

    The directories stay, empty.
    """
    moved = 0
    for directory in directories:
        copied = source / directory.relative_to("/")
        for path in sorted(copied.rglob("*")):
            if path.is_file():
                destination = target / path.relative_to(source)
                destination.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.rename(destination)
                moved += 1
    return moved


def size(directory: Path) -> int:
    """Return the bytes that the files below a directory hold."""
    return sum(path.lstat().st_size for path in directory.rglob("*") if path.is_file())


def _cp(arguments: list[str], directory: Path) -> None:
    try:
        answer = subprocess.run(
            ["cp", *arguments], cwd=directory, capture_output=True, text=True, timeout=COPY_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BackupError(f"copying the files took longer than {COPY_SECONDS} s") from error
    if answer.returncode:
        raise BackupError(f"copying the files failed: {answer.stderr.strip().splitlines()[0]}")

"""Mail that waited at the moment of a backup and that a restore has set aside: counted, and let go."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from listkit.backup import files
from listkit.backup.configuration import STATE
from listkit.backup.errors import BackupError

ASIDE = STATE / "set-aside"
HOLD = files.POSTFIX / "hold"


def count(aside: Path = ASIDE) -> int:
    """Return how many messages are set aside."""
    # `rglob` would find nothing, and say nothing, without permission.
    return sum(len(names) for _, _, names in os.walk(aside, onerror=_unless_missing))


def _unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def release() -> int:
    """Put all messages back where they waited, those of Postfix's queue on hold for the budget; return their number.

    Raises BackupError.
    """
    found = [path for path in sorted(ASIDE.rglob("*")) if path.is_file()]
    for path in found:
        # Below the backup's name.
        original = Path("/", *path.relative_to(ASIDE).parts[1:])
        target = HOLD / path.name if original.is_relative_to(files.POSTFIX) else original
        shutil.chown(path, *_owner(target.parent))
        path.rename(_free(target))
    if any(HOLD.iterdir()):
        _repair_queue()
    shutil.rmtree(ASIDE, ignore_errors=True)  # nothing may have been set aside
    return len(found)


def _owner(directory: Path) -> tuple[int, int]:
    found = directory.stat()
    return found.st_uid, found.st_gid


def _free(target: Path) -> Path:
    if target.exists():
        raise BackupError(f"{target} exists already")
    return target


def _repair_queue() -> None:
    """Have Postfix name the messages after their new inodes."""
    answer = subprocess.run(["postsuper", "-s"], capture_output=True, text=True, check=False)
    if answer.returncode:
        raise BackupError(f"postsuper -s: {answer.stderr.strip()}")

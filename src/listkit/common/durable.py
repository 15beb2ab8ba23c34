"""Files that change as a whole: a reader, a crash or a power cut finds the old content or the new, never a part."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def replace_file(path: Path, content: str | bytes, mode: int = 0o644, group: str | None = None) -> None:
    """Replace `path` by a file with `content` and `mode`. A power cut may still lose the new content.

    group: the name of the file's group; by default the caller's.
    """
    _write(path, content, mode, group, durable=False)


def write_durably(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Replace `path` by a file with `content` and `mode`, which is on the disk on return."""
    _write(path, content, mode, None, durable=True)
    sync_directory(path.parent)


def append_durably(path: Path, content: bytes) -> None:
    """Append `content` to `path`, making the file if there is none; on return it is on the disk."""
    with path.open("ab") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def sync_directory(path: Path) -> None:
    """Make the names in the directory `path` durable, as they are now."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(path: Path, content: str | bytes, mode: int, group: str | None, *, durable: bool) -> None:
    temporary = path.with_name(f".{path.name}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(temporary, flags, 0o600), "wb") as out:
        # Before the content, which may be a secret.
        if group is not None:
            shutil.chown(out.fileno(), group=group)
        os.fchmod(out.fileno(), mode)
        out.write(content.encode() if isinstance(content, str) else content)
        out.flush()
        if durable:
            os.fsync(out.fileno())
    temporary.replace(path)

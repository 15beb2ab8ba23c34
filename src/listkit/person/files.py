"""Files that name a person: logs that can be changed, and the search for what is left on the host."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from listkit.common.durable import replace_file
from listkit.person.redaction import Redactor

LOGS = Path("/var/log")
JOURNAL = LOGS / "journal"
ELSEWHERE = tuple(map(Path, ("/etc", "/home", "/root", "/srv", "/tmp", "/var")))  # noqa: S108 -- it is searched
OF_OTHER_PARTS = tuple(
    map(
        Path,
        (
            "/var/lib/listkit",
            "/var/lib/mailman3",
            "/var/lib/nginx",
            "/var/lib/postgresql",
            "/var/lib/private/listkit-bridge",
            "/var/log",
            "/var/spool/postfix",
        ),
    )
)
"""Searched, and erased, by the parts to which they belong."""
OF_DEBIAN = tuple(map(Path, ("/var/cache", "/var/lib/apt", "/var/lib/dpkg")))
BLOCK_OCTETS = 4 * 1_048_576
_OVERLAP_OCTETS = 1024
"""Longer than any address or name."""


def naming(redactor: Redactor, *directories: Path, leave_out: Iterable[Path] = ()) -> Iterator[Path]:
    """Yield the files below the directories that name the person, also compressed ones."""
    excluded = set(leave_out)
    for directory in directories:
        for path in _files(directory, excluded):
            if _names(redactor, path):
                yield path


def fill_over(redactor: Redactor, path: Path) -> None:
    """Fill the person over in a log. A program that appends to it isn't disturbed: nothing changes its place."""
    status = path.stat()
    if path.suffix == ".gz":
        content = redactor.octets(gzip.decompress(path.read_bytes()))
        replace_file(path, gzip.compress(content, mtime=int(status.st_mtime)), status.st_mode & 0o777)
        os.chown(path, status.st_uid, status.st_gid)
    else:
        with path.open("r+b") as file:
            for offset, block in _blocks(path):
                filled = redactor.octets(block)
                if filled != block:
                    file.seek(offset)
                    file.write(filled)
    os.utime(path, (status.st_atime, status.st_mtime))


def _files(directory: Path, excluded: set[Path]) -> Iterator[Path]:
    for folder, subfolders, names in os.walk(directory):
        here = Path(folder)
        subfolders[:] = [name for name in subfolders if here / name not in excluded]
        for name in names:
            path = here / name
            if path.is_file() and not path.is_symlink():
                yield path


def _names(redactor: Redactor, path: Path) -> bool:
    try:
        return any(redactor.is_in_octets(block) for _, block in _blocks(path))
    except (FileNotFoundError, EOFError, zlib.error, gzip.BadGzipFile):
        return False  # it is gone, or isn't what its name says


def _blocks(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield overlapping pieces of a file's content, each with its offset: a file may be larger than the memory."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        offset = 0
        while block := file.read(BLOCK_OCTETS):
            yield offset, block
            if len(block) < BLOCK_OCTETS:
                return
            offset += BLOCK_OCTETS - _OVERLAP_OCTETS
            file.seek(offset)

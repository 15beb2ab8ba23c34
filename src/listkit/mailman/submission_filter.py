"""What the provider's filter would refuse to take from us, known before it costs anything.

Reads `/etc/listkit/submission-filter.json`, which the role `relay` writes:

    {"forbidden_extensions": ["exe", "scr"], "message_size_limit": 52428800}
"""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from email.message import Message
from pathlib import Path, PurePosixPath

CONFIGURATION = Path("/etc/listkit/submission-filter.json")
# What Mailman adds to a message on its way out: headers, header and footer of the list.
HEADROOM_BYTES = 64 * 1024
# An archive in an archive in an archive is read; deeper, or unpacked larger, it says nothing good about itself.
DEEPEST = 3
LARGEST_INNER_BYTES = 64 * 1024 * 1024


class Unreadable(Exception):
    """An archive that can't be looked into any further."""


def configuration(path: Path = CONFIGURATION) -> dict:
    """What is forbidden here; nothing where the file isn't there."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"forbidden_extensions": [], "message_size_limit": 0}


def objections(message: Message, size: int, rules: dict) -> list[str]:
    """Why the provider wouldn't take the message of `size` bytes, in the poster's words; empty if it would."""
    found = []
    limit = rules["message_size_limit"]
    if limit and size + HEADROOM_BYTES > limit:
        found.append(
            f"The message has {_megabytes(size)} MB; at most {_megabytes(limit - HEADROOM_BYTES)} MB can be sent. "
            "Put large files on a server and send a link to them."
        )
    found += [
        f"The attachment {_quoted(path)} is of a kind (.{_extension(path[-1])}) that mail services refuse. "
        "Send a link to it, or another kind of file."
        for path in forbidden_files(message, rules["forbidden_extensions"])
    ]
    return found


def forbidden_files(message: Message, extensions: Iterable[str]) -> Iterator[list[str]]:
    """The files with such an extension: attached, or inside attached archives. Each as the path of names to it."""
    forbidden = {extension.lower().lstrip(".") for extension in extensions}
    for part in message.walk():
        name = part.get_filename()
        if name is None:
            continue
        for path in _names([name], part.get_payload(decode=True) or b"", 0):
            if _extension(path[-1]) in forbidden:
                yield path


def _extension(name: str) -> str:
    """The extension in small letters. Windows drops dots and spaces at the end of a name, and so do we."""
    return PurePosixPath(name.rstrip(". ")).suffix.lower().lstrip(".")


def _names(path: list[str], content: bytes, depth: int) -> Iterator[list[str]]:
    """The path itself, and the paths of all that is in it if it is an archive."""
    yield path
    if depth == DEEPEST:
        return
    try:
        for name, inner in _members(content):
            yield from _names([*path, name], inner, depth + 1)
    except Unreadable:
        # Damaged or encrypted in whole: what the provider can't read either is the poster's business.
        return


def _members(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file in an archive; nothing when `content` is none."""
    stream = io.BytesIO(content)
    try:
        if zipfile.is_zipfile(stream):
            with zipfile.ZipFile(stream) as archive:
                for entry in archive.infolist():
                    yield entry.filename, _inner_zip(archive, entry)
        elif content[:2] == b"\x1f\x8b" or content[257:262] == b"ustar":
            stream.seek(0)
            with tarfile.open(fileobj=stream) as archive:
                for entry in archive:
                    inner = archive.extractfile(entry) if entry.isfile() and entry.size <= LARGEST_INNER_BYTES else None
                    yield entry.name, inner.read() if inner else b""
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, zlib.error, ValueError) as error:
        raise Unreadable(str(error)) from error


def _inner_zip(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """The content of a member that is an archive itself; of others and of encrypted ones the name is enough."""
    encrypted = entry.flag_bits & 1
    is_archive = _extension(entry.filename) in ("zip", "tar", "gz", "tgz")
    if encrypted or not is_archive or entry.file_size > LARGEST_INNER_BYTES:
        return b""
    try:
        return archive.read(entry)
    except (NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise Unreadable(str(error)) from error


def withhold_content(message: Message) -> None:
    """Leave only the headers: the notice to the poster has the message in it, and must itself be sendable."""
    for name in ("Content-Transfer-Encoding", "Content-Disposition"):
        del message[name]
    message.del_param("boundary")
    message.set_type("text/plain")
    message.set_payload("The content of the message has been left out.\n", "utf-8")


def _megabytes(size: int) -> str:
    return f"{size / 1024**2:.1f}"


def _quoted(path: list[str]) -> str:
    return " in ".join(f'"{name}"' for name in reversed(path))

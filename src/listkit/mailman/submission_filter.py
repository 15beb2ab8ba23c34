"""Posts that the provider's filter would refuse, recognised before they are sent."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from pathlib import PurePosixPath
from typing import IO

from listkit.common.submission_rules import MOST_HOPS, SubmissionRules

# Room for additions by Mailman: headers, header and footer of the list.
HEADROOM_BYTES = 64 * 1024
# Levels of archives in archives that are read. Only an attack is deeper, or larger when unpacked.
DEEPEST = 3
LARGEST_UNPACKED_BYTES = 64 * 1024 * 1024


UNREADABLE = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error,
    EOFError, OSError, ValueError, RuntimeError,
)  # fmt: skip
"""Exceptions of the standard library for an archive that is damaged, encrypted or of a newer kind."""


class Unreadable(Exception):
    """An archive that can't be unpacked any further."""


class Allowance:
    """The bytes that may still be unpacked for one message, whose parts share them: a bomb can be split."""

    def __init__(self, size: int) -> None:
        self._left = size

    def unpack(self, stream: IO[bytes] | gzip.GzipFile) -> bytes:
        """Return the content of `stream`, cut off at the bytes that are left."""
        content = stream.read(self._left)
        self._left -= len(content)
        return content


def objections(message: Message, size: int, rules: SubmissionRules) -> list[str]:
    """Return why the provider would refuse the message of `size` bytes, in words for its author; none if it accepts."""
    found = []
    limit = rules.message_size_limit
    if limit and size + HEADROOM_BYTES > limit:
        found.append(
            f"The message has {_megabytes(size)} MB; at most {_megabytes(limit - HEADROOM_BYTES)} MB can be sent. "
            "Put large files on a server and send a link to them."
        )
    hops = len(message.get_all("received", []))
    if hops > MOST_HOPS:
        found.append(f"The message has passed {hops} mail servers, of at most {MOST_HOPS}: it seems to go in circles.")
    found += [
        f"The attachment {_quoted(path)} is of a kind (.{_extension(path[-1])}) that mail services refuse. "
        "Send a link to it, or another kind of file."
        for path in forbidden_files(message, rules.forbidden_extensions)
    ]
    return found


def forbidden_files(message: Message, extensions: Iterable[str]) -> Iterator[list[str]]:
    """The files with such an extension: attached, or inside attached archives. Each as the path of names to it."""
    forbidden = {extension.lower().lstrip(".") for extension in extensions}
    allowance = Allowance(LARGEST_UNPACKED_BYTES)
    for part in message.walk():
        name = part.get_filename()
        if name is None:
            continue
        content = part.get_payload(decode=True)
        for path in _names([_decoded(name)], content if isinstance(content, bytes) else b"", 0, allowance):
            if _extension(path[-1]) in forbidden:
                yield path


def _decoded(name: str) -> str:
    """The name as mail programs show it: many of them write it as only a header's words may be written (RFC 2047)."""
    try:
        return str(make_header(decode_header(name)))
    except (HeaderParseError, LookupError, ValueError):
        return name


def _extension(name: str) -> str:
    """The extension in small letters. Windows drops dots and spaces at the end of a name, and so do we."""
    return PurePosixPath(name.rstrip(". ")).suffix.lower().lstrip(".")


def _names(path: list[str], content: bytes, depth: int, allowance: Allowance) -> Iterator[list[str]]:
    """The path itself, and the paths of all that is in it if it is an archive."""
    yield path
    if depth == DEEPEST:
        return
    try:
        for name, inner in _members(content, allowance):
            yield from _names([*path, name], inner, depth + 1, allowance)
    except Unreadable:
        # Damaged or encrypted in whole: what the provider can't read either is the poster's business.
        return


def _members(content: bytes, allowance: Allowance) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file in an archive; nothing when `content` is none."""
    stream = io.BytesIO(content)
    try:
        if zipfile.is_zipfile(stream):
            with zipfile.ZipFile(stream) as archive:
                for entry in archive.infolist():
                    yield entry.filename, _inner_zip(archive, entry, allowance)
            return
        if content[:2] == b"\x1f\x8b":
            # tarfile would unpack all of it to find the last name, however little of it is read.
            stream = io.BytesIO(allowance.unpack(gzip.GzipFile(fileobj=io.BytesIO(content))))
        if bytes(stream.getbuffer()[257:262]) == b"ustar":
            stream.seek(0)
            with tarfile.open(fileobj=stream, mode="r:") as tar:
                for member in tar:
                    # The holes of a sparse file would be unpacked, too.
                    inner = tar.extractfile(member) if member.isfile() and not member.issparse() else None
                    yield member.name, inner.read() if inner else b""
    except UNREADABLE as error:
        raise Unreadable(str(error)) from error


def _inner_zip(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, allowance: Allowance) -> bytes:
    """The content of a member that is an archive itself; of others, and of unreadable ones, the name is enough."""
    encrypted = entry.flag_bits & 1
    is_archive = _extension(entry.filename) in ("zip", "tar", "gz", "tgz")
    if encrypted or not is_archive:
        return b""
    try:
        with archive.open(entry) as member:
            return allowance.unpack(member)
    except UNREADABLE:
        return b""


def withhold_content(message: Message, reasons: Iterable[str] = ()) -> None:
    """Leave the headers only, and `reasons`: the notice that contains the message must itself be sendable."""
    for name in ("Content-Transfer-Encoding", "Content-Disposition", "Received"):
        del message[name]
    message.del_param("boundary")
    message.set_type("text/plain")
    message.set_payload("\n".join(["The content of the message has been left out.", *reasons, ""]), "utf-8")


def _megabytes(size: int) -> str:
    return f"{size / 1024**2:.1f}"


def _quoted(path: list[str]) -> str:
    return " in ".join(f'"{name}"' for name in reversed(path))

"""Compressed and packed files, read without unpacking them to disk.

gzip, bzip2, xz, lzma, zstd, zip and tar; also a file in UTF-16, whose only member is the same text in UTF-8.
"""

from __future__ import annotations

import bz2
import codecs
import contextlib
import gzip
import io
import lzma
import shutil
import subprocess
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

# zipfile raises the last two for encrypted members and unknown compressions.
UNREADABLE = (
    OSError, EOFError, lzma.LZMAError, zlib.error, zipfile.BadZipFile, tarfile.TarError, NotImplementedError,
    RuntimeError,
)  # fmt: skip
_TAR_MAGIC = slice(257, 262)

Members = Iterator[tuple[str, Callable[[], IO[bytes]]]]
"""The name of each member, empty where there is only one, and what opens it."""
Opened = AbstractContextManager[Members]


def opener(beginning: bytes) -> Callable[[IO[bytes]], Opened] | None:
    """Return what opens a compressed or packed file that begins so, or None; reading it may raise `UNREADABLE`."""
    magics = {
        b"\x1f\x8b": _single(_gunzip),
        b"BZh": _single(bz2.BZ2File),
        b"\xfd7zXZ\x00": _single(lzma.LZMAFile),
        b"]\x00\x00": _single(lzma.LZMAFile),
        b"\x28\xb5\x2f\xfd": _zstd,
        b"PK\x03\x04": _zip,
        b"PK\x05\x06": _zip,
        codecs.BOM_UTF16_LE: _single(partial(_Utf8, "utf-16")),
        codecs.BOM_UTF16_BE: _single(partial(_Utf8, "utf-16")),
        b"F\0r\0o\0m\0": _single(partial(_Utf8, "utf-16-le")),
        b"\0F\0r\0o\0m": _single(partial(_Utf8, "utf-16-be")),
    }
    if beginning[_TAR_MAGIC] == b"ustar":
        return _tar
    return next((opened for magic, opened in magics.items() if beginning.startswith(magic)), None)


def _single(decompressor: Callable[[Any], Any]) -> Callable[[IO[bytes]], Opened]:
    @contextmanager
    def opened(stream: IO[bytes]) -> Iterator[Members]:
        with closing(decompressor(stream)) as file:
            yield iter([("", lambda: file)])

    return opened


def _gunzip(stream: IO[bytes]) -> gzip.GzipFile:
    return gzip.GzipFile(fileobj=stream)


@contextmanager
def _zstd(stream: IO[bytes]) -> Iterator[Members]:
    """Python has no zstd before 3.14: the program `zstd` reads what `stream` has."""
    program = shutil.which("zstd")
    if not program:
        raise OSError("it is compressed with zstd, and the program zstd is missing; run: apt-get install zstd")
    with subprocess.Popen([program, "-dcq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdin is None or process.stdout is None:
            raise OSError("zstd has no pipes")
        feeder = threading.Thread(target=_feed, args=(stream, process.stdin), daemon=True)
        feeder.start()
        unpacked = process.stdout
        yield iter([("", lambda: unpacked)])
        # A reader that stopped early must not leave the feeder with a full pipe.
        process.stdout.close()
        feeder.join()
        if process.wait() > 0:
            raise EOFError


def _feed(stream: IO[bytes], pipe: IO[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError), pipe:
        shutil.copyfileobj(stream, pipe)


@contextmanager
def _zip(stream: IO[bytes]) -> Iterator[Members]:
    with zipfile.ZipFile(stream) as archive:
        names = sorted(info.filename for info in archive.infolist() if not info.is_dir())
        yield ((name, partial(archive.open, name)) for name in names)


@contextmanager
def _tar(stream: IO[bytes]) -> Iterator[Members]:
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        yield ((info.name, partial(_extracted, archive, info)) for info in archive if info.isfile())


def _extracted(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(info)
    if file is None:
        raise OSError("it is not a regular file")
    return file


class _Utf8(io.RawIOBase):
    """A file of another encoding, as UTF-8; editors on Windows save mailboxes as UTF-16."""

    def __init__(self, encoding: str, stream: IO[bytes]) -> None:
        self._stream, self._ready = stream, b""
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fill the buffer; return how many octets there were."""
        view = memoryview(buffer)
        while not self._ready and (octets := self._stream.read(len(view))):
            self._ready = self._decoder.decode(octets).encode("utf-8", "replace")
        count = min(len(view), len(self._ready))
        view[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

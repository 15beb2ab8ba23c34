"""Read the messages of a file or directory of any form and compression.

Forms: an mbox, one message, a directory of messages or mboxes, a Maildir, Mailman 2's `archives/private/`, a zip or tar
file of any of these. Files may be compressed with gzip, bzip2, xz, lzma or zstd, or be UTF-16; they are never unpacked
to disk. The contents of a file decide what it is; its name only decides whether a file that isn't mail is reported.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from listkit.archive import containers, mbox
from listkit.archive.mbox import Message

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

_BEGINNING_OCTETS = 65_536
_DEEPEST_COMPRESSION = 4
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October")
MONTHS = (*_MONTHS, "November", "December")
_PIPERMAIL_MONTH = re.compile(rf"(\d{{4}})-({'|'.join(MONTHS)})\.txt(?:\.gz)?")
_ONE_MESSAGE = re.compile(r".*\.eml|(?:.*/)?(?:cur|new)/[^/]*")
# Files that mail programs, Mailman 2 and operating systems keep beside messages.
_BESIDE_MAIL = re.compile(
    r"\..*|dovecot.*|courier.*|subscriptions|maildir(?:size|folder)|Thumbs\.db|desktop\.ini|msgFilterRules\.dat"
    r"|.*\.(?:html?|css|js|png|gif|jpe?g|msf|db|dir|pag|lock|ptl|pck|idx|index|log)",
    re.IGNORECASE,
)
_BLANKS = b" \t\r\n\0\xef\xbb\xbf"


class SourceError(Exception):
    """A file isn't mail, or can't be read to its end; the text names it and says why."""


class EmptyFile(SourceError):
    """A file has no contents."""


Found = tuple[str, Message | SourceError]
"""The name of a file, and a message in it or why there are no (further) ones."""


@dataclass
class Source:
    """A file that may hold messages.

    is_named: the operator named it; it isn't just a file in a directory. octets_read: how far it was read.
    """

    path: Path
    name: str
    is_named: bool = False
    octets_read: int = field(default=0, compare=False)

    @property
    def octets(self) -> int:
        """The size of the file."""
        return self.path.stat().st_size

    def messages(self) -> Iterator[Found]:
        """Yield each message with the name of the file that it is in, and each problem with a file."""
        try:
            with self.path.open("rb", buffering=0) as file:
                stream: io.BufferedReader = io.BufferedReader(_Counted(file, self), _BEGINNING_OCTETS)
                yield from _messages(stream, self.name, 0, is_wanted=self.is_named)
        except containers.UNREADABLE as error:
            yield self.name, _unreadable(self.name, error)


def _unreadable(name: str, error: Exception) -> SourceError:
    return SourceError(f"{name} can't be read to its end: {_reason(error)}")


def _reason(error: Exception) -> str:
    return "its end is missing" if isinstance(error, EOFError) else getattr(error, "strerror", None) or str(error)


class _Counted(io.RawIOBase):
    """A file that records how far it was read."""

    def __init__(self, file: io.FileIO, source: Source) -> None:
        self._file, self._source = file, source

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is: the directory of a zip file is at its end."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place in the file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place in the file."""
        return self._file.tell()

    def readinto(self, buffer: Buffer) -> int | None:
        """Fill the buffer; return how many octets there were."""
        count = self._file.readinto(buffer)
        self._source.octets_read = self._file.tell()
        return count


def find(path: Path, list_name: str = "") -> list[Source]:
    """Return the files below `path` that may hold messages, in order.

    list_name: of a Mailman 2 tree, which list's files; such as "members". Raises SourceError.
    """
    if path.is_file():
        return [Source(path, path.name, is_named=True)]
    if not path.is_dir():
        raise SourceError(f"{path} doesn't exist" if not path.exists() else f"{path} is neither a file nor a directory")
    trees = {name.lower(): files for name, files in mailman2_lists(path).items()}
    files = trees.get(list_name.lower(), []) if trees else sorted(_files(path))
    if not files:
        reason = f"has no archive of {list_name}; it has {', '.join(sorted(trees))}" if trees else "holds no messages"
        raise SourceError(f"{path} {reason}")
    return [Source(file, str(file.relative_to(path))) for file in files]


def mailman2_lists(path: Path) -> dict[str, list[Path]]:
    """Return the files of each list in a Mailman 2 tree (`archives/private/`, or what is below it for one list).

    A list's messages are in `LIST.mbox/LIST.mbox`; where that is missing, the months of `LIST/` have them.
    """
    boxes = {box.name.removesuffix(".mbox"): box / box.name for box in sorted(path.glob("*.mbox/"))}
    lists = {name: [file] for name, file in boxes.items() if file.is_file()}
    for directory in sorted(path.glob("*/")):
        if directory.name not in lists and (months := _pipermail_months(directory)):
            lists[directory.name] = months
    return lists


def _pipermail_months(directory: Path) -> list[Path]:
    months: dict[tuple[int, int], Path] = {}
    for file in sorted(directory.iterdir()):
        if found := _PIPERMAIL_MONTH.fullmatch(file.name):
            # The compressed form sorts later; one of the two is enough.
            months.setdefault((int(found[1]), MONTHS.index(found[2])), file)
    return [months[month] for month in sorted(months)]


def _files(path: Path) -> Iterator[Path]:
    is_maildir = (path / "cur").is_dir() and (path / "new").is_dir()
    for entry in path.iterdir():
        if entry.is_dir():
            # A link may lead to a directory above it. `tmp` has messages that were never delivered whole.
            if not entry.is_symlink() and not (is_maildir and entry.name == "tmp"):
                yield from _files(entry)
        elif entry.is_file() and not is_maildir:
            yield entry


def _messages(stream: io.BufferedReader, name: str, depth: int, *, is_wanted: bool) -> Iterator[Found]:
    """Yield what is in `stream`, whose buffer has at least `_BEGINNING_OCTETS` of it, or all.

    is_wanted: report it when it isn't mail, whatever its name.
    """
    beginning = stream.peek()
    is_beside_mail = not is_wanted and _BESIDE_MAIL.fullmatch(Path(name).name)
    if (opened := containers.opener(beginning)) and depth < _DEEPEST_COMPRESSION and not is_beside_mail:
        yield from _members(opened, stream, name, depth)
    elif is_beside_mail and not beginning.startswith(b"From ") and not mbox.begins_message(beginning):
        return
    elif not beginning.strip(_BLANKS):
        yield name, EmptyFile(f"{name} is empty")
    elif mbox.begins_mbox(beginning) and not (_ONE_MESSAGE.fullmatch(name) and mbox.begins_message(beginning)):
        yield from ((name, message) for message in mbox.messages(stream))
    elif mbox.begins_message(beginning):
        octets = stream.read(mbox.LARGEST_MESSAGE)
        yield name, Message(mbox.unix_lines(octets), is_cut=bool(stream.read(1)))
    else:
        start = repr(beginning.lstrip().splitlines()[0][:40])[2:-1]
        yield name, SourceError(f"{name} is neither a mailbox nor a message; it begins with: {start}")


def _members(
    opened: Callable[[IO[bytes]], containers.Opened], stream: io.BufferedReader, name: str, depth: int
) -> Iterator[Found]:
    """Yield what is in the members of a compressed or packed file."""
    is_empty = True
    with opened(stream) as members:
        for member, read in members:
            inner = f"{name}/{member}" if member else name
            try:
                for found in _messages(_buffered(read()), inner, depth + 1, is_wanted=not member):
                    is_empty = False
                    yield found
            except containers.UNREADABLE as error:
                # Those after it may still be readable.
                is_empty = False
                yield inner, _unreadable(inner, error)
    if is_empty:
        yield name, SourceError(f"{name} holds no messages")


class _Rewound(io.RawIOBase):
    """A stream whose first octets were read already. `failure`: why no more can be read."""

    def __init__(self, beginning: bytes, stream: IO[bytes], failure: Exception | None) -> None:
        self._beginning, self._stream, self._failure = beginning, stream, failure

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fill the buffer; return how many octets there were. Whatever is wrong with the stream is an OSError."""
        view = memoryview(buffer)
        data = self._beginning[: len(view)]
        self._beginning = self._beginning[len(view) :]
        if not data:
            if self._failure:
                raise OSError(_reason(self._failure)) from self._failure
            try:
                data = _some(self._stream, len(view))
            except containers.UNREADABLE as error:
                raise OSError(_reason(error)) from error
        view[: len(data)] = data
        return len(data)


def _buffered(stream: IO[bytes]) -> io.BufferedReader:
    """Return a reader that has the beginning in its buffer, also of a file that is damaged soon after it."""
    beginning, failure = b"", None
    try:
        while len(beginning) < _BEGINNING_OCTETS and (chunk := _some(stream, _BEGINNING_OCTETS - len(beginning))):
            beginning += chunk
    except containers.UNREADABLE as error:
        failure = error
    buffered: io.BufferedReader = io.BufferedReader(_Rewound(beginning, stream, failure), _BEGINNING_OCTETS)
    buffered.peek()
    return buffered


def _some(stream: Any, octets: int) -> bytes:
    """Read what can be had at once: `read` drops what it has when the rest can't be read."""
    return (stream.read1 if hasattr(stream, "read1") else stream.read)(octets)

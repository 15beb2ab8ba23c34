"""A mailbox of each kind that an operator may have, and how many messages and posts should come of it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SEPARATOR = b"From ana@example.org Mon Mar  2 10:00:00 2015\n"
DATE = b"Mon, 2 Mar 2015 10:00:00 +0000"
RIGHT_LENGTH = b"quoted:\n\n" + SEPARATOR + b"From: bo@example.org\nSubject: old\n\nend\n"


@dataclass(frozen=True)
class Kind:
    """A file. messages: how many are in it; posts: how many of these come into the archive."""

    name: str
    octets: bytes
    messages: int
    posts: int
    is_readable: bool = True


def message(
    kind: str,
    number: int,
    body: bytes | None = None,
    *,
    author: bytes = b"Ana <ana@example.org>",
    date: bytes = DATE,
    subject: bytes = b"",
    more: bytes = b"",
) -> bytes:
    """Return a message whose Message-ID and subject name its kind."""
    name = kind.encode()
    text = body if body is not None else b"Text %d of %s.\n" % (number, name)
    return (
        b"From: %s\nDate: %s\nMessage-ID: <%s.%d@made.test>\n" % (author, date, name, number)
        + more
        + b"Subject: %s\n\n" % (subject or b"%s %d" % (name, number))
        + text
    )


def box(*messages: bytes, separator: bytes = SEPARATOR) -> bytes:
    """Return an mbox."""
    return b"".join(separator + one + b"\n" for one in messages)


def zipped(**members: bytes) -> bytes:
    """Return a zip file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, octets in members.items():
            archive.writestr(name, octets)
    return file.getvalue()


def kinds() -> Iterator[Kind]:
    """Yield a file of each kind."""
    yield from _packed()
    yield from _encoded()
    yield from _separated()
    yield from _measured()
    yield from _with_from_lines()
    yield from _dated()
    yield from _identified()
    yield from _strange()


def _two(kind: str, **more: bytes) -> list[bytes]:
    return [message(kind, number, **more) for number in (1, 2)]


def _packed() -> Iterator[Kind]:
    for name, compress in (("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)):
        yield Kind(f"packed.mbox.{name}", compress(box(*_two(name))), 2, 2)
    yield Kind("packed.mbox.lzma", lzma.compress(box(*_two("lzma")), lzma.FORMAT_ALONE), 2, 2)
    members = {
        "2015/March.mbox": box(*_two("zip")),
        "2015/April.txt.gz": gzip.compress(box(message("zip", 3))),
        "one.eml": message("zip", 4),
        "__MACOSX/._one.eml": b"\0\5\x16\7",
        "index.html": b"<html></html>",
    }
    yield Kind("several.zip", zipped(**members), 4, 4)
    yield Kind("nothing.zip", zipped(), 0, 0, is_readable=False)
    yield Kind("truncated.mbox.gz", gzip.compress(box(*_two("truncated")))[:-8], 1, 1, is_readable=False)


def _encoded() -> Iterator[Kind]:
    plain = [box(*_two(name)) for name in ("bom", "cr", "crlf", "crcrlf", "utf16", "open", "mac-eml")]
    yield Kind("bom.mbox", b"\xef\xbb\xbf" + plain[0], 2, 2)
    yield Kind("cr.mbox", plain[1].replace(b"\n", b"\r"), 2, 2)
    yield Kind("crlf.mbox", plain[2].replace(b"\n", b"\r\n"), 2, 2)
    yield Kind("crcrlf.mbox", plain[3].replace(b"\n", b"\r\r\n"), 2, 2)
    yield Kind("utf16.mbox", plain[4].decode().encode("utf-16"), 2, 2)
    yield Kind("without-a-final-line-end.mbox", plain[5].rstrip(b"\n"), 2, 2)
    yield Kind("mac.eml", message("mac-eml", 1).replace(b"\n", b"\r"), 1, 1)
    yield Kind("with-a-separator.eml", SEPARATOR + message("eml-separator", 1), 1, 1)
    yield Kind("page.html", b"<!DOCTYPE html>\n<p>From now on\n", 0, 0, is_readable=False)
    yield Kind("notes.txt", b"Buy plums.\n", 0, 0, is_readable=False)
    yield Kind("nothing.mbox", b"", 0, 0, is_readable=False)


def _separated() -> Iterator[Kind]:
    for name, separator in (
        ("pipermail", b"From ana at example.org  Mon Mar  2 10:00:00 2015\n"),
        ("no-address", b"From Mon Mar  2 10:00:00 2015\n"),
        ("dash", b"From - Mon Mar  2 10:00:00 2015\n"),
        ("no-date", b"From ana@example.org\n"),
        ("nothing", b"From \n"),
        ("8-bit", b"From j\xf6rg@example.org Mon Mar  2 10:00:00 2015\n"),
        ("nul", b"From a\0na@example.org Mon Mar  2 10:00:00 2015\n"),
        ("german", b"From ana@example.org Mo M\xe4r  2 10:00:00 2015\n"),
        ("overflow", b"From ana@example.org Mon Mar  2 10:00:00 99999999999999999999\n"),
        ("zone", b"From ana@example.org Mon Mar  2 10:00:00 2015 +0100\n"),
    ):
        yield Kind(f"separator-{name}.mbox", box(*_two(f"separator-{name}"), separator=separator), 2, 2)
    hidden = {"author": b"ana at example.org (Ana =?utf-8?q?J=C3=B6rg?=)"}
    yield Kind("hidden-addresses.mbox", box(*_two("hidden", **hidden)), 2, 2)
    yield Kind("no-empty-lines.mbox", b"".join(SEPARATOR + one for one in _two("dense")), 2, 2)


def _measured() -> Iterator[Kind]:
    for length in (0, 3, 99_999, 10**20):
        more = b"Content-Length: %d\n" % length
        yield Kind(f"length-{length}.mbox", box(*_two(f"length-{length}", more=more)), 2, 2)
    more = b"Content-Length: %d\n" % len(RIGHT_LENGTH)
    right = message("length-right", 1, RIGHT_LENGTH, more=more)
    yield Kind("length-right.mbox", box(right, message("length-right", 2)), 2, 2)


def _with_from_lines() -> Iterator[Kind]:
    for name, line in (
        ("prose", b"From now on we write unquoted.\n"),
        ("field", b"From the agenda:\nLocation: here\n"),
        ("dated", SEPARATOR + b"\nwas its separator.\n"),
        ("dense", b"x\n" + SEPARATOR + b"is no separator here.\n"),
        ("quoted", b">From here\n>>From there\n"),
    ):
        body = b"Hello,\n\n" + line
        yield Kind(f"from-{name}.mbox", box(message(f"from-{name}", 1, body), message(f"from-{name}", 2)), 2, 2)


def _dated() -> Iterator[Kind]:
    for name, date in (
        ("overflow", b"Mon, 2 Mar 99999999999999999999 10:00:00 +0000"),
        ("zone", b"Mon, 2 Mar 2015 10:00:00 +99999999"),
        ("2038", b"Wed, 20 Jan 2038 10:00:00 +0000"),
        ("1904", b"Fri, 1 Jan 1904 00:00:00 +0000"),
        ("year-0", b"Sat, 1 Jan 0000 00:00:00 +0000"),
        ("words", b"last Tuesday"),
        ("nothing", b""),
    ):
        yield Kind(f"date-{name}.mbox", box(*_two(f"date-{name}", date=date)), 2, 2)
    future = b"From ana@example.org Wed Jan 20 10:00:00 2038\n"
    yield Kind("separator-2038.mbox", box(*_two("separator-2038", date=b""), separator=future), 2, 2)


def _identified() -> Iterator[Kind]:
    other = message("same", 1, b"Another text.\n", subject=b"Another subject")
    yield Kind("same-id.mbox", box(message("same", 1), other, message("same", 1)), 3, 2)
    texts = (b"One.\n", b"One.\n", b"Two.\n")
    nameless = [b"From: ana@example.org\nDate: %s\nSubject: nameless\n\n" % DATE + text for text in texts]
    yield Kind("no-id.mbox", box(*nameless), 3, 2)
    strange = (b"bare", b"<a b@made.test>", b"<%s@made.test>" % (b"x" * 400), b"<\xe4@made.test>", b'"<q@made.test>"')
    ids = [message("odd-id", 1).replace(b"<odd-id.1@made.test>", one) for one in strange]
    yield Kind("odd-ids.mbox", box(*ids), len(ids), len(ids))
    bare = b"From: ana@example.org\nMessage-ID: <bare.1@made.test>\nContent-Type: text/html\n\n<p>Hello\n"
    yield Kind("neither-date-nor-subject.eml", bare, 1, 1)
    circle = [message("circle", n, more=b"In-Reply-To: <circle.%d@made.test>\n" % (n % 3 + 1)) for n in (1, 2, 3)]
    alone = message("circle", 4, more=b"In-Reply-To: <circle.4@made.test>\n")
    yield Kind("circle.mbox", box(*circle, alone), 4, 4)
    late = [message("late", n, more=b"In-Reply-To: <late.%d@made.test>\n" % (n - 1)) for n in (3, 2, 1)]
    yield Kind("answers-first.mbox", box(*late), 3, 3)


def _strange() -> Iterator[Kind]:
    subjects = ("a\u0085b".encode(), "a\u2028b".encode(), b"=?utf-8?q?a=C2=85b=E2=80=A8c=0Ad?=", b"S" * 5000)
    yield Kind("subjects.mbox", box(*[message("subject", n, subject=one) for n, one in enumerate(subjects)]), 4, 4)
    authors = (
        b'"%s" <n@example.org>' % (b"N" * 600),
        b"n@%s.org" % (b"e" * 400),
        b"J\xf6rg <j\xf6rg@ex\xe4mple.org>",
        b"A\0na <a\0@example.org>",
        b"",
    )
    yield Kind("authors.mbox", box(*[message("author", n, author=one) for n, one in enumerate(authors)]), 5, 5)
    yield Kind("nul.mbox", box(message("nul", 1, b"x\0y\n"), message("nul", 2, subject=b"a\0b")), 2, 2)
    yield Kind("long-line.mbox", box(message("line", 1, b"x" * 300_000 + b"\n"), message("line", 2)), 2, 2)
    yield Kind("attachment.mbox", box(_with_attachment()), 1, 1)
    yield Kind("preamble.mbox", b"Exported by hand.\n\n" + box(*_two("preamble")), 3, 2)
    yield Kind("an-empty-message.mbox", box(message("empty", 1)) + SEPARATOR + b"\n" + box(message("empty", 2)), 3, 2)


def _with_attachment() -> bytes:
    body = (
        b"--b\nContent-Type: text/plain; charset=x-unknown\n\nGr\xfc\xdfe\n--b\nContent-Type: image/png\n"
        b'Content-Disposition: attachment; filename="%s.png"\nContent-Transfer-Encoding: base64\n\n!!!!\n--b--\n'
    ) % (b"f" * 400)
    return message("attachment", 1, body, more=b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n')


def write(directory: Path, *, all_readable: bool = False) -> list[Kind]:
    """Write a file of each kind, and the directories that programs keep; return the kinds.

    all_readable: none that fails the import.
    """
    written = [kind for kind in (*kinds(), *_directories()) if kind.is_readable or not all_readable]
    for kind in written:
        file = directory / kind.name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(kind.octets)
    for name in ("cur", "new", "tmp"):
        (directory / "Maildir" / name).mkdir(parents=True, exist_ok=True)
    return written


def _directories() -> Iterator[Kind]:
    yield Kind("Maildir/cur/1.host:2,S", message("maildir", 1), 1, 1)
    yield Kind("Maildir/new/2.host", message("maildir", 2), 1, 1)
    yield Kind("Maildir/tmp/3.host", message("maildir", 3), 0, 0)
    yield Kind("Maildir/dovecot-uidlist", b"3 V1 N2\n", 0, 0)
    yield Kind("folder/1.eml", message("folder", 1), 1, 1)
    yield Kind("folder/sub/2.eml", message("folder", 2), 1, 1)
    yield Kind("folder/sub/Inbox.msf", b"// <!-- <mdb:mork:z -->\n", 0, 0)
    yield Kind("mh/1", message("mh", 1), 1, 1)
    yield Kind("mh/.mh_sequences", b"cur: 1\n", 0, 0)

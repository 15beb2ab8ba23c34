"""A message of a mailbox, cleaned for the archive.

The bridge cleans what arrives by mail; here the same cleaning is applied to what arrives in a file. In addition, a
message has a plausible date, and an identity that is the same whenever it is imported.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime

from listkit.archive import dates, mbox
from listkit.common.message.cleaning import clean
from listkit.common.message.header import Field, Header, HeaderTooLarge, read_header
from listkit.common.message.lines import LineNormaliser

# "ana at example.org (Ana)": Mailman 2's archives hide addresses from robots.
_HIDDEN_ADDRESS = re.compile(r"([^@\s<>\"]+) at ([^@\s<>\"]+)(?: \((.*)\))?")
_FIRST_RECEIVED_DATE = re.compile(r".*;([^;]*)")
_INTERNAL_DATE = "%d-%b-%Y %H:%M:%S %z"
# Some programs keep the separator of the mailbox that a message was in.
_UUCP_SEPARATOR = re.compile(rb"\A>?From [^\n]*\n")
_SHOWN_CHARACTERS = 70
_MESSAGE_BEFORE = "the message before it"
_IMPORT = "the import"


class Refused(Exception):
    """The message can't be imported; the text says why."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The facts about a message that the report shows."""

    sender: str
    date: str
    subject: str

    def __str__(self) -> str:
        return f'{self.sender or "no sender"}, {self.date or "no date"}, "{self.subject}"'


@dataclass(frozen=True, slots=True)
class Post:
    """A message as the archive stores it.

    message_id: without its brackets. date: in UTC; `date_of` says where it comes from, unless it is the message's own.
    content: a digest of the text; messages that differ only in white space have the same. shared_id: its original
    Message-ID, where that belongs to another message. has_derived_id: it had no Message-ID, so its content names it.
    """

    message: EmailMessage
    message_id: str
    date: datetime
    date_of: str
    content: bytes
    shared_id: str = ""
    has_derived_id: bool = False

    @property
    def is_dated(self) -> bool:
        """Whether its date comes from the message or its separator; otherwise, each import may give it another one."""
        return self.date_of not in (_MESSAGE_BEFORE, _IMPORT)

    @property
    def changes(self) -> str:
        """In what it differs from the original, for the report; empty if in nothing that a reader would miss."""
        parts = [f"has the date of {self.date_of}: {self.date:%Y-%m-%d %H:%M} UTC"] if self.date_of else []
        if self.shared_id:
            parts.append(f"another message has its Message-ID <{self.shared_id}>; it has <{self.message_id}>")
        return "; ".join(parts)

    @property
    def subject(self) -> str:
        """The subject; empty without one."""
        return str(self.message["Subject"] or "")

    @property
    def text(self) -> str:
        """The text, without attachments; empty where there is none that can be read."""
        try:
            body = self.message.get_body(("plain",))
            return body.get_content() if body else ""
        except (LookupError, ValueError, AttributeError):
            return ""

    def renamed(self, message_id: str) -> Post:
        """Return it with another Message-ID."""
        del self.message["Message-ID"]
        self.message["Message-ID"] = f"<{message_id}>"
        return replace(self, message_id=message_id, shared_id=self.message_id)


def summary(message: mbox.Message) -> Summary:
    """Return what the report shows of a message, as readable as it is."""
    try:
        header = read_header(io.BytesIO(_normalised(message.octets[:65_536])))
    except HeaderTooLarge:
        return Summary("", "", "")
    return Summary(*(_shown(header.first(name)) for name in ("from", "date", "subject")))


def _shown(text: str) -> str:
    octets = text.encode("ascii", "surrogateescape")
    try:
        readable = octets.decode()
    except UnicodeDecodeError:
        readable = octets.decode("cp1252", "replace")
    printable = "".join(character if character.isprintable() else " " for character in readable)
    return printable if len(printable) <= _SHOWN_CHARACTERS else printable[: _SHOWN_CHARACTERS - 1] + "…"


def prepared(message: mbox.Message, domain: str, previous: datetime | None, now: datetime) -> Post:
    """Clean a message for the archive of a list at `domain`. Raises Refused.

    previous: the date of the message before it, for one without any date.
    """
    if message.is_cut:
        raise Refused(f"it is larger than {mbox.LARGEST_MESSAGE // 1_048_576} MiB")
    spool = io.BytesIO(_normalised(_UUCP_SEPARATOR.sub(b"", message.octets)))
    try:
        header = read_header(spool)
    except HeaderTooLarge as error:
        raise Refused(str(error)) from error
    if not header.fields:
        raise Refused("it has no header")
    if header.first("subject").startswith("DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA"):
        raise Refused("it is internal data of a mail program")
    date, date_of = _date(header, message.separator, previous, now)
    fields = [*(_shown_address(field) for field in header.fields if field.name != "date"), _date_field(date)]
    cleaned = clean(Header(tuple(fields), header.body_offset), spool, date.strftime(_INTERNAL_DATE), domain)
    octets = b"".join(field.raw for field in cleaned.fields) + b"\r\n" + b"".join(cleaned.body(spool))
    # As core hands posts over: HyperKitty stores the line ends that it gets.
    parsed = message_from_bytes(octets.replace(b"\r\n", b"\n"), _class=EmailMessage, policy=policy.default)
    parsed.set_unixfrom(f"From import@{domain} {date.astimezone(UTC):%a %b %d %H:%M:%S %Y}")
    content = _digest([spool.getvalue()[header.body_offset :]])
    message_id = cleaned.first("message-id").strip("<>")
    post = Post(parsed, message_id, date.astimezone(UTC), date_of, content)
    if message_id:
        return post
    return replace(post.renamed(_derived_id(header, content, domain)), has_derived_id=True)


def distinct_id(post: Post) -> str:
    """Return a Message-ID for a message whose own belongs to another one; the same whenever it is imported."""
    local, _, domain = post.message_id.rpartition("@")
    digest = _digest([post.message_id.encode(), post.subject.encode("utf-8", "replace"), post.content])
    return f"{local[:180] or 'message'}.{digest.hex()[:16]}@{domain[:50]}"


def _normalised(octets: bytes) -> bytes:
    normaliser = LineNormaliser()
    # The archive can't store NUL, and nothing is lost with it.
    return normaliser.feed(octets.replace(b"\0", b"")) + normaliser.finish()


def _date(header: Header, separator: str | None, previous: datetime | None, now: datetime) -> tuple[datetime, str]:
    """Return the first plausible date, and where it comes from; empty where it is the message's own."""
    for name, texts in (
        ("", [header.first("date")]),
        ("Resent-Date", [header.first("resent-date")]),
        ("Received", _reversed_dates(header)),
        ("its separator", [separator or ""]),
    ):
        if date := dates.first_plausible(texts, now):
            return date, name
    return (previous, _MESSAGE_BEFORE) if previous else (now, _IMPORT)


def _reversed_dates(header: Header) -> Iterator[str]:
    """The first server that saw a message put its field at the bottom."""
    for field in reversed(header.fields):
        if field.name == "received" and (found := _FIRST_RECEIVED_DATE.fullmatch(field.value)):
            yield found[1].strip()


def _date_field(date: datetime) -> Field:
    return Field("date", f"Date: {format_datetime(date)}\r\n".encode())


def _shown_address(field: Field) -> Field:
    """Return a From field with its address readable for programs."""
    if field.name != "from" or not (found := _HIDDEN_ADDRESS.fullmatch(field.value)):
        return field
    name = (found[3] or "").replace("\\", "").replace('"', "")
    text = f'From: "{name}" <{found[1]}@{found[2]}>\r\n' if name else f"From: {found[1]}@{found[2]}\r\n"
    return Field("from", text.encode("ascii", "surrogateescape"))


def _derived_id(header: Header, content: bytes, domain: str) -> str:
    authors = [header.first(name).encode("ascii", "surrogateescape") for name in ("from", "date", "subject")]
    return f"{_digest([*authors, content]).hex()[:32]}@{domain}"


def _digest(parts: Iterable[bytes]) -> bytes:
    """Return a digest of these texts, without their white space."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"".join(part.split()) + b"\0")
    return digest.digest()

"""Cleaning: brings a message, from the bridge or a mailbox, into a form that all programs after it read alike.

Mailman, HyperKitty, Postfix and the mail service each have their own idea of what to do with a header that breaks the
rules; several end in an exception. What `clean` guarantees of its result:

- The header is ASCII. Subject, names and other text decode with RFC 2047 and encode again; they hold no control
  characters. Raw 8-bit text is UTF-8 where it is valid UTF-8, else windows-1252.
- There is exactly one From, with an address in ASCII, at least one of To, Cc and Bcc, a Date that can be read, and no
  Message-ID but one that Mailman and HyperKitty make the same hash of.
- Addresses are complete and ASCII. A recipient without one remains as an empty group: shown, and sent nowhere.
- Names of people and files are short enough for the archive's database.
- Python's parser finds no defect in the message, and no charset that it doesn't know.
- No spam filter's word is passed on (X-Spam-*). Authentication-Results and the mail service's own word remain. Urgent,
  which Mailman fails at, is removed.

A sound field is left as it is, to the octet, and so is everything within signed and encrypted parts. Cleaning what is
clean changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from listkit.common.message.cleaning.edits import Edit, applied
from listkit.common.message.cleaning.fields import FieldCleaner
from listkit.common.message.cleaning.header import cleaned
from listkit.common.message.cleaning.structure import Scanner
from listkit.common.message.header import Field, Header, envelope_sender


@dataclass(frozen=True, slots=True)
class CleanMessage:
    """A cleaned message: its header fields, and the edits of the spool that make its body.

    file_names: those of its attachments, but for what is signed or encrypted.
    """

    fields: tuple[Field, ...]
    edits: tuple[Edit, ...]
    body_offset: int
    file_names: tuple[str, ...] = ()

    def first(self, name: str) -> str:
        """The value of the top-most field of this name (in lower case), empty when there is none."""
        return next((field.value for field in self.fields if field.name == name), "")

    def body(self, spool: IO[bytes]) -> Iterator[bytes]:
        """Yield the body in blocks of whole lines."""
        return applied(self.edits, spool, self.body_offset)


def clean(header: Header, spool: IO[bytes], internal_date: str, domain: str) -> CleanMessage:
    """Clean a spooled message that arrived at a mailbox of `domain`; never raises for what is in it."""
    cleaner = FieldCleaner(domain, envelope_sender(header))
    fields = cleaned(header.fields, cleaner, internal_date)
    scanner = Scanner(spool, fields, header.body_offset, cleaner.clean)
    scanner.scan()
    return CleanMessage(tuple(scanner.top.fields), tuple(scanner.edits), header.body_offset, tuple(scanner.file_names))

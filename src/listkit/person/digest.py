"""The mailbox in which Mailman gathers the posts of a list's next digest."""

from __future__ import annotations

from mailbox import MMDF
from pathlib import Path

from listkit.common.message.addresses import addresses_in
from listkit.person.identity import Person
from listkit.person.redaction import Redactor


def clean_digest(file: Path, person: Person) -> None:
    """Delete the person's posts from the mailbox of the next digest, and the person from others."""
    redactor = Redactor(person)
    mailbox = MMDF(file, create=False)
    mailbox.lock()
    try:
        for key, message in list(mailbox.items()):
            if any(map(person.has, addresses_in(str(message["from"] or "")))):
                mailbox.remove(key)
            elif redactor.message(message):
                mailbox[key] = message
        mailbox.flush()
        if not len(mailbox):
            # Mailman would send an empty digest.
            file.unlink()
    finally:
        mailbox.close()

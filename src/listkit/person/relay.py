"""Postfix's queue."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

from listkit.person.files import naming
from listkit.person.finding import Finding
from listkit.person.identity import Person
from listkit.person.redaction import Redactor

SPOOL = Path("/var/spool/postfix")
QUEUES = ("maildrop", "hold", "incoming", "active", "deferred")


def find(person: Person) -> Iterator[Finding]:
    """Yield the waiting messages that name the person."""
    for path in _files(person):
        yield Finding("outgoing", f"{path.name} ({path.relative_to(SPOOL).parts[0]})")


def erase(person: Person) -> None:
    """Delete the messages that go to the person only. Raises OSError and SubprocessError."""
    listing = subprocess.run(["postqueue", "-j"], capture_output=True, text=True, errors="replace", check=True)
    numbers = only_to(person, listing.stdout)
    if numbers:
        subprocess.run(["postsuper", "-d", "-"], input="\n".join(numbers), text=True, capture_output=True, check=True)


def only_to(person: Person, listing: str) -> list[str]:
    """Return the queue ids of the messages that have no other recipients; `listing`: what `postqueue -j` printed."""
    entries = map(json.loads, listing.splitlines())
    return [
        entry["queue_id"]
        for entry in entries
        if all(person.has(recipient["address"]) for recipient in entry["recipients"])
    ]


def _files(person: Person) -> Iterator[Path]:
    return naming(Redactor(person), *(SPOOL / name for name in QUEUES))

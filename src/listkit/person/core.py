"""Mailman's core, by the REST resource `person` of its plugin; and the files of its queues and its message store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from listkit.common.rest import RestClient
from listkit.person.files import naming
from listkit.person.finding import Finding, Held
from listkit.person.identity import Person
from listkit.person.redaction import Redactor

CONFIGURATION = Path("/etc/mailman3/mailman.cfg")
DATA = Path("/var/lib/mailman3")
MESSAGES, LISTS, QUEUES = DATA / "messages", DATA / "lists", DATA / "queue"
SPOOL = DATA / "archives/hyperkitty/spool"
SET_ASIDE = ("shunt", "bad")
TIMEOUT_SECONDS = 300.0


def find(person: Person) -> Held:
    """Return what the database holds, also under the user's other addresses. Raises RestError and OSError."""
    client = RestClient.of_this_host(TIMEOUT_SECONDS)
    return Held.from_json(client.post_json("plugins/listkit/person/find", {"person": person.as_json()}))


def erase(person: Person, *, bans: bool) -> None:
    """Delete everything from the database, the message store and the digests. Raises RestError and OSError.

    bans: whether to delete bans of the person's addresses, too.
    """
    client = RestClient.of_this_host(TIMEOUT_SECONDS)
    stored = [str(path) for path in naming(Redactor(person), MESSAGES)]
    body = {"person": person.as_json(), "bans": bans, "stored": stored}
    client.post_json("plugins/listkit/person/erase", body)


def waiting(person: Person) -> Iterator[Finding]:
    """Yield the messages that name the person in the message store, the digests and the queues.

    Most are pickles: they aren't loaded but searched as octets.
    """
    redactor = Redactor(person)
    for kind, directory in (("stored", MESSAGES), ("digest", LISTS), ("queue", QUEUES), ("queue", SPOOL)):
        for path in naming(redactor, directory):
            yield Finding(kind, str(path.relative_to(directory.parent)))


def erase_set_aside(person: Person, queues: Path = QUEUES) -> None:
    """Delete the messages that Mailman has set aside."""
    for path in naming(Redactor(person), *(queues / name for name in SET_ASIDE)):
        path.unlink(missing_ok=True)

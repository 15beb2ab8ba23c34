"""Finding and erasing a person in all parts of the site.

Before anything changes, it is recorded who is erased: their addresses, names and alias. After a crash, Mailman or the
web interface may no longer know that; the next run reads it from the record. The last step deletes the record.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from listkit.common.durable import write_durably
from listkit.person.finding import Finding
from listkit.person.identity import Person, is_distinctive, plain
from listkit.person.parts import FAILURES, Choices, Part

_MOST_ROUNDS = 5
"""Each round may find further addresses, which lead to further ones."""


@dataclass(frozen=True)
class Search:
    """Who was found, and what is held.

    unused_names: names that aren't replaced in texts, because they are too short or others have them, too.
    """

    person: Person
    findings: tuple[Finding, ...]
    obstacles: tuple[str, ...]
    unused_names: frozenset[str]


def search(person: Person, parts: Sequence[Part]) -> Search:
    """Find all that is held, under all addresses and names that any part knows. Raises `FAILURES`."""
    for _ in range(_MOST_ROUNDS):
        known = [part.find(person) for part in parts if part.identifies]
        names = frozenset(plain(name) for one in known for name in one.names)
        shared = frozenset(plain(name) for one in known for name in one.shared_names)
        own = frozenset(filter(is_distinctive, names - shared))
        wider = person.also((address for one in known for address in one.addresses), own)
        if wider == person:
            break
        person = wider
    held = [*known, *(part.find(person) for part in parts if not part.identifies)]
    return Search(
        person,
        tuple(finding for one in held for finding in one.findings),
        tuple(obstacle for one in held for obstacle in one.obstacles),
        names - person.names,
    )


class Unfinished:
    """The records of erasures that have begun."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def resume(self, person: Person) -> Person:
        """Return the person as recorded by an earlier run for any of these addresses, with what is new."""
        for path in self._directory.glob("*.json"):
            known = Person.from_json(json.loads(path.read_text(encoding="utf-8")))
            if known.addresses & person.addresses:
                person = known.also(person.addresses, person.names)
        return person

    def begin(self, person: Person) -> None:
        """Record that the person is being erased."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(self._path(person), json.dumps(person.as_json()), mode=0o600)

    def end(self, person: Person) -> None:
        """Delete the record."""
        self._path(person).unlink(missing_ok=True)

    def _path(self, person: Person) -> Path:
        return self._directory / f"{hashlib.sha256(person.alias.encode()).hexdigest()[:16]}.json"


def erase(
    person: Person, parts: Sequence[Part], choices: Choices, unfinished: Unfinished, progress: Callable[[str], None]
) -> list[str]:
    """Erase a person in every part; return what failed. One part that fails doesn't stop the others."""
    unfinished.begin(person)
    failures = []
    for part in parts:
        progress(part.name)
        try:
            part.erase(person, choices)
        except FAILURES as error:
            failures.append(f"{part.name}: {error}")
    if not failures:
        unfinished.end(person)
    return failures

"""What the archive and the web interface hold about a person, and its erasure. Needs Django to be loaded."""

from __future__ import annotations

from listkit.person.finding import Held
from listkit.person.identity import Person
from listkit.web.people.accounts import Accounts
from listkit.web.people.archive import Archive


def find(person: Person) -> Held:
    """Return what is held about a person, also under the other addresses of their account."""
    account = Accounts(person)
    person = person.also(account.addresses())
    account, archive = Accounts(person), Archive(person)
    return Held(
        findings=(*account.findings(), *archive.findings()),
        addresses=person.addresses,
        names=frozenset({*account.names(), *archive.names()}),
        shared_names=frozenset(archive.shared_names()),
        obstacles=tuple(account.obstacles()),
    )


def erase(person: Person) -> None:
    """Erase a person. Raises IndexBusy."""
    from django.core.cache import caches

    Archive(person).erase()
    Accounts(person).erase()
    for name in ("default", "posts"):
        caches[name].clear()

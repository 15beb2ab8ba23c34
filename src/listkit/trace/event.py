"""Events of a message in one part of the site, and the search for messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from listkit.trace.place import Place


@dataclass(frozen=True)
class Event:
    """Something that happened to a message, or the place where it is now.

    time: in seconds since 1970.
    component: the part of the site that says so.
    people: addresses of authors, recipients and lists.
    waiting: it is there now, and waits for what `text` says.
    place: where it is now, if one can decide on it there.
    """

    time: float
    component: str
    message_id: str
    text: str
    people: tuple[str, ...] = ()
    subject: str = ""
    waiting: bool = False
    place: Place | None = None


@dataclass(frozen=True)
class Query:
    """A Message-ID with or without its angle brackets, an address, or a part of a subject."""

    text: str

    def matches(self, event: Event) -> bool:
        """Whether the event names what is searched for. Case does not matter."""
        wanted = bare(self.text)
        if wanted == bare(event.message_id) or self.among(event.people):
            return True
        return bool(wanted) and wanted in event.subject.casefold()

    def among(self, people: Iterable[str]) -> str:
        """Return the address that is searched for, if it is one of these."""
        return next((address for address in people if bare(address) == bare(self.text)), "")


def bare(text: str) -> str:
    """Return a Message-ID or an address in a form that can be compared."""
    return text.strip().removeprefix("<").removesuffix(">").casefold()

"""What the site holds about a person, by kind, and what happens to each kind when the person is erased."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """title: what it is, for the person. fate: what erasing does to it."""

    title: str
    fate: str


KINDS = {
    "address": Kind("Addresses, names and preferences in Mailman", "deleted"),
    "membership": Kind("Memberships and other roles on lists", "deleted; no mail is sent about it"),
    "pending": Kind("Requests that wait for a confirmation or a decision", "deleted"),
    "held": Kind("Messages of yours that wait for a moderator", "deleted"),
    "stored": Kind("Copies of messages in Mailman's store", "deleted"),
    "bounce": Kind("Delivery failures of your addresses", "deleted"),
    "ban": Kind("Bans of your addresses", "kept, so that they have an effect; the operator can delete them"),
    "digest": Kind("Posts that wait for the next digest", "your own deleted; in others, you are replaced"),
    "queue": Kind("Messages in Mailman's queues", "deleted where they are set aside; others leave by themselves"),
    "account": Kind("Your account of the web interface", "deleted, with its votes, tags, favourites and sessions"),
    "session": Kind("Logins and sign-ups", "deleted"),
    "record": Kind("Records of the web interface's administration and its failed jobs", "deleted"),
    "post": Kind("Your posts in the archive", "the author is replaced; signatures and business cards are deleted"),
    "mention": Kind("Posts of others that name you", "your addresses and names are replaced, in quotations too"),
    "file": Kind("Files attached to your posts", "kept: their content can't be read by a program"),
    "refusal": Kind("The record of messages that were not delivered", "deleted"),
    "mailbox": Kind(
        "Messages in the mailbox at the mail provider", "deleted, except those that are still to be handled"
    ),
    "outgoing": Kind("Messages that wait to be sent", "deleted if they are for you only; others leave by themselves"),
    "budget": Kind("The record of automatic answers", "your addresses are replaced"),
    "log": Kind("Log files", "your addresses and names are filled over"),
    "other": Kind("Other files on the host", "kept: the operator decides about each"),
    "journal": Kind("The system's journal", "kept until it expires: systemd can't delete single lines of it"),
}


@dataclass(frozen=True)
class Finding:
    """Something that is held. `text`: one line for people. `details`: for programs."""

    kind: str
    text: str
    details: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Finding:
        """Return the finding that `as_json` described."""
        return cls(values["kind"], values["text"], values.get("details", {}))

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {"kind": self.kind, "text": self.text, "details": self.details}


@dataclass(frozen=True)
class Held:
    """What a part of the site holds about a person.

    addresses and names: all by which this part knows the person; the names may be those of other people, too.
    shared_names: names that other addresses have, too.
    obstacles: why the person can't be erased, each with its remedy.
    """

    findings: tuple[Finding, ...] = ()
    addresses: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    shared_names: frozenset[str] = frozenset()
    obstacles: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Held:
        """Return what `as_json` described."""
        return cls(
            tuple(map(Finding.from_json, values["findings"])),
            frozenset(values["addresses"]),
            frozenset(values["names"]),
            frozenset(values["shared_names"]),
            tuple(values["obstacles"]),
        )

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {
            "findings": [finding.as_json() for finding in self.findings],
            "addresses": sorted(self.addresses),
            "names": sorted(self.names),
            "shared_names": sorted(self.shared_names),
            "obstacles": list(self.obstacles),
        }

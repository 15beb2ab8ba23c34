"""Which posts a list has had already, so that it posts nothing twice.

Lists may be members of lists. Each adds its address to `X-BeenThere`, the header that Mailman 2 used: a post that
carries the list's own address has come back. A post that names two lists reaches one of them twice when the other is
its member: directly, and through the other list. For this the posts of the last days are recorded by their Message-ID.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from email.message import Message
from email.utils import make_msgid
from pathlib import Path

from listkit.common.durable import write_durably

BEEN_THERE = "X-BeenThere"
MOST_COPIES = 20
"""Copies that are remembered of one Message-ID; some programs send all their mail under one."""


@dataclass(frozen=True)
class Copy:
    """One message as it reached a list.

    whole: digest of all of it, the same when a crash has the message handled again.
    content: digest of date and body.
    date: the date in its header.
    by_list: whether another list has sent it on.
    """

    whole: str
    content: str
    date: str
    by_list: bool

    @classmethod
    def of(cls, message: Message) -> Copy:
        """Describe `message`."""
        whole = message.as_bytes()
        date = str(message.get("date", ""))
        body = whole.partition(b"\n\n")[2]
        return cls(_digest(whole), _digest(date.encode("utf-8", "replace") + body), date, bool(been_through(message)))

    def repeats(self, other: Copy) -> bool:
        """Whether both are one post; `other` has the same Message-ID and was posted before."""
        if self.content == other.content:
            return True
        # A list changes subject, author and body of what it sends on, but not the date.
        return self.date == other.date and (self.by_list or other.by_list)


class Posted:
    """The records in `directory`, one file for each Message-ID and list; systemd-tmpfiles removes old ones."""

    def __init__(self, directory: Path):
        self._directory = directory

    def has(self, list_id: str, message: Message) -> bool:
        """Whether the list has had this post, in this copy or in another."""
        copy = Copy.of(message)
        return any(copy.repeats(other) for other in self._read(self._path(list_id, message)))

    def add(self, list_id: str, message: Message) -> Posting:
        """Record the post, and say what it is to the list. The same copy is new: a crash may have come between."""
        path, copy = self._path(list_id, message), Copy.of(message)
        known = self._read(path)
        if any(copy.whole == other.whole for other in known):
            return Posting(is_repeated=False, shares_message_id=known[0].whole != copy.whole)
        if any(copy.repeats(other) for other in known):
            return Posting(is_repeated=True, shares_message_id=True)
        self._directory.mkdir(mode=0o750, exist_ok=True)
        write_durably(path, json.dumps([asdict(one) for one in [*known, copy][-MOST_COPIES:]]), mode=0o640)
        return Posting(is_repeated=False, shares_message_id=bool(known))

    def _path(self, list_id: str, message: Message) -> Path:
        return self._directory / _digest(f"{list_id}\n{message.get('message-id', '')}".encode("utf-8", "replace"))

    @staticmethod
    def _read(path: Path) -> list[Copy]:
        try:
            return [Copy(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []


@dataclass(frozen=True)
class Posting:
    """A message's relation to a list: one that it has had, or another one with the same Message-ID."""

    is_repeated: bool
    shares_message_id: bool


def been_through(message: Message) -> frozenset[str]:
    """Return the addresses, in lower case, of the lists that have sent the message on."""
    return frozenset(str(value).strip().lower() for value in message.get_all(BEEN_THERE, []))


def mark(message: Message, address: str) -> None:
    """Note in the message that the list at `address` sends it on."""
    message[BEEN_THERE] = address


def names_as_list(message: Message, address: str) -> bool:
    """Whether the message says that it is a post of the list at `address` (RFC 2369)."""
    # Another list's address may end in this one: dev-ops@example.org, ops@example.org.
    whole = re.compile(rf"(?<![\w.+=-]){re.escape(address)}(?![\w.-])")
    return any(whole.search(str(value).lower()) for value in message.get_all("list-post", []))


def renew_message_id(message: Message, domain: str) -> None:
    """Give the message an ID of its own: the archive keeps one post of each."""
    del message["message-id"]
    message["Message-ID"] = make_msgid(domain=domain)


def _digest(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()[:32]

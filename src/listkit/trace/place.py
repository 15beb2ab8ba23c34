"""Where a message is, as the program needs it that decides on the message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Held:
    """It waits for a moderator of a list. request: the number of the request in Mailman's REST API."""

    list_id: str
    request: int


@dataclass(frozen=True)
class SetAside:
    """It is in a file that Mailman doesn't handle any more."""

    path: str


@dataclass(frozen=True)
class Queued:
    """It is in Postfix's queue. queue: the name that `postqueue -j` has for it, such as hold or deferred."""

    queue_id: str
    queue: str


@dataclass(frozen=True)
class Stored:
    """It is in a folder of a mailbox. uid: its number there."""

    account: str
    folder: str
    uid: int


Place: TypeAlias = Held | SetAside | Queued | Stored

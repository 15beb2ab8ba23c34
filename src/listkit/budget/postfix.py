"""Postfix's queue: what is where, what it holds, and the four things that the valve does to it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from email import message_from_string
from email.message import Message
from enum import StrEnum
from pathlib import Path

SPOOL = Path("/var/spool/postfix")
TIMEOUT_SECONDS = 120


class Place(StrEnum):
    """A directory of Postfix's queue."""

    INCOMING = "incoming"
    ACTIVE = "active"
    DEFERRED = "deferred"
    HOLD = "hold"


@dataclass(frozen=True)
class Envelope:
    """A queued message: its sender, the recipients that have not had it yet, and its headers."""

    queue_id: str
    sender: str
    recipients: tuple[str, ...]
    headers: Message = field(compare=False)


class PostfixError(Exception):
    """One of Postfix's commands failed; the message holds what it said."""


class Queue:
    """The queue of the Postfix of this host. Needs root: postsuper insists on it."""

    def __init__(self, spool: Path = SPOOL) -> None:
        self._spool = spool

    def places(self) -> dict[str, Place]:
        """Where every message is.

        A message may move while we look. Postfix moves it onwards in the order in which we look, and back from deferred
        to active, hence the second look there.
        """
        found: dict[str, Place] = {}
        for place in (*Place, Place.INCOMING, Place.ACTIVE, Place.DEFERRED):
            for queue_id in self._ids(place):
                found.setdefault(queue_id, place)
        return found

    def _ids(self, place: Place) -> Iterator[str]:
        for _, _, names in os.walk(self._spool / place):
            yield from names

    def envelopes(self, queue_ids: Iterable[str]) -> dict[str, Envelope]:
        """The envelopes of these messages, without those that have left meanwhile."""
        queue_ids = list(queue_ids)
        if not queue_ids:
            return {}
        argv = ["postcat", "-ehq", *queue_ids]
        answer = _run(argv, check=False)
        found = {envelope.queue_id: envelope for envelope in parse_postcat(answer.stdout)}
        if not answer.returncode:
            return found
        # postcat stops at the first message that is gone.
        missing = set(queue_ids) - found.keys()
        if len(queue_ids) > 1:
            return found | {name: envelope for one in missing for name, envelope in self.envelopes([one]).items()}
        if missing & self.places().keys():
            raise _failure(argv, answer)
        return found

    def reasons(self, queue_ids: Container[str]) -> dict[str, dict[str, str]]:
        """Why Postfix could not deliver these messages: what was said about each recipient, by message."""
        found = {}
        # The listing holds every recipient of the whole queue: look at it line by line.
        with subprocess.Popen(["postqueue", "-j"], stdout=subprocess.PIPE, text=True, errors="replace") as listing:
            for line in listing.stdout:
                queue_id = line.partition('"queue_id": "')[2].partition('"')[0]
                if queue_id in queue_ids:
                    found[queue_id] = {
                        recipient["address"]: recipient["delay_reason"]
                        for recipient in json.loads(line)["recipients"]
                        if "delay_reason" in recipient
                    }
        if listing.returncode:
            raise PostfixError(f"postqueue -j: exit {listing.returncode}")
        return found

    def release(self, queue_id: str) -> None:
        """Let a message go, now: released mail would wait for Postfix's next look at the deferred queue."""
        _run(["postsuper", "-H", queue_id])
        _run(["postqueue", "-i", queue_id])

    def hold(self, queue_ids: Iterable[str]) -> None:
        """Put deferred messages on hold. One that Postfix is just trying again stays where it is."""
        _run(["postsuper", "-h", "-", "deferred"], "".join(f"{queue_id}\n" for queue_id in queue_ids))

    def expire(self, queue_id: str) -> None:
        """Return a message to its sender: its remaining recipients bounce."""
        _run(["postsuper", "-f", queue_id])
        _run(["postqueue", "-i", queue_id])


def parse_postcat(text: str) -> Iterator[Envelope]:
    """The messages in the output of `postcat -eh`."""
    for part in re.split(r"^\*\*\* ENVELOPE RECORDS ", text, flags=re.MULTILINE)[1:]:
        name, _, rest = part.partition(" ***\n")
        envelope, _, rest = rest.partition("*** MESSAGE CONTENTS ")
        headers, _, extracted = rest.partition(" ***\n")[2].partition("\n*** HEADER EXTRACTED ")
        records = [line.partition(": ")[::2] for line in (envelope + extracted).splitlines()]
        yield Envelope(
            name.rpartition("/")[2],
            next((value for key, value in records if key == "sender"), ""),
            tuple(value for key, value in records if key == "recipient"),
            message_from_string(headers),
        )


def _run(argv: list[str], text: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    # Headers may hold any bytes; the ones that we look at are ASCII.
    answer = subprocess.run(
        argv, input=text, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_SECONDS, check=False
    )
    if check and answer.returncode:
        raise _failure(argv, answer)
    return answer


def _failure(argv: list[str], answer: subprocess.CompletedProcess[str]) -> PostfixError:
    return PostfixError(f"{' '.join(argv)}: exit {answer.returncode}: {answer.stderr.strip()}")

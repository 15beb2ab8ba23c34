"""Postfix's queue: listing, reading, releasing, holding and expiring messages."""

from __future__ import annotations

import json
import logging
import os
import re
import stat
import subprocess
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from email import message_from_string
from email.message import EmailMessage, Message
from enum import StrEnum
from pathlib import Path

SPOOL = Path("/var/spool/postfix")
TIMEOUT_SECONDS = 120
# An envelope of 100 recipients takes 10 kB, and the service has little memory.
ENVELOPES_AT_ONCE = 100

log = logging.getLogger("listkit.budget")


class Place(StrEnum):
    """A directory of Postfix's queue."""

    INCOMING = "incoming"
    ACTIVE = "active"
    DEFERRED = "deferred"
    HOLD = "hold"


@dataclass(frozen=True)
class Envelope:
    """A queued message: its sender, the recipients it is still to be delivered to, and its headers."""

    queue_id: str
    sender: str
    recipients: tuple[str, ...]
    headers: Message = field(compare=False)


class PostfixError(Exception):
    """One of Postfix's commands failed; the text has its error message."""


class Queue:
    """The queue of the Postfix of this host. Needs root: postsuper insists on it."""

    def __init__(self, spool: Path = SPOOL) -> None:
        self._spool = spool
        self.unreadable: set[str] = set()

    def started(self) -> float:
        """Return when Postfix was started. It starts again with the messages that it was delivering then."""
        try:
            return (self._spool / "pid/master.pid").stat().st_mtime
        except FileNotFoundError:
            return 0

    def places(self) -> dict[str, Place]:
        """Return the directory of every message.

        A message may move meanwhile. Postfix moves it onwards in the order in which the directories are read, and back
        from deferred to active, hence the second reading of these.
        """
        found: dict[str, Place] = {}
        for place in (*Place, Place.INCOMING, Place.ACTIVE, Place.DEFERRED):
            for queue_id in self._ids(place):
                found.setdefault(queue_id, place)
        self.unreadable &= found.keys()
        return found

    def _ids(self, place: Place) -> Iterator[str]:
        for folder, _, names in os.walk(self._spool / place):
            yield from (name for name in names if place is not Place.HOLD or _finished(Path(folder, name)))

    def envelopes(self, queue_ids: Iterable[str]) -> Iterator[Envelope]:
        """Yield the envelopes of these messages, without those that have left meanwhile or cannot be read."""
        queue_ids = list(queue_ids)
        for start in range(0, len(queue_ids), ENVELOPES_AT_ONCE):
            yield from self._envelopes(queue_ids[start : start + ENVELOPES_AT_ONCE])

    def _envelopes(self, queue_ids: list[str]) -> Iterator[Envelope]:
        answer = _run(["postcat", "-ehq", *queue_ids], check=False)
        found = {envelope.queue_id: envelope for envelope in parse_postcat(answer.stdout)}
        yield from found.values()
        if not answer.returncode:
            return
        # postcat stops at the first message that has left.
        missing = [queue_id for queue_id in queue_ids if queue_id not in found]
        if len(queue_ids) > 1:
            for queue_id in missing:
                yield from self._envelopes([queue_id])
        else:
            self._note_unreadable(missing, answer.stderr.strip())

    def _note_unreadable(self, queue_ids: list[str], reason: str) -> None:
        """Remember messages that cannot be read, and log each once: the others have to leave all the same."""
        for queue_id in (set(queue_ids) & self.places().keys()) - self.unreadable:
            log.error("%s is unreadable and stays in the queue: %s", queue_id, reason)
            self.unreadable.add(queue_id)

    def delay_reasons(self, queue_ids: Container[str]) -> dict[str, dict[str, str]]:
        """Return why Postfix could not deliver these messages: by message, the reply for each recipient."""
        found = {}
        # The listing has every recipient of the whole queue: read it line by line.
        argv = ["timeout", str(TIMEOUT_SECONDS), "postqueue", "-j"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, errors="replace") as listing:
            for line in listing.stdout or ():
                queue_id = line.partition('"queue_id": "')[2].partition('"')[0]
                if queue_id in queue_ids:
                    found[queue_id] = {
                        recipient["address"]: recipient["delay_reason"]
                        for recipient in json.loads(line)["recipients"]
                        if "delay_reason" in recipient
                    }
        if listing.returncode:
            raise PostfixError(f"{' '.join(argv)}: exit {listing.returncode}")
        return found

    def release(self, queue_id: str) -> None:
        """Release a message from hold and have it delivered now, not at the next run of the deferred queue."""
        _run(["postsuper", "-H", queue_id])
        _run(["postqueue", "-i", queue_id])

    def hold(self, queue_ids: Iterable[str]) -> None:
        """Put deferred messages on hold. One that Postfix is trying at this moment stays in delivery."""
        _run(["postsuper", "-h", "-", "deferred"], "".join(f"{queue_id}\n" for queue_id in queue_ids))

    def expire(self, queue_id: str) -> None:
        """Return a message to its sender: its remaining recipients bounce."""
        _run(["postsuper", "-f", queue_id])
        _run(["postqueue", "-i", queue_id])

    def delete(self, queue_ids: Iterable[str]) -> None:
        """Delete messages that are on hold."""
        _run(["postsuper", "-d", "-", "hold"], "".join(f"{queue_id}\n" for queue_id in queue_ids))

    def submit(self, message: EmailMessage) -> None:
        """Send a message to the operator, as cron does."""
        _run(["sendmail", "-i", "root"], message.as_string())


def _finished(file: Path) -> bool:
    """Whether Postfix has completed a queue file.

    It moves a new message to hold a moment earlier, and `postcat -h` prints the beginning of such a file endlessly.
    """
    try:
        return bool(file.stat().st_mode & stat.S_IXUSR)
    except FileNotFoundError:
        return False


def parse_postcat(text: str) -> Iterator[Envelope]:
    """Yield the messages in the output of `postcat -eh`."""
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
    # Headers may have any bytes; those that matter here are ASCII.
    answer = subprocess.run(
        argv, input=text, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_SECONDS, check=False
    )
    if check and answer.returncode:
        raise _failure(argv, answer)
    return answer


def _failure(argv: list[str], answer: subprocess.CompletedProcess[str]) -> PostfixError:
    return PostfixError(f"{' '.join(argv)}: exit {answer.returncode}: {answer.stderr.strip()}")

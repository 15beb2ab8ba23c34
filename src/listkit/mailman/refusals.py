"""Refused posts whose author isn't known for certain: the list's owners get a summary of them once a day.

An answer to the author would reach the address that a spammer wrote into From.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from email.message import Message
from pathlib import Path

from listkit.common.durable import append_durably
from listkit.common.message import decoding

LARGEST_OCTETS = 262_144
"""Of a list's record; further refusals are only counted."""
MOST_LISTED = 40
_LONGEST = 300


@dataclass(frozen=True)
class Refusal:
    """A refused post, as text of one line each."""

    author: str
    subject: str
    reason: str

    @classmethod
    def of(cls, message: Message, reason: str) -> Refusal:
        """Describe `message`, which was refused for this reason."""
        author, subject = decoding.text(message.get("from")), decoding.subject(message)
        return cls(author[:_LONGEST], subject[:_LONGEST], " ".join(reason.split())[:_LONGEST])

    def __str__(self) -> str:
        return f"- From: {self.author or 'unknown'}\n  Subject: {self.subject}\n  Reason: {self.reason or 'none given'}"


class Refusals:
    """The records in `directory`: a file for each list, with a line for each refusal."""

    def __init__(self, directory: Path):
        self._directory = directory

    def add(self, list_id: str, refusal: Refusal) -> None:
        """Record a refusal for the list's next summary."""
        self._directory.mkdir(mode=0o750, exist_ok=True)
        path = self._directory / list_id
        is_full = path.exists() and path.stat().st_size > LARGEST_OCTETS
        append_durably(path, b"\n" if is_full else json.dumps(asdict(refusal)).encode() + b"\n")

    @contextmanager
    def taken(self, list_id: str) -> Iterator[tuple[list[Refusal], int]]:
        """Yield the refusals that are described, and the number of all; forget them unless the body raises."""
        path, aside = self._directory / list_id, self._directory / f"{list_id}.taken"
        # One that is left over is from a summary that failed.
        if not aside.exists():
            with suppress(FileNotFoundError):
                path.rename(aside)
        lines = aside.read_text(encoding="utf-8").splitlines() if aside.exists() else []
        yield [Refusal(**json.loads(line)) for line in lines if line], len(lines)
        aside.unlink(missing_ok=True)


def summary(address: str, refusals: Sequence[Refusal], count: int) -> tuple[str, str]:
    """Return the subject and the text of the summary for the owners of the list at `address`."""
    messages = f"{count} message{'s' * (count != 1)}"
    listed = [str(refusal) for refusal in refusals[:MOST_LISTED]]
    if count > len(listed):
        listed.append(f"... and {count - len(listed)} more.")
    paragraphs = [
        f"The list refused {messages}. The author got no answer, because the mail service does not confirm that the"
        " address is the author's own:",
        *listed,
        "If you know an author, pass the reason on. There is at most one such summary a day.\n",
    ]
    return f"{messages} to {address} refused", "\n\n".join(paragraphs)

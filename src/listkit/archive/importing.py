"""Which messages of a mailbox are new to an archive, and the account of those that aren't added."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from listkit.archive import mbox
from listkit.archive.message import Post, Refused, Summary, distinct_id, prepared, summary
from listkit.archive.report import Account, Place
from listkit.archive.sources import EmptyFile, Source, SourceError

BATCH_POSTS = 100
BATCH_OCTETS = 4 * 1_048_576
_COMPARED_CHARACTERS = 300
_ENOUGH_IN_COMMON = 2


@dataclass(frozen=True, slots=True)
class Stored:
    """A post in the archive. `text`: at least the beginning."""

    date: datetime
    subject: str
    text: str

    def is_same(self, post: Post) -> bool:
        """Whether `post`, of the same Message-ID, is this one: two of date, subject and text agree.

        Without a date of its own, `post` has one that says nothing: subject and text have to agree.
        """
        agreements = (
            post.is_dated and self.date == post.date,
            _compared(self.subject) == _compared(post.subject),
            _compared(self.text) == _compared(post.text),
        )
        return sum(agreements) >= _ENOUGH_IN_COMMON


def _compared(text: str) -> str:
    return "".join(text.split())[:_COMPARED_CHARACTERS]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a post is added; the reason if not, or the parts that readers will miss."""

    is_added: bool
    remark: str = ""


class Archive(Protocol):
    """The archive of one list."""

    def stored(self, message_ids: Collection[str]) -> Mapping[str, Stored]:
        """Return those posts that the archive has, by Message-ID."""

    def add(self, posts: Sequence[Post]) -> Sequence[Outcome]:
        """Store posts, all in one transaction."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    place: Place
    summary: Summary
    post: Post
    octets: int


class Import:
    """One import into one archive. Posts that are there already stay as they are, so it can be repeated."""

    def __init__(self, archive: Archive, domain: str, account: Account, *, dry_run: bool = False) -> None:
        self._archive, self._domain, self._account, self._dry_run = archive, domain, account, dry_run
        self._now = datetime.now(UTC)
        self._seen: dict[bytes, tuple[Place, bytes]] = {}
        """Where in this import a Message-ID was first, and with which content; shortened digests of both."""

    def run(self, sources: Iterable[Source], progress: Callable[[Source], None] = lambda source: None) -> None:
        """Import the messages of all sources; `progress` is called after each batch."""
        for source in sources:
            for batch in _batches(self._candidates(source)):
                self._add(batch)
                progress(source)

    def _candidates(self, source: Source) -> Iterator[_Candidate]:
        """Yield the messages that can be imported; account for the others."""
        previous: datetime | None = None
        for place, message in _placed(source, self._account):
            shown = summary(message)
            try:
                post = prepared(message, self._domain, previous, self._now)
            except Refused as refusal:
                self._account.leave_out(place, shown, str(refusal))
                continue
            previous = post.date
            yield _Candidate(place, shown, post, len(message.octets))

    def _add(self, batch: Sequence[_Candidate]) -> None:
        stored = self._archive.stored({candidate.post.message_id for candidate in batch})
        new = [chosen for candidate in batch if (chosen := self._new(candidate, stored))]
        outcomes = (
            self._archive.add([one.post for one in new]) if new and not self._dry_run else [Outcome(True)] * len(new)
        )
        for candidate, outcome in zip(new, outcomes, strict=True):
            if outcome.is_added:
                changes = "; ".join(filter(None, (candidate.post.changes, outcome.remark)))
                self._account.add(candidate.place, candidate.summary, changes)
            else:
                self._leave_out(candidate, f"refused by the archive because {outcome.remark}")

    def _new(self, candidate: _Candidate, stored: Mapping[str, Stored]) -> _Candidate | None:
        """Return what is to be stored, perhaps with another Message-ID; None when the archive will have it anyway."""
        post, place = candidate.post, candidate.place
        first, is_repeated = self._first(post, place)
        if is_repeated:
            self._leave_out(candidate, f"duplicate of {first}")
            return None
        if first == place:
            if post.message_id not in stored:
                return candidate
            # One without a date has that of each import, and only plain text can be compared.
            if post.has_derived_id or stored[post.message_id].is_same(post):
                self._account.know(place, candidate.summary)
                return None
        # Its Message-ID belongs to another message: readers want both.
        other = post.renamed(distinct_id(post))
        first, is_repeated = self._first(other, place)
        if is_repeated:
            self._leave_out(candidate, f"duplicate of {first}")
            return None
        if other.message_id in self._archive.stored({other.message_id}):
            self._account.know(place, candidate.summary)
            return None
        return replace(candidate, post=other)

    def _first(self, post: Post, place: Place) -> tuple[Place, bool]:
        """Return where the Message-ID of `post` was first, and whether that was the same message elsewhere."""
        key, content = hashlib.sha256(post.message_id.encode()).digest()[:8], post.content[:8]
        first, known = self._seen.setdefault(key, (place, content))
        return first, first != place and known == content

    def _leave_out(self, candidate: _Candidate, reason: str) -> None:
        self._account.leave_out(candidate.place, candidate.summary, reason)


def _placed(source: Source, account: Account) -> Iterator[tuple[Place, mbox.Message]]:
    """Yield the messages with their place; account for files that can't be read."""
    file, number = "", 0
    for name, found in source.messages():
        file, number = name, number + 1 if name == file else 1
        if isinstance(found, EmptyFile) and not source.is_named:
            account.write(f"empty: {file}")
        elif isinstance(found, SourceError):
            account.problem(str(found))
        else:
            account.read += 1
            yield Place(file, number), found


def _batches(candidates: Iterable[_Candidate]) -> Iterator[list[_Candidate]]:
    batch: list[_Candidate] = []
    octets = 0
    for candidate in candidates:
        batch.append(candidate)
        octets += candidate.octets
        if len(batch) >= BATCH_POSTS or octets >= BATCH_OCTETS:
            yield batch
            batch, octets = [], 0
    if batch:
        yield batch

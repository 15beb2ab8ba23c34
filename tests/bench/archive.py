"""An archive as a busy list of ten years has it: threads that quote one another, always the same ones."""

from __future__ import annotations

import itertools
import random
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, parsedate_to_datetime

SEED = 20_240_229
FIRST = datetime(2014, 1, 2, 8, 0, tzinfo=UTC)
DAYS = 3650
AUTHORS = 400
VOCABULARY = 8000
MOST_REPLIES = 40
QUOTED_LINES = 6


@dataclass(frozen=True)
class Post:
    """What a reply needs to know of what it answers."""

    message: EmailMessage
    at: datetime
    references: tuple[str, ...]


def words(count: int = VOCABULARY) -> list[str]:
    """Return words that sound like a language, the most frequent ones first."""
    dice = random.Random(SEED)  # noqa: S311 -- the same archive each time
    syllables = ["".join(pair) for pair in itertools.product("bdfgklmnprstv", "aeiou")]
    made: dict[str, None] = {}
    while len(made) < count:
        made["".join(dice.choices(syllables, k=dice.choice((1, 2, 2, 3, 3, 4))))] = None
    return list(made)


class Writer:
    """Writes the posts of one list."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._dice = random.Random(SEED)  # noqa: S311 -- the same archive each time
        self._words = words()
        self._weights = list(itertools.accumulate(1 / (rank + 5) for rank in range(len(self._words))))
        self._number = 0

    def thread(self) -> Iterator[EmailMessage]:
        """Write a thread: half of them have no answer, few have dozens."""
        began = FIRST + timedelta(days=self._dice.random() * DAYS)
        posts = [self._post(began, self._text(self._dice.randint(2, 7)).capitalize(), None)]
        replies = min(MOST_REPLIES, int(self._dice.paretovariate(0.9)) - 1)
        for _ in range(replies):
            answered = self._dice.choice(posts[-4:])
            later = answered.at + timedelta(hours=self._dice.expovariate(1 / 9))
            subject = posts[0].message["Subject"]
            posts.append(self._post(later, f"Re: {subject}", answered))
        return (post.message for post in posts)

    def _post(self, at: datetime, subject: str, answered: Post | None) -> Post:
        self._number += 1
        author = int(self._dice.paretovariate(0.6)) % AUTHORS
        message = EmailMessage()
        message["From"] = (
            f"{self._words[author].capitalize()} {self._words[-author - 1].capitalize()} <p{author}@example.com>"
        )
        message["To"] = self._address
        message["Subject"] = subject
        message["Date"] = format_datetime(at)
        message["Message-ID"] = f"<{self._number}.{SEED}@example.com>"
        references: tuple[str, ...] = ()
        quoted = ""
        if answered is not None:
            references = (*answered.references, answered.message["Message-ID"])[-10:]
            message["In-Reply-To"] = references[-1]
            message["References"] = " ".join(references)
            lines = answered.message.get_content().splitlines()[:QUOTED_LINES]
            quoted = "".join(f"> {line}\n" for line in lines) + "\n"
        message.set_content(quoted + self._body())
        return Post(message, at, references)

    def _body(self) -> str:
        length = min(600, int(self._dice.lognormvariate(4.6, 0.8)))
        return textwrap.fill(self._text(max(length, 5)), 76) + "\n"

    def _text(self, count: int) -> str:
        return " ".join(self._dice.choices(self._words, cum_weights=self._weights, k=count))


def posts(address: str, count: int) -> Iterator[EmailMessage]:
    """Return `count` posts to the list `address`; each thread from its beginning."""
    writer = Writer(address)
    endless = (message for _ in itertools.count() for message in writer.thread())
    return itertools.islice(endless, count)


def write_mbox(messages: Iterable[EmailMessage]) -> str:
    """Return an mbox file with these messages."""
    return "".join(
        f"From p@example.com {parsedate_to_datetime(message['Date']):%a %b %d %H:%M:%S %Y}\n{message.as_string()}\n"
        for message in messages
    )

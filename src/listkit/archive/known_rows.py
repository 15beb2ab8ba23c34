"""The rows that HyperKitty looks up for each post, answered from memory.

HyperKitty stores one post at a time. For each it reads and writes the list, and asks for the sender, for a post of the
same Message-ID and for the post that it answers: an import waits for the database most of the time. Here one query for
a batch answers these questions. The stand-ins have only the methods that `add_to_list` calls; the patch
`archive-import` makes sure that it is the function that was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

MOST_SENDERS = 5000
"""How many senders to remember: an archive may have any number."""


class KnownList:
    """Stands in for `MailingList`: all posts of an import belong to one list, whose row stays as it is."""

    def __init__(self, mailing_list: Any) -> None:
        self.objects, self._list = self, mailing_list

    def get_or_create(self, *, name: str) -> tuple[Any, bool]:
        """Return the list."""
        if name != self._list.name:
            raise ValueError(f"{name} is not {self._list.name}")
        return self._list, False


class KnownSenders:
    """Stands in for `Sender`; remembers those that were looked up."""

    def __init__(self, model: Any) -> None:
        self.objects, self._model = self, model
        self._known: dict[str, Any] = {}

    def get_or_create(self, *, address: str) -> tuple[Any, bool]:
        """Return the sender of this address, whose row may be new."""
        if address in self._known:
            return self._known[address], False
        if len(self._known) >= MOST_SENDERS:
            self.forget()
        sender, is_new = self._model.objects.get_or_create(address=address)
        self._known[address] = sender
        return sender, is_new

    def forget(self) -> None:
        """Forget all."""
        self._known.clear()


class KnownPosts:
    """Stands in for `Email`; `stored` are all the posts that may be asked for."""

    def __init__(self, model: Any, stored: Iterable[Any]) -> None:
        self.objects, self._model, self.DoesNotExist = self, model, model.DoesNotExist
        self._known = {post.message_id: post for post in stored}

    def __call__(self, **fields: Any) -> Any:
        """Make a new post, and remember it: later ones may answer it."""
        post = self._model(**fields)
        self._known[post.message_id] = post
        return post

    def filter(self, *, mailinglist: Any, message_id: str) -> _Existence:
        """Return whether there is a post with this Message-ID."""
        return _Existence(message_id in self._known)

    def get(self, *, mailinglist: Any, message_id: str) -> Any:
        """Return the stored post with this Message-ID. Raises the model's DoesNotExist."""
        post = self._known.get(message_id)
        # A message may answer itself, which is not stored yet.
        if post is None or post.pk is None:
            raise self.DoesNotExist(message_id)
        return post

    def forget(self, message_id: str) -> None:
        """Forget the post with this Message-ID: it is not stored."""
        self._known.pop(message_id, None)


class _Existence:
    """What `filter` returns."""

    def __init__(self, answer: bool) -> None:
        self._answer = answer

    def exists(self) -> bool:
        return self._answer


@contextmanager
def replaced(owner: Any, **attributes: Any) -> Iterator[None]:
    """Give an object or a module other attributes for a while."""
    originals = {name: getattr(owner, name) for name in attributes}
    for name, value in attributes.items():
        setattr(owner, name, value)
    try:
        yield
    finally:
        for name, value in originals.items():
            setattr(owner, name, value)

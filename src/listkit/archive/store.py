"""HyperKitty's database.

Posts are stored by HyperKitty's own function, a batch to a transaction; what HyperKitty leaves to jobs or to the end of
its own import (threads' order, replies that came before what they answer) is done in the same transaction, so that an
import that is stopped leaves nothing to repair. Needs Django to be loaded.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC
from email.message import EmailMessage
from typing import Any

from listkit.archive.importing import Outcome, Stored
from listkit.archive.known_rows import KnownList, KnownPosts, KnownSenders, replaced
from listkit.archive.message import Post
from listkit.archive.threads import positions
from listkit.common.message.decoding import NO_SUBJECT
from listkit.common.message.plain_text import simplified
from listkit.common.patching import Patching
from listkit.web import patches
from listkit.web.patches import archive_senders

PATCHING = Patching("web/archive")
_TEXT_CHARACTERS = 2000
_NO_SUBJECT = ("None", NO_SUBJECT)
"""Subjects in the archive of messages without one: HyperKitty's, and the import's."""
_ROWS_PER_UPDATE = 500
_PARENT_FIELDS = ("id", "message_id", "message_id_hash", "thread_id")
"""Of a post that another answers. HyperKitty computes a hash that is missing, and would read the post again for it."""
_UNREADABLE = (LookupError, ValueError, TypeError, AttributeError, AssertionError, RecursionError)
"""What Python's and HyperKitty's functions raise for a message that they can't read."""

log = logging.getLogger("hyperkitty.import")


class StoreError(Exception):
    """The archive can't be used; the text says why."""


class ListArchive:
    """The archive of one list; its row is created with the first import."""

    def __init__(self, address: str, *, dry_run: bool = False) -> None:
        """Raises StoreError if Mailman has no such list. dry_run: create nothing."""
        from django.conf import settings
        from hyperkitty.models import MailingList, Sender

        # HyperKitty then leaves out the jobs that it starts for each post.
        settings.HYPERKITTY_BATCH_MODE = True
        if not PATCHING.apply(patches.IMPORT):
            raise StoreError("this release of HyperKitty isn't known to the kit; see: listkit check --only patches")
        _check_list(address)
        self._list = MailingList.objects.filter(name=address).first() or MailingList(name=address)
        if not dry_run:
            self._list.save()
            self._list.update_from_mailman()
        self._months: set[tuple[int, int]] = set()
        self._senders = KnownSenders(Sender)

    def stored(self, message_ids: Collection[str]) -> Mapping[str, Stored]:
        """Return those posts that the archive has, by Message-ID."""
        from django.db.models.functions import Substr
        from hyperkitty.models import Email

        # Without a row, the list has no archive yet.
        rows = Email.objects.filter(mailinglist_id=self._list.pk, message_id__in=list(message_ids)).annotate(
            beginning=Substr("content", 1, _TEXT_CHARACTERS)
        )
        values = rows.values_list("message_id", "date", "subject", "beginning")
        return {
            message_id: Stored(date.astimezone(UTC), "" if subject in _NO_SUBJECT else subject, text)
            for message_id, date, subject, text in values
        }

    def add(self, posts: Sequence[Post]) -> Sequence[Outcome]:
        """Store posts, all in one transaction. Raises StoreError."""
        from django.db import transaction

        with transaction.atomic():
            with self._known_rows(posts) as known:
                outcomes = [self._add(post, known) for post in posts]
            added = [post for post, outcome in zip(posts, outcomes, strict=True) if outcome.is_added]
            threads = self._arrange([post.message_id for post in added])
        stored = self.stored([post.message_id for post in added])
        missing = [post.message_id for post in added if post.message_id not in stored]
        if missing:
            raise StoreError(f"the database lost {len(missing)} posts, such as {missing[0]}")
        self._months.update((post.date.year, post.date.month) for post in added)
        _forget_threads(threads)
        return outcomes

    @contextmanager
    def _known_rows(self, posts: Sequence[Post]) -> Iterator[KnownPosts]:
        """Answer HyperKitty's questions about these posts from memory."""
        from hyperkitty.lib import incoming
        from hyperkitty.models import Email

        named = {post.message_id for post in posts} | {_answered(post.message) for post in posts}
        known = KnownPosts(Email, self._list.emails.filter(message_id__in=named - {None}).only(*_PARENT_FIELDS))
        with (
            replaced(self._list, save=_do_nothing),
            replaced(incoming, MailingList=KnownList(self._list), Sender=self._senders, Email=known),
        ):
            yield known

    def _add(self, post: Post, known: KnownPosts) -> Outcome:
        """Store a post; as plain text, if HyperKitty refuses it otherwise."""
        reason = self._refusal(post, post.message, known)
        if not reason:
            return Outcome(is_added=True)
        text = simplified(post.message)
        text.set_unixfrom(post.message.get_unixfrom() or "")
        if self._refusal(post, text, known):
            return Outcome(is_added=False, remark=reason)
        return Outcome(is_added=True, remark=f"without attachments, because the archive refuses the original: {reason}")

    def _refusal(self, post: Post, message: EmailMessage, known: KnownPosts) -> str:
        """Store a post as this message; return why HyperKitty refuses it, or ""."""
        from django.db import DatabaseError, InterfaceError, OperationalError, transaction
        from hyperkitty.lib.incoming import DuplicateMessage, add_to_list

        try:
            with transaction.atomic():
                add_to_list(self._list.name, message, from_import=True)
        except DuplicateMessage:
            return "it has a post of the same Message-ID"
        except (OperationalError, InterfaceError):
            raise  # The database is away, and not this post's fault.
        except (DatabaseError, *_UNREADABLE) as error:
            # They may have been rolled back.
            known.forget(post.message_id)
            self._senders.forget()
            log.debug("%s", message["Message-ID"], exc_info=True)
            return f"{type(error).__name__}: {error.args[0] if error.args else ''}".replace("\n", " ").strip()
        return ""

    def _arrange(self, message_ids: Collection[str]) -> list[int]:
        """Complete the threads of these new posts; return the threads' numbers."""
        threads = self._threads(message_ids)
        _order(threads)
        has_joined = False
        for orphan, answered in self._orphans(message_ids):
            _attach(orphan, answered)
            has_joined = True
        if has_joined:
            threads = self._threads(message_ids)
            _order(threads)
        return threads

    def _threads(self, message_ids: Collection[str]) -> list[int]:
        posts = self._list.emails.filter(message_id__in=list(message_ids))
        return list(posts.values_list("thread_id", flat=True).distinct())

    def _orphans(self, message_ids: Collection[str]) -> Iterable[tuple]:
        """Yield the posts that answer one of these, and came before it; each is read when it is its turn.

        Joining two threads removes one of them, which another orphan may be in.
        """
        from hyperkitty.models import Email

        waiting = self._list.emails.filter(in_reply_to__in=list(message_ids), parent_id__isnull=True)
        for number, in_reply_to in list(waiting.values_list("id", "in_reply_to")):
            orphan = Email.objects.get(id=number)
            answered = self._list.emails.get(message_id=in_reply_to)
            if orphan.parent_id is None and orphan.id != answered.id:
                yield orphan, answered

    def finish(self) -> None:
        """Bring what HyperKitty keeps of lists and senders up to date."""
        from django.core.cache import cache

        for year, month in self._months:
            cache.delete(f"MailingList:{self._list.pk}:p_count_for:{year}:{month}")
        for value in (*self._list.recent_cached_values, self._list.cached_values["first_date"]):
            value.rebuild()
        archive_senders.identify_senders()


def _do_nothing() -> None:
    """Keep the list's row as it is."""


def _answered(message: EmailMessage) -> str | None:
    """Return the Message-ID of the post that a message answers, as HyperKitty reads it."""
    from hyperkitty.lib.utils import get_ref

    try:
        return get_ref(message)
    except _UNREADABLE:
        return None  # HyperKitty refuses it for the same reason.


def _check_list(address: str) -> None:
    from urllib.error import HTTPError

    from django_mailman3.lib.mailman import get_mailman_client
    from mailmanclient import MailmanConnectionError

    try:
        get_mailman_client().get_list(address)
    except HTTPError as error:
        if error.code != 404:
            raise StoreError(f"Mailman's REST API fails ({error.code}); see: listkit check --only core") from error
        raise StoreError(
            f"Mailman has no list {address}; add it to mailman_lists and run: ansible-playbook playbook.yml"
        ) from error
    except MailmanConnectionError as error:
        raise StoreError(f"Mailman's REST API does not answer: {error}; see: listkit check --only core") from error


def _attach(orphan: Any, answered: Any) -> None:
    """Make a thread's first post an answer in the thread of another."""
    from django.db import IntegrityError, transaction

    try:
        with transaction.atomic():
            orphan.set_parent(answered)
    except (IntegrityError, RecursionError, ValueError) as error:
        # It remains the beginning of a thread of its own.
        log.warning("%s can't be shown as the answer to %s: %s", orphan.message_id, answered.message_id, error)


def _order(threads: Collection[int]) -> None:
    """Set the first post, the date and the order of the posts of each thread."""
    from hyperkitty.models import Email, Thread

    # HyperKitty computes the hash of every post that it loads: without it, each would be read again.
    fields = ("id", "thread_id", "parent_id", "date", "thread_order", "thread_depth", "message_id_hash")
    by_thread: dict[int, list[Any]] = {}
    for post in Email.objects.filter(thread_id__in=threads).order_by("date", "id").only(*fields):
        by_thread.setdefault(post.thread_id, []).append(post)
    found = list(Thread.objects.filter(id__in=by_thread))
    moved = []
    for thread in found:
        posts = by_thread[thread.id]
        numbers = {post.id for post in posts}
        first = next((post for post in posts if post.parent_id not in numbers), posts[0])
        thread.starting_email_id, thread.date_active = first.id, posts[-1].date
        moved += _reordered(posts, first.id)
    Email.objects.bulk_update(moved, ["thread_order", "thread_depth"], batch_size=_ROWS_PER_UPDATE)
    Thread.objects.bulk_update(found, ["starting_email", "date_active"], batch_size=_ROWS_PER_UPDATE)


def _reordered(posts: Sequence[Any], first: int) -> list[Any]:
    """Give the posts of a thread their positions; return those for which that is a change."""
    found = positions([(post.id, post.parent_id) for post in posts], first)
    moved = []
    for post in posts:
        position = found.get(post.id)
        if position and (post.thread_order, post.thread_depth) != position:
            post.thread_order, post.thread_depth = position
            moved.append(post)
    return moved


def _forget_threads(threads: Iterable[int]) -> None:
    """Drop what pages remember of these threads."""
    from django.core.cache import cache
    from django.core.cache.utils import make_template_fragment_key

    for number in threads:
        keys = [f"Thread:{number}:{name}" for name in ("participants_count", "emails_count", "subject")]
        cache.delete_many([*keys, make_template_fragment_key("thread_participants", [number])])

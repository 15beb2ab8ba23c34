"""Deletes threads whose posts have expired, a piece at a time, with what belongs to them. Needs Django to be loaded.

A thread is kept while any of its posts is: an answer without its question is worth little. After a crash, the index may
have posts that the database lacks; the job queue removes these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from listkit.web import search_index

THREADS_AT_ONCE = 50
INDEX_WAIT_SECONDS = 600.0
AT_LEAST = timedelta(days=30)
"""How long every post is in the archive: after an import, or with a wrong date, there is time to look."""


def addresses() -> list[str]:
    """Return the addresses of all lists that have an archive."""
    from hyperkitty.models import MailingList

    return list(MailingList.objects.order_by("name").values_list("name", flat=True))


def expired(address: str, before: datetime, now: datetime) -> Any:
    """Return the threads of a list in which every post was sent before this time."""
    from hyperkitty.models import Email, Thread

    posts = Email.objects.filter(mailinglist__name=address)
    recent = posts.filter(date__gte=before) | posts.filter(archived_date__gte=now - AT_LEAST)
    return Thread.objects.filter(mailinglist__name=address).exclude(id__in=recent.values("thread_id"))


def count(threads: Any) -> int:
    """Return how many posts the threads have."""
    from hyperkitty.models import Email

    number: int = Email.objects.filter(thread__in=threads).count()
    return number


def delete(threads: Any) -> int:
    """Delete threads; return the number of their posts. Raises IndexBusy."""
    from hyperkitty.models import Email

    deleted = 0
    for numbers in _pieces(threads.order_by("date_active").values_list("id", flat=True)):
        with search_index.locked(INDEX_WAIT_SECONDS):
            posts = list(Email.objects.filter(thread__in=numbers).values_list("id", flat=True))
            _delete(numbers)
            search_index.remove(posts)
        deleted += len(posts)
    return deleted


def _pieces(numbers: Any) -> Iterator[Sequence[int]]:
    waiting = iter(list(numbers))
    while piece := list(islice(waiting, THREADS_AT_ONCE)):
        yield piece


def _delete(threads: Sequence[int]) -> None:
    from django.db import transaction
    from hyperkitty.models import Thread, Vote
    from hyperkitty.signals import silenced_email_pre_delete

    with transaction.atomic(), silenced_email_pre_delete():
        # Without signals: HyperKitty would count the votes of each post again.
        votes = Vote.objects.filter(email__thread__in=threads)
        votes._raw_delete(votes.db)
        Thread.objects.filter(id__in=threads).delete()


def forget(address: str) -> None:
    """Delete senders without posts, and what pages remember of the list."""
    from django.core.cache import cache
    from hyperkitty.models import MailingList, Sender

    senders = Sender.objects.filter(emails__isnull=True)
    # Not by deleting objects: that would delete a post that has just come, too.
    Sender.objects.filter(pk__in=list(senders.values_list("pk", flat=True)))._raw_delete(senders.db)
    mailing_list = MailingList.objects.get(name=address)
    cache.delete(f"MailingList:{mailing_list.pk}:recent_threads_count")
    for value in (*mailing_list.recent_cached_values, mailing_list.cached_values["first_date"]):
        value.rebuild()

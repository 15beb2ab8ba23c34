"""When posts were archived, and what of that is late or impossible. Needs Django to be loaded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

INDEXED_WITHIN = timedelta(minutes=3)
"""The job queue looks every 20 s; a long job may come first."""
_TOLERANCE = timedelta(minutes=5)


def overdue(missing: Sequence[int]) -> dict[str, Any]:
    """Return how many of these posts should be in the index by now, and since when the first of them."""
    from django.db.models import Min
    from django.utils.timezone import now
    from hyperkitty.models import Email

    late = Email.objects.filter(id__in=missing, archived_date__lt=now() - INDEXED_WITHIN)
    since = late.aggregate(since=Min("archived_date"))["since"]
    return {"missing": late.count(), "since": since.isoformat() if since else None}


def from_the_future() -> dict[str, Any]:
    """Return how many posts were archived in the future, and the date of the last of them."""
    from django.db.models import Max

    found = _future()
    last = found.aggregate(last=Max("archived_date"))["last"]
    return {"future": found.count(), "last": last.isoformat() if last else None}


def correct() -> list[int]:
    """Give posts from the future the date at which they were sent, today at the latest; return their numbers."""
    from django.utils.timezone import now

    posts = list(_future().only("id", "date"))
    for post in posts:
        type(post).objects.filter(id=post.id).update(archived_date=min(post.date, now()))
    return [post.id for post in posts]


def _future():
    from django.utils.timezone import now
    from hyperkitty.models import Email

    limit: datetime = now() + _TOLERANCE
    return Email.objects.filter(archived_date__gt=limit)

"""When posts were archived, and what of that is late or impossible. Needs Django's settings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

INDEXED_WITHIN = timedelta(minutes=3)
"""The job queue looks every 20 s; a long job may come first."""
_TOLERANCE = timedelta(minutes=5)


def overdue(missing: Sequence[int]) -> dict[str, Any]:
    """Return how many of these posts should be in the index by now, and since when the first of them."""
    late = "SELECT count(*), min(archived_date) FROM hyperkitty_email WHERE id = ANY(%s) AND archived_date < now() - %s"
    [(count, since)] = _rows(late, list(missing), INDEXED_WITHIN)
    return {"missing": count, "since": since.isoformat() if since else None}


def from_the_future() -> dict[str, Any]:
    """Return how many posts were archived in the future, and the date of the last of them."""
    future = "SELECT count(*), max(archived_date) FROM hyperkitty_email WHERE archived_date > now() + %s"
    [(count, last)] = _rows(future, _TOLERANCE)
    return {"future": count, "last": last.isoformat() if last else None}


def correct() -> list[int]:
    """Give posts from the future the date at which they were sent, today at the latest; return their numbers."""
    correction = (
        "UPDATE hyperkitty_email SET archived_date = least(date, now()) WHERE archived_date > now() + %s RETURNING id"
    )
    return [number for (number,) in _rows(correction, _TOLERANCE)]


def _rows(query: str, *parameters: object) -> list[tuple[Any, ...]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows

"""The jobs that wait for Django's job queue, and whether a process does them.

Needs Django's settings, not its models: `listkit check` asks every few minutes.
"""

from __future__ import annotations

import subprocess
from datetime import timedelta
from typing import Any

MARGIN = timedelta(minutes=1)
"""How long a job has been available for certain, so that one that is taken within seconds isn't counted."""
JOB_QUEUE = r"^uWSGI mule 1$|manage\.py qcluster$"
"""The process that runs the jobs: the kit's or, where that doesn't fit, django-q's."""
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""Those of Django's signatures."""


def waiting() -> dict[str, Any]:
    """Return how many jobs wait, and when the oldest of them was queued, in seconds since 1970; None if unknown.

    Jobs in work don't count. Debian 12's django-q writes down when a job was taken, Debian 13's when it may be taken
    again: a job that was available before the longest time between two attempts is available in both.
    """
    from django.conf import settings
    from django.db import connection

    available = timedelta(seconds=settings.Q_CLUSTER["retry"]) + MARGIN
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), (array_agg(payload ORDER BY id))[1] FROM django_q_ormq WHERE lock < now() - %s",
            [available],
        )
        count, payload = cursor.fetchone()
    return {"waiting": count, "oldest": queued_at(payload) if count else None}


def processes() -> list[int]:
    """Return the processes that do the jobs; none while the job queue does not run."""
    answer = subprocess.run(["pgrep", "-f", JOB_QUEUE], capture_output=True, text=True, check=False)
    return [int(pid) for pid in answer.stdout.split()]


def queued_at(payload: str) -> int | None:
    """Return when a job was signed, in seconds since 1970; None for what is not a signed job.

    `CONTENT:TIME:SIGNATURE`, the time in base 62. The content is a pickle, which isn't opened.
    """
    parts = payload.split(":")
    if len(parts) < 3 or not parts[-2] or not set(parts[-2]) <= set(_DIGITS):
        return None
    seconds = 0
    for digit in parts[-2]:
        seconds = seconds * len(_DIGITS) + _DIGITS.index(digit)
    return seconds

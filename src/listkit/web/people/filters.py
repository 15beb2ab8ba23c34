"""Rows of the database that may name a person."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from listkit.person.identity import Person
from listkit.person.redaction import needles

ROWS_AT_ONCE = 200


def any_contains(person: Person, fields: Iterable[str]) -> Any:
    """Return a filter for rows that may name the person; it finds too many."""
    from django.db.models import Q

    found = Q(pk__in=[])
    for field in fields:
        for parts in needles(person):
            here = Q()
            for part in parts:
                here &= Q(**{f"{field}__icontains": part})
            found |= here
    return found

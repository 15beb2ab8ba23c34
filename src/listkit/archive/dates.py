"""Dates of messages and of mbox separators."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

FIRST = datetime(1970, 1, 2, tzinfo=UTC)
"""The sender of an earlier date had a clock that was never set."""

_TOLERANCE = timedelta(days=1)
_LONGEST = 200
_LARGEST_OFFSET = timedelta(hours=14)
_ISO = re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:?\d\d)?")
_ASCTIME = re.compile(
    r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +(\d{1,2}),? +(\d{1,2}:\d{2}(?::\d{2})?)(.*?) +(\d{4})\b(.*)",
    re.IGNORECASE,
)
_ZONE = re.compile(r"[+-]\d{4}")
_WRONG_ZONE = re.compile(r" [+-]\d+\s*$")


def first_plausible(texts: Iterable[str], now: datetime) -> datetime | None:
    """Return the first of these dates that a message can have had until `now`."""
    return next((date for text in texts if (date := parsed(text)) and is_plausible(date, now)), None)


def is_plausible(date: datetime, now: datetime) -> bool:
    """Return whether a message can have had this date, with tolerance for clocks and time zones."""
    return FIRST <= date <= now + _TOLERANCE


def parsed(text: str) -> datetime | None:
    """Read a date of a header or a separator, in UTC where it names no zone; None when it can't be read."""
    if len(text) > _LONGEST:
        return None
    for read in (_of_separator, _of_header, _without_zone):
        try:
            date = read(text)
            if date is None:
                continue
            date = date if date.tzinfo else date.replace(tzinfo=UTC)
            offset = date.utcoffset() or timedelta()
            return date if abs(offset) <= _LARGEST_OFFSET else date.astimezone(UTC)
        except (ValueError, OverflowError, TypeError, IndexError):
            continue
    return None


def _of_separator(text: str) -> datetime | None:
    if found := _ISO.search(text):
        return datetime.fromisoformat(found[0])
    if not (found := _ASCTIME.search(text)):
        return None
    month, day, time, before, year, after = found.groups()
    zone = _ZONE.search(before) or _ZONE.search(after)
    return parsedate_to_datetime(f"{day} {month} {year} {time} {zone[0] if zone else '-0000'}")


def _of_header(text: str) -> datetime:
    return parsedate_to_datetime(re.sub(r"\([^()]*\)", " ", text).encode("ascii", "ignore").decode())


def _without_zone(text: str) -> datetime:
    return _of_header(_WRONG_ZONE.sub("", text))

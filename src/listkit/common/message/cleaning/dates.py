"""Dates that Mailman, HyperKitty and every mail program can read (RFC 5322, 3.3)."""

from __future__ import annotations

import datetime
import re
from email.utils import format_datetime, parsedate_to_datetime

_SOUND = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?\d{1,2} "
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d{2}:\d{2}(?::\d{2})? [+-]\d{4}(?: \([A-Z]{1,5}\))?"
)
_YEARS = range(1971, 2100)
_LARGEST_OFFSET = datetime.timedelta(hours=14)
_LONGEST_DATE = 200


def is_sound(value: str) -> bool:
    """Whether every parser reads this date."""
    return bool(_SOUND.fullmatch(value)) and parsed(value) is not None


def parsed(value: str) -> datetime.datetime | None:
    """Read a date; None when it names no moment of our time."""
    if len(value) > _LONGEST_DATE:
        return None
    try:
        date = parsedate_to_datetime(re.sub(r"\([^()]*\)", " ", value).encode("ascii", "ignore").decode())
        if date.tzinfo is None:
            date = date.replace(tzinfo=datetime.UTC)
        date.astimezone(datetime.UTC)
        offset = date.utcoffset() or datetime.timedelta()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return date if date.year in _YEARS and abs(offset) <= _LARGEST_OFFSET else None


def from_internal_date(value: str) -> datetime.datetime:
    """Read IMAP's INTERNALDATE; now, where the server writes it in another form."""
    try:
        return datetime.datetime.strptime(value.strip(), "%d-%b-%Y %H:%M:%S %z")
    except ValueError:
        return datetime.datetime.now(datetime.UTC)


def formatted(date: datetime.datetime) -> str:
    """Write a date as RFC 5322 has it."""
    return format_datetime(date)

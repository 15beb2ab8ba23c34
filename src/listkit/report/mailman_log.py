"""What Mailman logged in a day: posts that it held or refused, and bounces. Logs are kept for five days."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from listkit.trace import core

_TIME_FORMAT = "%b %d %H:%M:%S %Y"
_LINE = re.compile(
    r"(?P<time>\w{3} \d\d \d\d:\d\d:\d\d \d{4}) \(\d+\) (?:"
    r"HOLD: (?P<held>\S+) post from "
    r"|(?P<refused>REJECT|DISCARD): "
    r"|Member \S+ on list (?P<scored>\S+), bounce score = "
    r"|Member \S+ already scored a bounce on list (?P<repeated>\S+) today"
    r"|(?:Probe|Residual) bounce received for member \S+ on list (?P<other>\S+)\.$"
    r")"
)


_BEGINNING = re.compile(r"(?P<time>\w{3} \d\d \d\d:\d\d:\d\d \d{4}) ")


class NotLogged(Exception):
    """There is no log of the day."""


@dataclass
class Counts:
    """held: by the list's address; bounces: by its list id."""

    held: Counter[str] = field(default_factory=Counter)
    bounces: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    discarded: int = 0


def count(begin: float, end: float, directory: Path = core.LOGS) -> Counts:
    """Return what was logged between these times, in seconds since 1970. Raises NotLogged and OSError."""
    counts = Counts()
    is_covered = False
    for path in core.log_files(begin, directory):
        with core.opened(path) as lines:
            is_covered |= _add(counts, lines, begin, end)
    if not is_covered:
        raise NotLogged(f"{directory} has no log of that day")
    return counts


def _add(counts: Counts, lines: Iterable[str], begin: float, end: float) -> bool:
    """Count these lines; return whether they begin before the end."""
    begins: float | None = None
    for line in lines:
        if begins is None and (first := _BEGINNING.match(line)):
            begins = _time(first)
        found = _LINE.match(line)
        if not found or not begin <= _time(found) < end:
            continue
        if found["held"]:
            counts.held[found["held"].lower()] += 1
        elif found["refused"]:
            counts.rejected += found["refused"] == "REJECT"
            counts.discarded += found["refused"] == "DISCARD"
        else:
            counts.bounces[found["scored"] or found["repeated"] or found["other"]] += 1
    return begins is not None and begins < end


def _time(found: re.Match[str]) -> float:
    return datetime.strptime(found["time"], _TIME_FORMAT).timestamp()

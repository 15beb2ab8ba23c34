"""For how long the posts of each list are kept: `/etc/listkit/archive.json`, which the role `web` writes."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from listkit.common import configuration
from listkit.common.configuration import Table

CONFIGURATION = Path("/etc/listkit/archive.json")
KEEP = re.compile(r"(?:[1-9][0-9]*[ymd])+")
"""Years, months and days, such as 5y or 1y6m."""
FOREVER = ""
_EXAMPLE = "5y"


@dataclass(frozen=True)
class Retention:
    """For how long to keep posts; `FOREVER` means indefinitely. lists: by address, where one has its own value."""

    default: str
    lists: Mapping[str, str]

    @classmethod
    def load(cls, path: Path | None = None) -> Retention:
        """Read `path`, this host's file by default. Raises ConfigurationError."""
        return configuration.load(path or CONFIGURATION, cls._build)

    @classmethod
    def _build(cls, table: Table) -> Retention:
        lists = table.mapping("lists", example={"dev@example.org": _EXAMPLE}, default={})
        for address, keep in lists.items():
            if keep != FOREVER and not KEEP.fullmatch(str(keep)):
                table.problem(f"lists.{address}", f"{keep!r} is not a duration", _EXAMPLE)
        return cls(table.text("keep", pattern=rf"|{KEEP.pattern}", example=_EXAMPLE), lists)

    @property
    def expires(self) -> bool:
        """Whether anything expires at all."""
        return any(keep != FOREVER for keep in (self.default, *self.lists.values()))

    def before(self, address: str, now: datetime) -> datetime | None:
        """Return the time before which a list's posts have expired; None when they never do."""
        keep = self.lists.get(address, self.default)
        return None if keep == FOREVER else earlier(now, keep)


def earlier(now: datetime, duration: str) -> datetime:
    """Return the time that is a duration before `now`; the last day of a month that has no such day."""
    amounts = dict.fromkeys("ymd", 0)
    for number, unit in re.findall(r"([0-9]+)([ymd])", duration):
        amounts[unit] += int(number)
    year, month = divmod(now.year * 12 + now.month - 1 - amounts["y"] * 12 - amounts["m"], 12)
    day = min(now.day, calendar.monthrange(year, month + 1)[1])
    return now.replace(year=year, month=month + 1, day=day) - timedelta(days=amounts["d"])

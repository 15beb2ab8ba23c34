"""The record of a day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime, timedelta
from typing import Any

ByList = Mapping[str, int]
"""By a list's address. A list that isn't there had none."""


@dataclass(frozen=True)
class Usage:
    """What an account has sent, and the limit of its window, both in recipients."""

    recipients: int
    limit: int


@dataclass(frozen=True)
class Disk:
    """The bytes of a file system."""

    used: int
    total: int


@dataclass(frozen=True)
class Day:
    """What is known of a day. None: not known; `unknown` has the reason.

    At the end of the day: posts, how many each list ever had; members, of each list; archived, posts in the archive;
    disks, by directory.
    During the day: held, posts, by list; bounces, by list; rejected and discarded, posts, by Mailman; set_aside,
    messages, by the bridge; sent, recipients, by list; accounts, by address.
    """

    date: date
    posts: ByList | None = None
    members: ByList | None = None
    archived: int | None = None
    disks: Mapping[str, Disk] | None = None
    held: ByList | None = None
    bounces: ByList | None = None
    rejected: int | None = None
    discarded: int | None = None
    set_aside: int | None = None
    sent: ByList | None = None
    accounts: Mapping[str, Usage] | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it for JSON, without what is not known."""
        values = {name: value for name, value in asdict(self).items() if value is not None and name != "date"}
        return {"date": self.date.isoformat(), **values}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Day:
        """Read what `to_json` returns; names of a later version are ignored. Raises KeyError, TypeError, ValueError."""
        known = {item.name: values[item.name] for item in fields(cls) if item.name in values}
        known["date"] = date.fromisoformat(values["date"])
        for name, kind in (("disks", Disk), ("accounts", Usage)):
            if name in known:
                known[name] = {key: kind(**entry) for key, entry in known[name].items()}
        return cls(**known)


def bounds(day: date) -> tuple[float, float]:
    """Return when a day begins and ends on this host's clock, in seconds since 1970."""
    midnight = datetime.combine(day, datetime.min.time())
    return midnight.timestamp(), (midnight + timedelta(days=1)).timestamp()


def days_of(month: str) -> Iterator[date]:
    """Yield the days of a month such as 2026-11. Raises ValueError."""
    day = date.fromisoformat(f"{month}-01")
    while month_of(day) == month:
        yield day
        day += timedelta(days=1)


def month_of(day: date) -> str:
    """Return the month of a day, such as 2026-11."""
    return f"{day:%Y-%m}"


def month_before(month: str) -> str:
    """Return the month before this one."""
    return month_of(date.fromisoformat(f"{month}-01") - timedelta(days=1))

"""The figures of a month, from the records of its days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from listkit.report.day import ByList, Day, Disk, Usage, days_of, month_before
from listkit.report.store import Store


@dataclass(frozen=True)
class Total:
    """A sum over the days of a month. value: None if no day is known. missing: how many days it lacks."""

    value: int | None
    missing: int = 0


@dataclass(frozen=True)
class Level:
    """A figure at the end of a month, and how it has changed since the end of the month before; None: not known."""

    value: int | None
    change: int | None = None


@dataclass(frozen=True)
class ListFigures:
    """The figures of one list. sent: in recipients."""

    address: str
    posts: Total
    members: Level
    held: Total
    bounces: Total
    sent: Total


@dataclass(frozen=True)
class AccountFigures:
    """The recipients that an account sent to, on its busiest day, and the limit of its window on that day."""

    address: str
    recipients: Total
    busiest: int
    busiest_on: date
    limit: int


@dataclass(frozen=True)
class DiskFigures:
    """The bytes of a file system at the end of the month, and how many more are used than a month before."""

    directory: str
    used: int
    total: int
    change: int | None


@dataclass(frozen=True)
class Month:
    """The figures of a month; of the days until yesterday, if it isn't over. days: how many of them have a record.

    posts_before: the posts of the month before. unknown: the reasons, by figure, for what is missing.
    """

    month: str
    days: int
    expected_days: int
    lists: tuple[ListFigures, ...]
    posts: Total
    posts_before: Total
    members: Level
    held: Total
    bounces: Total
    rejected: Total
    discarded: Total
    set_aside: Total
    sent: Total
    archived: Level
    accounts: tuple[AccountFigures, ...]
    disks: tuple[DiskFigures, ...]
    unknown: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class _Period:
    """The days of a month that are over, each with a record or an empty one, and the records of the month before."""

    days: tuple[Day, ...]
    earlier: tuple[Day, ...]

    @classmethod
    def of(cls, store: Store, month: str, today: date) -> _Period:
        records = store.days(month)
        days = tuple(records.get(day, Day(day)) for day in days_of(month) if day < today)
        before = store.days(month_before(month))
        return cls(days, tuple(before[day] for day in sorted(before)))

    def total(self, figure: Callable[[Day], int | None]) -> Total:
        """Add a figure of the days up."""
        known = [value for day in self.days if (value := figure(day)) is not None]
        return Total(sum(known) if known else None, len(self.days) - len(known))

    def level(self, figure: Callable[[Day], int | None]) -> Level:
        """Return a figure at the end, compared with that at the end of the month before."""
        value, before = _last(self.days, figure), _last(self.earlier, figure)
        return Level(value, None if value is None or before is None else value - before)

    def posts(self) -> dict[str, int] | None:
        """Return how many posts each list had; None without two counts.

        Mailman counts the posts of each list: those of a day without a record are in the next count.
        """
        counts = [*self._base(), *(day.posts for day in self.days if day.posts is not None)]
        if len(counts) < 2:
            return None
        made: Counter[str] = Counter()
        for older, newer in pairwise(counts):
            for address, count in newer.items():
                since = count - older.get(address, 0)
                # A list that was deleted and made again begins with 0.
                made[address] += since if since >= 0 else count
        return dict(made)

    def days_without_posts(self) -> int:
        """Return how many days, at the beginning and at the end, are in no difference of two counts."""
        known = [number for number, day in enumerate(self.days) if day.posts is not None]
        if not known or (len(known) == 1 and not self._base()):
            return len(self.days)
        return len(self.days) - 1 - known[-1] + (0 if self._base() else known[0] + 1)

    def _base(self) -> list[ByList]:
        """The count at the end of the month before, if there is one; an older one would have that month's posts."""
        if not self.days or not self.earlier or self.earlier[-1].date != self.days[0].date - timedelta(days=1):
            return []
        return [self.earlier[-1].posts] if self.earlier[-1].posts is not None else []


def summarise(store: Store, month: str, today: date) -> Month:
    """Return the figures of a month. Raises DamagedRecords."""
    period = _Period.of(store, month, today)
    before = _Period.of(store, month_before(month), today)
    posts, missing = period.posts(), period.days_without_posts()
    return Month(
        month=month,
        days=sum(day != Day(day.date) for day in period.days),
        expected_days=len(period.days),
        lists=tuple(_list(period, address, posts, missing) for address in _addresses(period)),
        posts=_posts_in_all(period),
        posts_before=_posts_in_all(before),
        members=period.level(lambda day: _sum(day.members)),
        held=period.total(lambda day: _sum(day.held)),
        bounces=period.total(lambda day: _sum(day.bounces)),
        rejected=period.total(lambda day: day.rejected),
        discarded=period.total(lambda day: day.discarded),
        set_aside=period.total(lambda day: day.set_aside),
        sent=period.total(
            lambda day: None if day.accounts is None else sum(u.recipients for u in day.accounts.values())
        ),
        archived=period.level(lambda day: day.archived),
        accounts=tuple(_accounts(period)),
        disks=tuple(_disks(period)),
        unknown=_reasons(period),
    )


def _posts_in_all(period: _Period) -> Total:
    posts = period.posts()
    return Total(None if posts is None else sum(posts.values()), period.days_without_posts())


def _list(period: _Period, address: str, posts: Mapping[str, int] | None, missing: int) -> ListFigures:
    def of_list(values: Callable[[Day], ByList | None]) -> Total:
        return period.total(lambda day: None if (found := values(day)) is None else found.get(address, 0))

    return ListFigures(
        address,
        Total(None if posts is None else posts.get(address, 0), missing),
        period.level(lambda day: None if day.members is None else day.members.get(address, 0)),
        of_list(lambda day: day.held),
        of_list(lambda day: day.bounces),
        of_list(lambda day: day.sent),
    )


def _addresses(period: _Period) -> list[str]:
    """Return the lists that existed in the month."""
    return sorted({address for day in period.days for address in day.members or ()})


def _accounts(period: _Period) -> Iterable[AccountFigures]:
    known: dict[str, list[tuple[date, Usage]]] = {}
    for day in period.days:
        for address, usage in (day.accounts or {}).items():
            known.setdefault(address, []).append((day.date, usage))
    for address, uses in sorted(known.items()):
        busiest_on, busiest = max(uses, key=lambda entry: entry[1].recipients)
        total = Total(sum(usage.recipients for _, usage in uses), len(period.days) - len(uses))
        yield AccountFigures(address, total, busiest.recipients, busiest_on, busiest.limit)


def _disks(period: _Period) -> Iterable[DiskFigures]:
    last = next((day.disks for day in reversed(period.days) if day.disks is not None), {})
    before: Mapping[str, Disk] = next((day.disks for day in reversed(period.earlier) if day.disks is not None), {})
    for directory, disk in sorted(last.items()):
        change = disk.used - before[directory].used if directory in before else None
        yield DiskFigures(directory, disk.used, disk.total, change)


def _reasons(period: _Period) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for day in period.days:
        for figure, reason in day.unknown.items():
            found.setdefault(figure, {})[reason] = None
    return {figure: tuple(reasons) for figure, reasons in sorted(found.items())}


def _last(days: Iterable[Day], figure: Callable[[Day], int | None]) -> int | None:
    return next((value for day in reversed(tuple(days)) if (value := figure(day)) is not None), None)


def _sum(values: ByList | None) -> int | None:
    return None if values is None else sum(values.values())

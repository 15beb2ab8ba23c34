"""The report for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from listkit.budget.forecast import Forecast
from listkit.report.month import AccountFigures, DiskFigures, Level, Month, Total

NAMES = {
    "posts": "posts",
    "members": "members",
    "archived": "the archive",
    "disks": "disks",
    "held": "held posts",
    "bounces": "bounces",
    "rejected": "rejected posts",
    "discarded": "discarded posts",
    "set_aside": "messages that the bridge did not deliver",
    "sent": "mail sent by list",
    "accounts": "mail sent by account",
}
"""The figures that may be unknown."""
_ROW = "{:40} {:>7} {:>8} {:>7} {:>6} {:>8} {:>11}"
_GIBIBYTE = 1024**3


def lines(figures: Month, site: str, forecasts: Sequence[Forecast] = ()) -> Iterator[str]:
    """Yield the lines of the report. forecasts: of the coming days, by account."""
    yield f"{site}, {date.fromisoformat(f'{figures.month}-01'):%B %Y}: {_coverage(figures)}"
    yield ""
    yield from _table(figures)
    yield ""
    yield f"Posts: {_total(figures.posts)}; {_total(figures.posts_before)} in the month before"
    yield (
        f"Refused: {_total(figures.rejected)} rejected and {_total(figures.discarded)} discarded by Mailman,"
        f" {_total(figures.set_aside)} not delivered by the bridge"
    )
    yield f"Archive: {_level(figures.archived, 'posts')}"
    yield ""
    for account in figures.accounts:
        yield _account(account)
    for forecast in forecasts:
        yield from _forecast(forecast)
    for disk in figures.disks:
        yield _disk(disk)
    yield from _unknown(figures)


def _coverage(figures: Month) -> str:
    days = f"{figures.days} of {figures.expected_days} days" if figures.days < figures.expected_days else "every day"
    return f"{days} recorded"


def _table(figures: Month) -> Iterator[str]:
    yield _ROW.format("", "posts", "members", "change", "held", "bounces", "recipients")
    for entry in figures.lists:
        counts = map(_total, (entry.held, entry.bounces, entry.sent))
        yield _ROW.format(entry.address, _total(entry.posts), *_members(entry.members), *counts)
    counts = map(_total, (figures.held, figures.bounces, figures.sent))
    yield _ROW.format("all", _total(figures.posts), *_members(figures.members), *counts)


def _members(level: Level) -> tuple[str, str]:
    return _number(level.value), "-" if level.change is None else f"{level.change:+}"


def _total(total: Total) -> str:
    """Write a sum; one that lacks days is a lower bound."""
    return f"≥{total.value}" if total.missing and total.value is not None else _number(total.value)


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)


def _level(level: Level, unit: str) -> str:
    if level.value is None:
        return "not known"
    change = "" if level.change is None else f", {level.change:+} since the month before"
    return f"{level.value} {unit}{change}"


def _account(account: AccountFigures) -> str:
    share = 100 * account.busiest / account.limit
    return (
        f"{account.address}: sent to {_total(account.recipients)} recipients; on the busiest day,"
        f" {account.busiest_on}, {account.busiest} of {account.limit} ({share:.0f} %)"
    )


def _forecast(forecast: Forecast) -> Iterator[str]:
    yield f"{forecast.account}: the lists need {forecast.needed:.0f} a day, and may have {forecast.per_day:.0f}"
    if not forecast.fits:
        yield "  → add an account, or ask the provider for a higher limit: `listkit budget forecast`"


def _disk(disk: DiskFigures) -> str:
    used, total = disk.used / _GIBIBYTE, disk.total / _GIBIBYTE
    change = "" if disk.change is None else f", {disk.change / _GIBIBYTE:+.1f} GiB since the month before"
    return (
        f"Disk of {disk.directory}: {used:.1f} of {total:.1f} GiB used ({100 * disk.used / disk.total:.0f} %){change}"
    )


def _unknown(figures: Month) -> Iterator[str]:
    if figures.days < figures.expected_days or figures.unknown:
        yield ""
        yield "Not known (-), or not of every day (≥):"
    if figures.days < figures.expected_days:
        yield f"  everything: {figures.expected_days - figures.days} days have no record; listkit-report did not run"
    for reasons, names in _by_reason(figures):
        yield f"  {', '.join(names)}: {reasons}"


def _by_reason(figures: Month) -> Iterable[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for figure, reasons in figures.unknown.items():
        found.setdefault("; ".join(reasons), []).append(NAMES.get(figure, figure))
    return found.items()

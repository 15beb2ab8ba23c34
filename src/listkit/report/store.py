"""The records of the days: a file for each month, with one record on each line.

A file is replaced as a whole, so that a power cut, or a backup that copies it, finds the old records or the new ones.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from listkit.common.durable import write_durably
from listkit.report.day import Day, month_of

DIRECTORY = Path("/var/lib/listkit/report")
MONTHS_KEPT = 14
"""This month, and those that it is compared with: the one before and that of the year before."""
_MODE = 0o640


class DamagedRecords(Exception):
    """A file can't be read; the text names it and the reason."""


class Store:
    """The records in `directory`."""

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = directory or DIRECTORY

    def months(self) -> list[str]:
        """Return the months of which there are records, the oldest first."""
        return sorted(path.stem for path in self.directory.glob("????-??.jsonl"))

    def first(self) -> date | None:
        """Return the first day with a record; None without records. Raises DamagedRecords."""
        return next((min(days) for month in self.months() if (days := self.days(month))), None)

    def days(self, month: str) -> dict[date, Day]:
        """Return the records of a month. Raises DamagedRecords."""
        path = self._path(month)
        if not path.exists():
            return {}
        try:
            records = [Day.from_json(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedRecords(f"{path} is damaged: {error}; restore it from a backup, or move it away") from error
        return {record.date: record for record in records}

    def add(self, *days: Day) -> None:
        """Keep records, in place of earlier ones of those days; on return they are on the disk.

        Raises DamagedRecords and OSError.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for month in sorted({month_of(day.date) for day in days}):
            records = {**self.days(month), **{day.date: day for day in days if month_of(day.date) == month}}
            lines = [json.dumps(records[key].to_json(), separators=(",", ":")) for key in sorted(records)]
            write_durably(self._path(month), "".join(f"{line}\n" for line in lines), _MODE)

    def prune(self) -> None:
        """Remove the oldest months."""
        for month in self.months()[:-MONTHS_KEPT]:
            self._path(month).unlink()

    def _path(self, month: str) -> Path:
        return self.directory / f"{month}.jsonl"

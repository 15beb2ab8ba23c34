"""What left when, which account pauses, which message is in trouble: SQLite, safe against a power cut.

The ledger is written before Postfix is told to release a message and after Postfix has let go of it. Whatever happens
in between, the open charge stays, and `Valve.turn` compares it with the queue: nothing is counted twice or not at all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from listkit.budget.replies import Meaning
from listkit.budget.window import Charge

PATH = Path("/var/lib/listkit/budget/ledger.sqlite3")
SCHEMA = """
create table if not exists charge (
    queue_id text not null, account text not null, list text not null, urgent integer not null,
    recipients integer not null, spent_at real, released_at real not null default 0
);
create unique index if not exists open_charge on charge (queue_id) where spent_at is null;
create index if not exists charge_by_time on charge (account, spent_at);
create table if not exists pause (
    account text primary key, meaning text not null, reply text not null,
    since real not null, until real not null, failures integer not null
);
create table if not exists trouble (
    queue_id text primary key, account text not null, meaning text not null, reply text not null,
    since real not null, not_before real not null, failures integer not null, suspect integer not null
);
"""


@dataclass(frozen=True)
class OpenCharge:
    """A message that Postfix was told to release and that has not been settled yet."""

    queue_id: str
    account: str
    list: str
    urgent: bool
    recipients: int
    released_at: float


@dataclass(frozen=True)
class Pause:
    """Why an account pauses, since when, until when, and after how many refusals in a row."""

    account: str
    meaning: Meaning
    reply: str
    since: float
    until: float
    failures: int


@dataclass(frozen=True)
class Trouble:
    """Why a message was refused, since when, and when it may be tried again."""

    queue_id: str
    account: str
    meaning: Meaning
    reply: str
    since: float
    not_before: float
    failures: int
    suspect: bool


class Ledger:
    """One writer, any number of readers. `path` may be ":memory:"."""

    def __init__(self, path: Path | str = PATH, readonly: bool = False) -> None:
        target = f"file:{path}?mode=ro" if readonly else f"file:{path}" if path != ":memory:" else ":memory:"
        self._db = sqlite3.connect(target, uri=True, isolation_level=None, timeout=30)
        self._db.row_factory = sqlite3.Row
        if not readonly:
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = full")
            self._db.executescript(SCHEMA)
            self._complete_older_ledger()

    def _complete_older_ledger(self) -> None:
        """Ledgers of the first deployments don't say when a message was released."""
        if "released_at" not in [row["name"] for row in self._db.execute("pragma table_info(charge)")]:
            self._db.execute("alter table charge add column released_at real not null default 0")

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """All changes inside become true at once, or none does."""
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    # Charges

    def open(self, charge: OpenCharge) -> None:
        """Write down that Postfix is about to be told to release a message."""
        self._db.execute(
            "insert into charge values (?, ?, ?, ?, ?, null, ?)",
            (charge.queue_id, charge.account, charge.list, charge.urgent, charge.recipients, charge.released_at),
        )

    def settle(self, queue_id: str, recipients: int, now: float) -> None:
        """Write down how many recipients the release has cost; the window begins `now`."""
        if recipients:
            self._db.execute(
                "update charge set recipients = ?, spent_at = ? where queue_id = ? and spent_at is null",
                (recipients, now, queue_id),
            )
        else:
            self._db.execute("delete from charge where queue_id = ? and spent_at is null", (queue_id,))

    def count_again(self, before: float, now: float) -> None:
        """Count twice what was released `before`: the service may have taken it when Postfix was cut off, unheard."""
        with self.together():
            unheard = [charge for charge in self.open_charges() if charge.released_at < before]
            for charge in unheard:
                self.settle(charge.queue_id, charge.recipients, now)
                self.open(replace(charge, released_at=now))

    def open_charges(self) -> list[OpenCharge]:
        """The messages on their way."""
        rows = self._db.execute(
            "select queue_id, account, list, urgent, recipients, released_at from charge where spent_at is null"
        )
        return [OpenCharge(**{**row, "urgent": bool(row["urgent"])}) for row in rows]

    def charges(self, account: str, since: float) -> list[Charge]:
        """What an account has sent since then, and what is on its way."""
        # Two questions, because SQLite answers `or` without the index.
        query = "select recipients, list, urgent, spent_at from charge where account = ? and spent_at "
        rows = [*self._db.execute(query + ">= ?", (account, since)), *self._db.execute(query + "is null", (account,))]
        return [Charge(row[0], row[1], bool(row[2]), row[3]) for row in rows]

    def first_charge(self) -> float | None:
        """When the oldest charge that is still kept was spent."""
        return self._db.execute("select min(spent_at) from charge").fetchone()[0]

    def forget(self, before: float) -> None:
        """Drop charges that are too old for any window or forecast."""
        self._db.execute("delete from charge where spent_at < ?", (before,))

    # Pauses

    def pause(self, pause: Pause) -> None:
        """Begin a pause, or make it longer."""
        values = (pause.account, pause.meaning.value, pause.reply, pause.since, pause.until, pause.failures)
        self._db.execute("insert or replace into pause values (?, ?, ?, ?, ?, ?)", values)

    def pause_of(self, account: str) -> Pause | None:
        """The account's pause, which may be over already: it then awaits its proof."""
        row = self._db.execute("select * from pause where account = ?", (account,)).fetchone()
        return Pause(**{**row, "meaning": Meaning(row["meaning"])}) if row else None

    def resume(self, account: str) -> None:
        """End the account's pause."""
        self._db.execute("delete from pause where account = ?", (account,))

    # Troubles

    def trouble(self, trouble: Trouble) -> None:
        """Write down why a message was refused."""
        values = (
            trouble.queue_id, trouble.account, trouble.meaning.value, trouble.reply,
            trouble.since, trouble.not_before, trouble.failures, trouble.suspect,
        )  # fmt: skip
        self._db.execute("insert or replace into trouble values (?, ?, ?, ?, ?, ?, ?, ?)", values)

    def troubles(self) -> dict[str, Trouble]:
        """The messages that were refused, by queue id."""
        made = map(_trouble, self._db.execute("select * from trouble").fetchall())
        return {trouble.queue_id: trouble for trouble in made}

    def trouble_of(self, queue_id: str) -> Trouble | None:
        """Why this message was refused, if it was."""
        row = self._db.execute("select * from trouble where queue_id = ?", (queue_id,)).fetchone()
        return _trouble(row) if row else None

    def retry(self, account: str) -> None:
        """Let the account's refused messages be tried at once."""
        self._db.execute("update trouble set not_before = 0 where account = ?", (account,))

    def end_trouble(self, queue_id: str) -> None:
        """The message has left, or may be tried at once."""
        self._db.execute("delete from trouble where queue_id = ?", (queue_id,))


def _trouble(row: sqlite3.Row) -> Trouble:
    return Trouble(**{**row, "meaning": Meaning(row["meaning"]), "suspect": bool(row["suspect"])})

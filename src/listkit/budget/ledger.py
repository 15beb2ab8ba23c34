"""Charges, pauses and refusals: SQLite, safe against a power cut.

The ledger is written before Postfix is told to release a message, and after the message has left Postfix's queue. After
a crash in between, the open charge remains and `QueueController.run_cycle` compares it with the queue: nothing is
counted twice or not at all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from listkit.budget.replies import RefusalReason
from listkit.budget.window import Charge

PATH = Path("/var/lib/listkit/budget/ledger.sqlite3")
SCHEMA = """
create table if not exists charge (
    queue_id text not null, account text not null, list text not null, urgent integer not null,
    recipients integer not null, spent_at real, released_at real not null
);
create unique index if not exists open_charge on charge (queue_id) where spent_at is null;
create index if not exists charge_by_time on charge (account, spent_at);
create table if not exists pause (
    account text primary key, reason text not null, reply text not null,
    since real not null, until real not null, failures integer not null
);
create table if not exists refusal (
    queue_id text primary key, account text not null, reason text not null, reply text not null,
    since real not null, not_before real not null, failures integer not null, suspect integer not null
);
"""


@dataclass(frozen=True)
class OpenCharge:
    """A message in delivery: Postfix was told to release it, and the result is not known yet."""

    queue_id: str
    account: str
    list: str
    urgent: bool
    recipients: int
    released_at: float


@dataclass(frozen=True)
class Pause:
    """The pause of an account: its reason, its times, and the number of refusals in a row."""

    account: str
    reason: RefusalReason
    reply: str
    since: float
    until: float
    failures: int


@dataclass(frozen=True)
class Refusal:
    """The refusal of a message: its reason, since when, and when the message may be tried again."""

    queue_id: str
    account: str
    reason: RefusalReason
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
        """Record that Postfix is about to be told to release a message."""
        self._db.execute(
            "insert into charge values (?, ?, ?, ?, ?, null, ?)",
            (charge.queue_id, charge.account, charge.list, charge.urgent, charge.recipients, charge.released_at),
        )

    def settle(self, queue_id: str, recipients: int, now: float) -> None:
        """Record how many recipients the delivery has cost; the window begins `now`."""
        if recipients:
            self._db.execute(
                "update charge set recipients = ?, spent_at = ? where queue_id = ? and spent_at is null",
                (recipients, now, queue_id),
            )
        else:
            self._db.execute("delete from charge where queue_id = ? and spent_at is null", (queue_id,))

    def charge_again(self, before: float, now: float) -> None:
        """Count twice what was released `before`: the service may have accepted it when Postfix was interrupted."""
        with self.together():
            interrupted = [charge for charge in self.open_charges() if charge.released_at < before]
            for charge in interrupted:
                self.settle(charge.queue_id, charge.recipients, now)
                self.open(replace(charge, released_at=now))

    def open_charges(self) -> list[OpenCharge]:
        """Return the messages in delivery."""
        rows = self._db.execute(
            "select queue_id, account, list, urgent, recipients, released_at from charge where spent_at is null"
        )
        return [OpenCharge(**{**row, "urgent": bool(row["urgent"])}) for row in rows]

    def charges(self, account: str, since: float) -> list[Charge]:
        """Return what an account has sent since then, and what is in delivery."""
        # Two queries, because SQLite does not use the index for `or`.
        query = "select recipients, list, urgent, spent_at from charge where account = ? and spent_at "
        rows = [*self._db.execute(query + ">= ?", (account, since)), *self._db.execute(query + "is null", (account,))]
        return [Charge(row[0], row[1], bool(row[2]), row[3]) for row in rows]

    def first_charge(self) -> float | None:
        """Return the time of the oldest charge."""
        return self._db.execute("select min(spent_at) from charge").fetchone()[0]

    def prune(self, before: float) -> None:
        """Delete charges that are too old for any window or forecast."""
        self._db.execute("delete from charge where spent_at < ?", (before,))

    # Pauses

    def pause(self, pause: Pause) -> None:
        """Begin a pause, or prolong it."""
        values = (pause.account, pause.reason.value, pause.reply, pause.since, pause.until, pause.failures)
        self._db.execute("insert or replace into pause values (?, ?, ?, ?, ?, ?)", values)

    def pause_of(self, account: str) -> Pause | None:
        """Return the account's pause. One that has expired lasts until a message is accepted."""
        row = self._db.execute("select * from pause where account = ?", (account,)).fetchone()
        return Pause(**{**row, "reason": RefusalReason(row["reason"])}) if row else None

    def resume(self, account: str) -> None:
        """End the account's pause."""
        self._db.execute("delete from pause where account = ?", (account,))

    # Refusals

    def record_refusal(self, refusal: Refusal) -> None:
        """Record the refusal of a message."""
        values = (
            refusal.queue_id, refusal.account, refusal.reason.value, refusal.reply,
            refusal.since, refusal.not_before, refusal.failures, refusal.suspect,
        )  # fmt: skip
        self._db.execute("insert or replace into refusal values (?, ?, ?, ?, ?, ?, ?, ?)", values)

    def refusals(self) -> dict[str, Refusal]:
        """Return all refusals by queue id."""
        made = map(_refusal, self._db.execute("select * from refusal").fetchall())
        return {refusal.queue_id: refusal for refusal in made}

    def refusal_of(self, queue_id: str) -> Refusal | None:
        """Return the refusal of this message, or None."""
        row = self._db.execute("select * from refusal where queue_id = ?", (queue_id,)).fetchone()
        return _refusal(row) if row else None

    def retry(self, account: str) -> None:
        """Allow the account's refused messages to be tried at once."""
        self._db.execute("update refusal set not_before = 0 where account = ?", (account,))

    def clear_refusal(self, queue_id: str) -> None:
        """Forget the refusal of a message that has left, or may be tried at once."""
        self._db.execute("delete from refusal where queue_id = ?", (queue_id,))


def _refusal(row: sqlite3.Row) -> Refusal:
    return Refusal(**{**row, "reason": RefusalReason(row["reason"]), "suspect": bool(row["suspect"])})

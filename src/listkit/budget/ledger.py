"""Charges, pauses, refusals and automatic answers: SQLite, safe against a power cut.

The ledger is written before Postfix is asked to release a message, and after the message has left Postfix's queue.
After a crash in between, the open charge remains and `QueueController.run_cycle` compares it with the queue: nothing is
counted twice or not at all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from listkit.budget.answers import Answered
from listkit.budget.replies import RefusalReason
from listkit.budget.window import Charge, Kind
from listkit.common.answers import Answer

PATH = Path("/var/lib/listkit/budget/ledger.sqlite3")
SCHEMA = """
create table if not exists charge (
    queue_id text not null, account text not null, list text not null, kind integer not null,
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
create table if not exists answer (
    queue_id text primary key, account text not null, answer text not null, list text not null,
    recipients text not null, at real not null
);
create table if not exists dropped (
    list text not null, answer text not null, reason text not null, messages integer not null, since real not null,
    primary key (list, answer, reason)
);
create table if not exists summary (sent_at real not null);
"""


@dataclass(frozen=True)
class OpenCharge:
    """A message in delivery: Postfix was asked to release it, and the result is not known yet."""

    queue_id: str
    account: str
    list: str
    kind: Kind
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


@dataclass(frozen=True)
class Dropped:
    """The number of automatic answers of a list that were over a limit, and when the first one was."""

    list: str
    answer: Answer
    reason: str
    messages: int
    since: float


class Ledger:
    """One writer, any number of readers. `path` may be ":memory:"."""

    def __init__(self, path: Path | str = PATH, readonly: bool = False) -> None:
        target = f"file:{path}?mode=ro" if readonly else f"file:{path}" if path != ":memory:" else ":memory:"
        self._db = sqlite3.connect(target, uri=True, isolation_level=None, timeout=30)
        self._db.row_factory = sqlite3.Row
        if not readonly:
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = full")
            self._rename_urgent()
            self._db.executescript(SCHEMA)

    def _rename_urgent(self) -> None:
        """Adapt a ledger from before there was mail to strangers: 0 and 1 mean the same."""
        columns = {row["name"] for row in self._db.execute("pragma table_info(charge)")}
        if "urgent" in columns:
            self._db.execute("alter table charge rename column urgent to kind")

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
        """Record that Postfix is about to be asked to release a message."""
        self._db.execute(
            "insert into charge values (?, ?, ?, ?, ?, null, ?)",
            (charge.queue_id, charge.account, charge.list, charge.kind, charge.recipients, charge.released_at),
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
            "select queue_id, account, list, kind, recipients, released_at from charge where spent_at is null"
        )
        return [OpenCharge(**{**row, "kind": Kind(row["kind"])}) for row in rows]

    def charges(self, account: str, since: float) -> list[Charge]:
        """Return what an account has sent since then, and what is in delivery."""
        # Two queries, because SQLite does not use the index for `or`.
        query = "select recipients, list, kind, spent_at from charge where account = ? and spent_at "
        rows = [*self._db.execute(query + ">= ?", (account, since)), *self._db.execute(query + "is null", (account,))]
        return [Charge(row[0], row[1], Kind(row[2]), row[3]) for row in rows]

    def first_charge(self) -> float | None:
        """Return the time of the oldest charge."""
        return self._db.execute("select min(spent_at) from charge").fetchone()[0]

    def prune(self, before: float) -> None:
        """Delete charges and answers that are too old for any window or forecast."""
        self._db.execute("delete from charge where spent_at < ?", (before,))
        self._db.execute("delete from answer where at < ?", (before,))

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

    # Automatic answers

    def admit(self, answered: Answered) -> None:
        """Record that an answer may leave."""
        recipients = " ".join(sorted(answered.recipients))
        values = (
            answered.queue_id, answered.account, answered.answer.value, answered.list, recipients, answered.at,
        )  # fmt: skip
        self._db.execute("insert or replace into answer values (?, ?, ?, ?, ?, ?)", values)

    def answers(self, since: float) -> list[Answered]:
        """Return the answers that were admitted since then."""
        rows = self._db.execute("select * from answer where at > ?", (since,))
        return [
            Answered(**{**row, "answer": Answer(row["answer"]), "recipients": frozenset(row["recipients"].split())})
            for row in rows
        ]

    def drop(self, list_address: str, answer: Answer, reason: str, now: float) -> None:
        """Count an answer that is over a limit."""
        self._db.execute(
            "insert into dropped values (?, ?, ?, 1, ?) on conflict do update set messages = messages + 1",
            (list_address, answer.value, reason, now),
        )

    def dropped(self) -> list[Dropped]:
        """Return what was dropped since the last summary."""
        rows = self._db.execute("select * from dropped order by messages desc, list")
        return [Dropped(**{**row, "answer": Answer(row["answer"])}) for row in rows]

    def summarised_at(self) -> float:
        """Return when the last summary was sent; 0 if none was."""
        return self._db.execute("select max(sent_at) from summary").fetchone()[0] or 0

    def summarise(self, now: float) -> None:
        """Record that a summary of what was dropped is being sent."""
        with self.together():
            self._db.execute("delete from dropped")
            self._db.execute("delete from summary")
            self._db.execute("insert into summary values (?)", (now,))


def _refusal(row: sqlite3.Row) -> Refusal:
    return Refusal(**{**row, "reason": RefusalReason(row["reason"]), "suspect": bool(row["suspect"])})

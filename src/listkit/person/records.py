"""The bridge's and the budget's own records: SQLite files that running programs use."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from listkit.budget import ledger
from listkit.person.finding import Finding
from listkit.person.identity import Person
from listkit.person.redaction import Redactor

JOURNAL = "journal.sqlite"
"""In the bridge's state directory."""
_COLUMNS = {"refusals": ("addressee", "author", "subject", "reason"), "reports": ("addressee",)}


def refusals(person: Person, path: Path) -> list[Finding]:
    """Return the messages in the bridge's journal that were not delivered and name the person."""
    with _opened(path) as journal:
        return [Finding("refusal", f"{row['author']}: {row['subject']}") for _, row in _naming(journal, person)]


def erase_refusals(person: Person, path: Path) -> None:
    """Delete them, and when the person had a report."""
    with _opened(path) as journal, journal:
        for table, row in _naming(journal, person):
            conditions = " and ".join(f"{column} is ?" for column in _COLUMNS[table])
            values = [row[column] for column in _COLUMNS[table]]
            journal.execute(f"delete from {table} where {conditions}", values)  # noqa: S608 -- constants
    _tidy(path)


def answers(person: Person, path: Path = ledger.PATH) -> list[Finding]:
    """Return the record of automatic answers to the person."""
    with _opened(path) as budget:
        return [Finding("budget", f"an answer of {row['list']}") for row in _answers(budget, person)]


def erase_answers(person: Person, path: Path = ledger.PATH) -> None:
    """Replace the person's addresses in the ledger, and in the provider's replies in it."""
    redactor = Redactor(person)
    with _opened(path) as budget, budget:
        for row in _answers(budget, person):
            recipients = " ".join(sorted({redactor.text(one) for one in row["recipients"].split()}))
            budget.execute("update answer set recipients = ? where queue_id = ?", (recipients, row["queue_id"]))
        for table, key in (("pause", "account"), ("refusal", "queue_id")):
            for row in budget.execute(f"select * from {table}").fetchall():  # noqa: S608 -- constants
                if redactor.is_in(row["reply"]):
                    values = (redactor.text(row["reply"]), row[key])
                    budget.execute(f"update {table} set reply = ? where {key} = ?", values)  # noqa: S608 -- constants
    _tidy(path)


def _naming(journal: sqlite3.Connection, person: Person) -> Iterator[tuple[str, sqlite3.Row]]:
    redactor = Redactor(person)
    for table, columns in _COLUMNS.items():
        for row in journal.execute(f"select * from {table}").fetchall():  # noqa: S608 -- constants
            if any(redactor.is_in(row[column]) for column in columns):
                yield table, row


def _answers(budget: sqlite3.Connection, person: Person) -> list[sqlite3.Row]:
    rows = budget.execute("select queue_id, list, recipients from answer").fetchall()
    return [row for row in rows if any(map(person.has, row["recipients"].split()))]


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=30)
    try:
        connection.row_factory = sqlite3.Row
        # Deleted text is overwritten.
        connection.execute("pragma secure_delete = on")
        yield connection
    finally:
        connection.close()


def _tidy(path: Path) -> None:
    """Move the changes from the write-ahead log, which has old pages, into the file, and empty it."""
    with _opened(path) as database:
        database.execute("pragma wal_checkpoint(truncate)")

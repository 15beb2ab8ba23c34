"""Records that must survive kill -9 and a power cut, in one SQLite file.

Deliveries are written with `synchronous=FULL`: a delivery that was recorded stays recorded. What only helps (messages
in hand, failed logins, marks in folders, the last known lists) is written with `NORMAL`, which survives kill -9 but may
lose its last moments in a power cut.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from listkit.bridge.imap import Selected
from listkit.bridge.policy import FailedLogin, Timestamp, is_another_day

log = logging.getLogger(__name__)

NAME = "journal.sqlite"
"""The file, in the directory of the bridge's state."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS delivered (id TEXT PRIMARY KEY, recipient TEXT NOT NULL, at REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS delivered_at ON delivered (at);
CREATE TABLE IF NOT EXISTS attempts (message TEXT PRIMARY KEY, times INTEGER NOT NULL, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failed_logins (id INTEGER PRIMARY KEY, mailbox TEXT NOT NULL, refused INTEGER NOT NULL,
    boot TEXT NOT NULL, monotonic REAL NOT NULL, wall REAL NOT NULL);
CREATE TABLE IF NOT EXISTS marks (id INTEGER PRIMARY KEY, mailbox TEXT NOT NULL, folder TEXT NOT NULL,
    uidvalidity INTEGER NOT NULL, uidnext INTEGER NOT NULL, boot TEXT NOT NULL, monotonic REAL NOT NULL,
    wall REAL NOT NULL);
CREATE TABLE IF NOT EXISTS refusals (id INTEGER PRIMARY KEY, mailbox TEXT NOT NULL, addressee TEXT NOT NULL,
    author TEXT NOT NULL, subject TEXT NOT NULL, folder TEXT NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL,
    reported INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS reports (mailbox TEXT NOT NULL, addressee TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (mailbox, addressee)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lists (address TEXT PRIMARY KEY) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that was not delivered: its number, what it says of itself, where it lies now, and why."""

    number: int
    author: str
    subject: str
    folder: str
    reason: str


def is_damage(error: Exception) -> bool:
    """Whether an error says that the file is damaged, and not only busy or on a full disk."""
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)


class Journal:
    """The record, shared by all mailboxes' threads."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. A damaged one is set aside: Mailman's own record still guards against doubles.

        Every page is read: damage that is found in the middle of a delivery would stop all mail.
        """
        self._lock = threading.Lock()
        try:
            self._open(path)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            aside = path.with_suffix(f".damaged-{int(time.time())}")
            log.error("the journal %s is damaged (%s): set aside as %s", path, error, aside)
            path.rename(aside)
            for companion in ("-wal", "-shm"):
                path.with_name(path.name + companion).unlink(missing_ok=True)
            self._open(path)

    def _open(self, path: Path) -> None:
        self._sure = _connect(path, "FULL")
        (result,) = self._sure.execute("PRAGMA quick_check(1)").fetchone()
        if result != "ok":
            raise sqlite3.DatabaseError(result)
        self._sure.executescript(_SCHEMA)
        self._quick = _connect(path, "NORMAL")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._quick.close()
            self._sure.close()

    def is_delivered(self, delivery: str) -> bool:
        """Tell whether Mailman is known to have taken this delivery."""
        return bool(self._rows("SELECT 1 FROM delivered WHERE id = ?", delivery))

    def record_delivered(self, delivery: str, recipient: str) -> None:
        """Record that Mailman accepted this delivery; on return it is on the disk."""
        with self._lock, self._sure:
            self._sure.execute("INSERT OR IGNORE INTO delivered VALUES (?, ?, ?)", (delivery, recipient, time.time()))

    def begin_attempt(self, message: str) -> int:
        """Note that a message is about to be handled; returns how often that was begun without `end_attempt` before."""
        with self._writing() as quick:
            quick.execute(
                "INSERT INTO attempts VALUES (?, 1, ?) ON CONFLICT (message) DO UPDATE SET times = times + 1",
                (message, time.time()),
            )
        return self._rows("SELECT times FROM attempts WHERE message = ?", message)[0][0] - 1

    def end_attempt(self, message: str) -> None:
        """Note that the handling of a message ended without a crash, with any result."""
        with self._writing() as quick:
            quick.execute("DELETE FROM attempts WHERE message = ?", (message,))

    def unfinished_attempts(self) -> frozenset[str]:
        """The messages whose handling was begun and never came to an end."""
        return frozenset(row[0] for row in self._rows("SELECT message FROM attempts"))

    def begin_login(self, mailbox: str, timestamp: Timestamp) -> int:
        """Note that a login is about to be tried, and return its number; it counts as failed until it has succeeded."""
        with self._writing() as quick:
            row = (mailbox, timestamp.boot, timestamp.monotonic, timestamp.wall)
            cursor = quick.execute(
                "INSERT INTO failed_logins (mailbox, refused, boot, monotonic, wall) VALUES (?, 0, ?, ?, ?)", row
            )
            return cursor.lastrowid or 0

    def login_refused(self, number: int) -> None:
        """The mail service said no to this login."""
        with self._writing() as quick:
            quick.execute("UPDATE failed_logins SET refused = 1 WHERE id = ?", (number,))

    def failed_logins(self, mailbox: str) -> list[FailedLogin]:
        """The failed logins since the last good one, oldest first."""
        query = "SELECT refused, boot, monotonic, wall FROM failed_logins WHERE mailbox = ? ORDER BY id"
        return [FailedLogin(Timestamp(*timestamp), bool(refused)) for refused, *timestamp in self._rows(query, mailbox)]

    def refusals(self, mailboxes: Sequence[str]) -> list[Timestamp]:
        """When logins to any of these mailboxes were refused, each since its last good one; oldest first."""
        of_these = f"refused = 1 AND mailbox IN ({', '.join('?' * len(mailboxes))})"
        query = f"SELECT boot, monotonic, wall FROM failed_logins WHERE {of_these} ORDER BY id"  # noqa: S608 (only marks)
        return [Timestamp(*timestamp) for timestamp in self._rows(query, *mailboxes)]

    def forget_failed_logins(self, mailbox: str) -> None:
        """Record a successful login."""
        with self._writing() as quick:
            quick.execute("DELETE FROM failed_logins WHERE mailbox = ?", (mailbox,))

    def mark(self, mailbox: str, selected: Selected, timestamp: Timestamp, days: int) -> int:
        """Note once a day where a folder ends; return the UID below which messages lay there `days` days ago, or 0.

        The dates of the messages don't tell: a message that is moved keeps the date of its first arrival. Days are
        counted by marks, so that a clock that is set makes nothing old.
        """
        folder = (mailbox, selected.name, selected.uidvalidity)
        with self._writing() as quick:
            quick.execute("DELETE FROM marks WHERE mailbox = ? AND folder = ? AND uidvalidity != ?", folder)
            newest_first = "FROM marks WHERE mailbox = ? AND folder = ? AND uidvalidity = ? ORDER BY id DESC"
            newest = quick.execute(f"SELECT boot, monotonic, wall {newest_first}", folder).fetchone()
            if newest is None or is_another_day(Timestamp(*newest), timestamp):
                row = (*folder, selected.uidnext, timestamp.boot, timestamp.monotonic, timestamp.wall)
                quick.execute("INSERT INTO marks VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", row)
            old = quick.execute(f"SELECT id, uidnext {newest_first} LIMIT 1 OFFSET ?", (*folder, days)).fetchone()
            if old is None:
                return 0
            number, uidnext = old
            quick.execute("DELETE FROM marks WHERE mailbox = ? AND folder = ? AND id < ?", (*folder[:2], number))
            return uidnext

    def record_refusal(self, mailbox: str, addressee: str, author: str, subject: str, folder: str, reason: str) -> None:
        """Record that a message was not delivered, for the next report to the addressee."""
        columns = "mailbox, addressee, author, subject, folder, reason, at"
        row = (mailbox, addressee, author, subject, folder, reason, time.time())
        with self._writing() as quick:
            quick.execute(f"INSERT INTO refusals ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608 (constant)

    def due_refusals(self, mailbox: str, interval_seconds: float, delay_seconds: float) -> dict[str, list[Refusal]]:
        """The refusals that haven't been reported, by addressee.

        Left out are addressees who had a report within the interval, and those whose first refusal is younger than the
        delay. A clock that was set back holds nothing up.
        """
        now = time.time()
        last = {
            addressee: at
            for addressee, at in self._rows("SELECT addressee, at FROM reports WHERE mailbox = ?", mailbox)
            if at <= now
        }
        query = (
            "SELECT addressee, at, id, author, subject, folder, reason FROM refusals"
            " WHERE mailbox = ? AND NOT reported ORDER BY id"
        )
        due: dict[str, list[Refusal]] = {}
        for addressee, at, *refusal in self._rows(query, mailbox):
            is_waiting = addressee not in due and now - delay_seconds < at <= now
            if not is_waiting and now - last.get(addressee, float("-inf")) >= interval_seconds:
                due.setdefault(addressee, []).append(Refusal(*refusal))
        return due

    def mark_reported(self, mailbox: str, addressee: str, refusals: Iterable[Refusal]) -> None:
        """The refusals were reported to the addressee."""
        with self._writing() as quick:
            numbers = [(refusal.number,) for refusal in refusals]
            quick.executemany("UPDATE refusals SET reported = 1 WHERE id = ?", numbers)
            quick.execute("INSERT OR REPLACE INTO reports VALUES (?, ?, ?)", (mailbox, addressee, time.time()))

    def known_lists(self) -> frozenset[str]:
        """The lists as last remembered."""
        return frozenset(row[0] for row in self._rows("SELECT address FROM lists"))

    def remember_lists(self, addresses: Iterable[str]) -> None:
        """Remember the lists that Mailman knows."""
        with self._writing() as quick:
            quick.execute("DELETE FROM lists")
            quick.executemany("INSERT INTO lists VALUES (?)", [(address,) for address in addresses])

    def prune(self, keep_days: int) -> None:
        """Forget deliveries and messages in hand older than `keep_days`; 0 is never."""
        if not keep_days:
            return
        before = time.time() - keep_days * 86_400
        with self._writing() as quick:
            quick.execute("DELETE FROM delivered WHERE at < ?", (before,))
            quick.execute("DELETE FROM attempts WHERE at < ?", (before,))
            quick.execute("DELETE FROM refusals WHERE at < ?", (before,))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._quick:
            yield self._quick

    def _rows(self, query: str, *values: object) -> list[tuple]:
        with self._lock:
            return self._quick.execute(query, values).fetchall()


def count_refusals(path: Path, begin: float, end: float, *, without: str) -> int:
    """Return how many messages were not delivered between these times, in seconds since 1970, for another reason.

    Changes nothing. Raises sqlite3.Error.
    """
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
        query = "SELECT count(*) FROM refusals WHERE at >= ? AND at < ? AND reason != ?"
        (count,) = connection.execute(query, (begin, end, without)).fetchone()
        return int(count)


def _connect(path: Path, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    return connection

"""Addresses that differ only in case: after the merge, Debian 13's django-allauth can store all of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from listkit.web import same_addresses

TABLES = """
CREATE TABLE auth_user (id INTEGER PRIMARY KEY, username TEXT, last_login MOMENT);
CREATE TABLE account_emailaddress (
    id INTEGER PRIMARY KEY, email TEXT UNIQUE, verified BOOLEAN, "primary" BOOLEAN, user_id INTEGER
);
CREATE TABLE account_emailconfirmation (
    id INTEGER PRIMARY KEY, email_address_id INTEGER REFERENCES account_emailaddress
);
"""
MIGRATIONS = """
DROP TABLE account_emailconfirmation;
CREATE TABLE new (id INTEGER PRIMARY KEY, email TEXT, verified BOOLEAN, "primary" BOOLEAN, user_id INTEGER);
INSERT INTO new SELECT * FROM account_emailaddress;
DROP TABLE account_emailaddress;
ALTER TABLE new RENAME TO account_emailaddress;
UPDATE account_emailaddress SET email = lower(email) WHERE email <> lower(email);
CREATE UNIQUE INDEX user_email ON account_emailaddress (user_id, email);
CREATE UNIQUE INDEX unique_verified_email ON account_emailaddress (email) WHERE verified;
CREATE UNIQUE INDEX unique_primary_email ON account_emailaddress (user_id, "primary") WHERE "primary";
"""
"""What Debian 13 does to the table, and requires of it (migrations 0003 to 0009 of django-allauth's `account`)."""
ANA, BEN, CLEO = 1, 2, 3


class Database:
    """The tables of Debian 12, with three accounts; Ben was here last, and Cleo never."""

    def __init__(self) -> None:
        sqlite3.register_converter("MOMENT", lambda text: datetime.fromisoformat(text.decode()))
        sqlite3.register_converter("BOOLEAN", lambda text: text == b"1")
        self.connection = sqlite3.connect(":memory:", detect_types=sqlite3.PARSE_DECLTYPES)
        self.connection.executescript("PRAGMA foreign_keys = ON;" + TABLES)
        for account, name, month in ((ANA, "ana", 3), (BEN, "ben", 5), (CLEO, "cleo", None)):
            used = month and datetime(2026, month, 1, tzinfo=UTC).isoformat()
            self.connection.execute("INSERT INTO auth_user VALUES (?, ?, ?)", (account, name, used))
        self.cursor = self.connection.cursor()

    def add(self, email: str, account: int, *, verified: bool = True, primary: bool = False) -> None:
        """Add an address, with a request to confirm it."""
        row = self.connection.execute(
            'INSERT INTO account_emailaddress (email, verified, "primary", user_id) VALUES (?, ?, ?, ?)',
            (email, verified, primary, account),
        )
        self.connection.execute("INSERT INTO account_emailconfirmation (email_address_id) VALUES (?)", (row.lastrowid,))

    def merge(self) -> list[str]:
        """Merge the addresses; return what it says."""
        found = same_addresses.find(self.cursor)
        same_addresses.merge(self.cursor, found)
        return [line for same in found for line in same.lines()]

    def upgrade(self) -> set[tuple]:
        """Do what Debian 13's package does; return address, account, verified and primary of each row."""
        self.connection.executescript(MIGRATIONS)
        return set(self.connection.execute('SELECT email, user_id, verified, "primary" FROM account_emailaddress'))


@pytest.fixture
def database() -> Iterator[Database]:
    made = Database()
    yield made
    made.connection.close()


def test_without_the_merge_the_migration_fails(database: Database):
    database.add("Ana@example.org", ANA)
    database.add("ana@example.org", ANA, verified=False)
    with pytest.raises(sqlite3.IntegrityError):
        database.upgrade()


def test_an_accounts_own_copies_become_one_that_is_confirmed_and_primary(database: Database):
    database.add("ana@example.org", ANA, verified=False, primary=True)
    database.add("Ana@example.org", ANA)
    database.add("ANA@example.org", ANA, verified=False)
    assert database.merge() == [
        "Ana@example.org: confirmed for the account ana",
        "  ana@example.org: removed from the account ana, which has it in another spelling",
        "  ANA@example.org: removed from the account ana, which has it in another spelling",
    ]
    assert database.upgrade() == {("ana@example.org", ANA, True, True)}


def test_of_several_accounts_the_one_used_last_keeps_the_address(database: Database):
    database.add("Us@example.org", ANA, primary=True)
    database.add("us@example.org", BEN, primary=True)
    database.add("US@example.org", CLEO, primary=True)
    database.merge()
    assert database.upgrade() == {
        ("us@example.org", ANA, False, True),
        ("us@example.org", BEN, True, True),
        ("us@example.org", CLEO, False, True),
    }


def test_copies_in_two_accounts_at_once(database: Database):
    database.add("Us@example.org", ANA, primary=True)
    database.add("us@example.org", ANA)
    database.add("uS@example.org", BEN)
    database.merge()
    assert database.upgrade() == {("us@example.org", ANA, False, True), ("us@example.org", BEN, True, False)}


def test_what_the_migration_accepts_is_left_alone(database: Database):
    database.add("Ana@example.org", ANA, primary=True)
    database.add("ana@example.org", BEN, verified=False)
    database.add("Other@example.org", CLEO)
    assert database.merge() == []
    assert len(database.upgrade()) == 3

# ruff: noqa: S608 -- the only value from outside is the list's address, which is checked
"""The SQL script that brings the rows of one list from a restored backup into the site's database, in one transaction.

The rows come into temporary tables and get numbers that are free in the site. No program of Mailman's or HyperKitty's
sees them before they are complete, so nothing sends a notice. Mail is delayed while the transaction has its locks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from listkit.backup import databases
from listkit.backup.configuration import Database
from listkit.backup.databases import Session
from listkit.backup.errors import BackupError
from listkit.backup.list_tables import Part, Table

LOCK_SECONDS = 60


@dataclass(frozen=True)
class List:
    """A mailing list by its address."""

    address: str

    @property
    def list_id(self) -> str:
        """What Mailman calls it inside."""
        return self.address.replace("@", ".")

    def fill(self, statement: str, **names: str) -> str:
        """Put the list's names into a statement."""
        return statement.format(list_id=self.list_id, address=self.address, **names)


def counts(part: Part, session: Session, mailing_list: List) -> dict[str, str]:
    """Return what a database has of a list. Raises BackupError."""
    return {what: session.value(mailing_list.fill(query)) for what, query in part.counts.items()}


def write(path: Path, part: Part, mailing_list: List, source: Database, target: Database) -> None:
    """Write the script for a part of a list into `path`. Raises BackupError if the two aren't of the same release.

    source: the database that the backup was restored into; target: the site's.
    """
    with Session(source) as backup, Session(target) as site:
        columns = {table.name: _columns(table, backup, site) for table in part.tables}
        wanted = counts(part, backup, mailing_list)
    with path.open("wb") as script:
        for table in part.tables:
            script.write(_receiving(table, columns[table.name]).encode())
            script.flush()
            rows = f"SELECT {columns[table.name]} FROM {_quoted(table.name)} WHERE {mailing_list.fill(table.rows)}"
            databases.copy_out(source, rows, script)
            script.write(b"\\.\n")
        statements = (*_locking(part), *_changing(part, mailing_list, columns), *_verifying(part, mailing_list, wanted))
        script.write("".join(f"{statement};\n" for statement in statements).encode())


def _columns(table: Table, backup: Session, site: Session) -> str:
    """Return the names of the table's columns. Raises BackupError where those of the backup differ."""
    query = (
        "SELECT string_agg(quote_ident(column_name), ', ' ORDER BY {order}) FROM information_schema.columns "
        f"WHERE table_schema = 'public' AND table_name = '{table.name}'"
    )
    by_name = query.format(order="column_name")
    if backup.value(by_name) != site.value(by_name):
        raise BackupError(
            f"the table {table.name} of the backup has other columns than the site's, so it is of another release of "
            "Debian. Choose a later backup, or restore the whole site to another host"
        )
    return site.value(query.format(order="ordinal_position"))


def _receiving(table: Table, columns: str) -> str:
    return (
        f"CREATE TEMPORARY TABLE backup_{table.name} AS SELECT * FROM {_quoted(table.name)} WITH NO DATA;\n"
        f"COPY backup_{table.name} ({columns}) FROM stdin;\n"
    )


def _locking(part: Part) -> Iterator[str]:
    """Wait until no other transaction writes to the tables. It never holds one while it waits for another."""
    tables = ", ".join(_quoted(table.name) for table in part.tables)
    yield f"""DO $$ BEGIN
    FOR attempt IN 1..{LOCK_SECONDS * 10} LOOP
        BEGIN
            LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE NOWAIT;
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            PERFORM pg_sleep(0.1);
        END;
    END LOOP;
    RAISE EXCEPTION 'other programs have been writing for {LOCK_SECONDS} s; nothing was changed';
END $$"""


def _changing(part: Part, mailing_list: List, columns: Mapping[str, str]) -> Iterator[str]:
    for table in part.tables:
        if table.numbered:
            yield from _numbering(table)
    for table in part.tables:
        if table.match and not table.updates:
            yield f"DELETE FROM backup_{table.name} AS b USING ids_{table.name} AS i WHERE i.old = b.id AND i.known"
    yield from map(mailing_list.fill, part.conversions)
    for table in reversed(part.tables):
        if table.removal:
            yield mailing_list.fill(table.removal, table=_quoted(table.name), rows=mailing_list.fill(table.rows))
    for table in part.tables:
        if table.adds:
            yield from _adding(table, columns[table.name])
    for table in part.tables:
        for column, other in table.late.items():
            value = f"(SELECT new FROM ids_{other} WHERE old = b.{column})"
            rows = f"FROM backup_{table.name} AS b WHERE t.id = b.id"
            yield f"UPDATE {_quoted(table.name)} AS t SET {column} = {value} {rows}"
    yield from map(mailing_list.fill, part.completions)


def _numbering(table: Table) -> Iterator[str]:
    """Make the table of the rows' numbers in the backup and in the site. A row without any is left out."""
    ids = f"ids_{table.name}"
    free = f"nextval(pg_get_serial_sequence('{_quoted(table.name)}', 'id'))" if table.adds else "NULL"
    matched = f"({table.match})" if table.match else "NULL::integer"
    yield (
        f"CREATE TEMPORARY TABLE {ids} AS "
        f"SELECT old, coalesce(found, {free})::integer AS new, found IS NOT NULL AS known "
        f"FROM (SELECT b.id AS old, {matched} AS found FROM backup_{table.name} AS b) AS rows"
    )
    yield f"ALTER TABLE {ids} ADD PRIMARY KEY (old)"


def _adding(table: Table, columns: str) -> Iterator[str]:
    """Give the rows the site's numbers, and put them into the site's table."""
    held = f"backup_{table.name}"
    numbers = {**({"id": table.name} if table.numbered else {}), **table.references}
    for column in table.required:
        yield f"DELETE FROM {held} WHERE {column} NOT IN (SELECT old FROM ids_{table.references[column]} WHERE new > 0)"
    if numbers:
        values = (f"{column} = (SELECT new FROM ids_{other} WHERE old = {column})" for column, other in numbers.items())
        yield f"UPDATE {held} SET {', '.join(values)}"
    later = columns
    for column in table.late:
        later = later.replace(column, "NULL")
    conflict = f"(id) DO UPDATE SET ({columns}) = ROW(excluded.{columns.replace(', ', ', excluded.')})"
    yield (
        f"INSERT INTO {_quoted(table.name)} ({columns}) SELECT {later} FROM {held} "
        f"ON CONFLICT {conflict if table.updates else 'DO NOTHING'}"
    )


def _verifying(part: Part, mailing_list: List, wanted: Mapping[str, str]) -> Iterator[str]:
    """Have the transaction fail, and change nothing, unless the site has then what the backup has."""
    for what, query in part.counts.items():
        yield f"""DO $$ BEGIN
    IF ({mailing_list.fill(query)}) <> {wanted[what]} THEN
        RAISE EXCEPTION 'the site would have other {what} than the backup; nothing was changed';
    END IF;
END $$"""


def _quoted(name: str) -> str:
    """Return the table's name as SQL wants it: `user` is a keyword."""
    return f'"{name}"'

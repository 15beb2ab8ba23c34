# ruff: noqa: S608 -- names of tables and columns come from the databases' own catalogues
"""How a site comes back from a later release of Debian: the rows of its databases, in the tables that are here.

A later release changes tables in a way that an earlier one can't read. This host had the site until it moved away, so
it still has the tables of its own release. The backup is loaded into a scratch database; then the rows of each table
replace those here, in the columns that both have. What only the later release can store is lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from listkit.backup import databases, scratch
from listkit.backup.configuration import Database
from listkit.backup.databases import Session
from listkit.backup.errors import BackupError

OF_THE_RELEASE = ("alembic_version", "django_migrations")
"""Tables that say which release the others are of."""
COLUMNS = (
    "SELECT jsonb_object_agg(name, columns) FROM ("
    "SELECT table_name AS name, jsonb_agg(quote_ident(column_name) ORDER BY ordinal_position) AS columns "
    "FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name) "
    "WHERE table_schema = 'public' AND table_type = 'BASE TABLE' GROUP BY table_name) found"
)
NUMBERED = (
    "SELECT coalesce(jsonb_agg(table_name ORDER BY table_name), '[]') FROM information_schema.columns "
    # The order of conditions is PostgreSQL's choice, and the function refuses tables without the column.
    "WHERE CASE WHEN table_schema = 'public' AND column_name = 'id' "
    "THEN pg_get_serial_sequence(quote_ident(table_name), 'id') END IS NOT NULL"
)
"""The tables whose rows get their number from a sequence."""
Columns = Mapping[str, list[str]]
"""Those of each table, quoted."""


def load(database: Database, dump: Path) -> None:
    """Replace the rows of a database by those of a later release's dump: all, or nothing changes.

    Raises BackupError.
    """
    if not database.user:
        raise BackupError("the databases are not on this host, and those of a later release can't be read by this one")
    script = dump.with_suffix(".rows")
    with scratch.empty_database(dump.stem, database) as source:
        databases.load(source, dump)
        with Session(source) as later, Session(database) as here:
            columns = _columns(here)
            common = shared(columns, _columns(later))
            numbered = json.loads(here.value(NUMBERED))
        with script.open("wb") as out:
            out.write("".join(f"{line};\n" for line in emptying(columns)).encode())
            for table, names in common.items():
                listed = ", ".join(names)
                out.write(f"COPY {_quoted(table)} ({listed}) FROM stdin;\n".encode())
                out.flush()
                databases.copy_out(source, f"SELECT {listed} FROM {_quoted(table)}", out)
                out.write(b"\\.\n")
            out.write("".join(f"{line};\n" for line in numbering(numbered)).encode())
    # Foreign keys are not checked: the rows come from a database that has checked them.
    databases.execute(replace(database, user=scratch.SUPERUSER), script)
    script.unlink()


def shared(here: Columns, later: Columns) -> dict[str, list[str]]:
    """Return the columns that both have, of the tables that both have."""
    return {table: [name for name in names if name in later[table]] for table, names in here.items() if table in later}


def emptying(columns: Columns) -> Iterator[str]:
    """Yield the statements that empty the tables, in a transaction that checks no foreign keys."""
    yield "SET LOCAL session_replication_role = replica"
    yield f"TRUNCATE {', '.join(map(_quoted, columns))}"


def numbering(tables: Iterable[str]) -> Iterator[str]:
    """Yield the statements after which the next row of each table gets a number that is free."""
    for table in tables:
        sequence = f"pg_get_serial_sequence('{_quoted(table)}', 'id')"
        yield f"SELECT setval({sequence}, coalesce(max(id), 1), max(id) IS NOT NULL) FROM {_quoted(table)}"


def _columns(session: Session) -> dict[str, list[str]]:
    found = json.loads(session.value(COLUMNS))
    return {table: names for table, names in sorted(found.items()) if table not in OF_THE_RELEASE}


def _quoted(name: str) -> str:
    return f'"{name}"'

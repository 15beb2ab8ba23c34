"""PostgreSQL: the content of one moment dumped into a file, loaded from it, and counted."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from listkit.backup.configuration import Database
from listkit.backup.errors import BackupError
from listkit.common.systemd import as_user

TRAILER = b"PostgreSQL database dump complete"
TRAILER_WITHIN = 1000
"""The bytes at the end of a dump in which the trailer is."""
WITHOUT_LATER_SETTINGS = "1,40{/^SET transaction_timeout = 0;$/d}"
"""For `sed`: PostgreSQL 15 doesn't know what PostgreSQL 17 sets at the beginning of a dump, to its default."""

COUNTS = {
    "core": {
        "lists": "SELECT count(*) FROM mailinglist",
        "members": "SELECT count(*) FROM member",
        "users": 'SELECT count(*) FROM "user"',
        "held": "SELECT count(*) FROM _request",
        "bans": "SELECT count(*) FROM ban",
        "settings": "SELECT md5(string_agg(m::text, '' ORDER BY m.id)) FROM mailinglist m",
    },
    "web": {
        "logins": "SELECT count(*) FROM auth_user",
        "messages": "SELECT count(*) FROM hyperkitty_email",
        "attachments": "SELECT count(*) FROM hyperkitty_attachment",
        "templates": "SELECT count(*) FROM postorius_emailtemplate",
    },
}
"""By database, what a backup is compared by. `settings` is a hash of those of all lists."""


class Session:
    """A connection whose transaction sees the database as it was at `freeze`, however long it lasts."""

    def __init__(self, database: Database) -> None:
        """Connect. Raises BackupError."""
        self._psql = subprocess.Popen(
            _command(database, "psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "-vON_ERROR_STOP=1"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/",
        )  # fmt: skip
        try:
            self.value("SELECT 1")
        except BaseException:
            self.close()
            raise

    def freeze(self) -> str:
        """Begin the transaction; return the name under which `dump` finds what it sees."""
        return self.value("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_export_snapshot()")

    def value(self, query: str) -> str:
        """Return the one value that the query has, "" for null. Raises BackupError."""
        reader, writer = self._psql.stdout, self._psql.stdin
        assert reader and writer
        with contextlib.suppress(BrokenPipeError):  # the answer says why
            writer.write(f"{query};\n")
            writer.flush()
        answer = reader.readline()
        # psql ends at the first error, and says why on the same output.
        if answer and re.match(r"psql: |ERROR: |FATAL: ", answer):
            raise BackupError(f"PostgreSQL: {(answer + reader.read()).strip()}")
        if not answer:
            raise BackupError("PostgreSQL: the connection ended")
        return answer.rstrip("\n")

    def close(self) -> None:
        """End the transaction and the connection."""
        self._psql.kill()
        self._psql.communicate()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def counts(name: str, session: Session) -> dict[str, str]:
    """Return what the database `name` holds, as `COUNTS` has it. Raises BackupError."""
    return {what: session.value(query) for what, query in COUNTS[name].items()}


def size(session: Session) -> int:
    """Return the size of the session's database in bytes, which a dump rarely exceeds."""
    return int(session.value("SELECT pg_database_size(current_database())"))


def dump(database: Database, snapshot: str, path: Path) -> int:
    """Write what `Session.freeze` saw into `path`; return its size in bytes. Raises BackupError.

    As text and not compressed, so that the repository stores only what has changed since the last dump.
    """
    options = ["--no-owner", "--no-privileges", f"--snapshot={snapshot}"]
    with path.open("wb") as out:
        _run(_command(database, "pg_dump", *options), stdout=out)
        out.flush()
        os.fsync(out.fileno())
    require_complete(path)
    return path.stat().st_size


def require_complete(path: Path) -> None:
    """Raise BackupError unless the dump has its end."""
    with path.open("rb") as dumped:
        dumped.seek(max(0, path.stat().st_size - TRAILER_WITHIN))
        if TRAILER not in dumped.read():
            raise BackupError(f"the dump {path.name} has no end: `pg_dump` was interrupted, or the file is damaged")


def load(database: Database, path: Path) -> None:
    """Replace the content of the database by that of a dump: all of it, or nothing changes. Raises BackupError."""
    require_complete(path)
    clear = (
        "SET client_min_messages = warning;\nDROP SCHEMA public CASCADE;\nCREATE SCHEMA public;\n"
        # As a new database has it, so that the next dump is the same.
        "COMMENT ON SCHEMA public IS 'standard public schema';\n"
        "ALTER SCHEMA public OWNER TO pg_database_owner;\n"
    )
    with _piped(clear.encode(), path) as content:
        _execute(database, content)


def execute(database: Database, script: Path) -> None:
    """Run a script of psql's: all of it, or nothing changes. Raises BackupError."""
    with script.open("rb") as content:
        _execute(database, content)


def command(database: Database, statement: str) -> None:
    """Run a statement that can't be in a transaction. Raises BackupError."""
    _run(_command(database, "psql", "--no-psqlrc", "--quiet", "-vON_ERROR_STOP=1", f"--command={statement}"))


def copy_out(database: Database, query: str, out: IO[bytes]) -> None:
    """Write the rows of a query as `COPY … FROM stdin` reads them. Raises BackupError."""
    options = ["--no-psqlrc", "--quiet", "-vON_ERROR_STOP=1", f"--command=COPY ({query}) TO STDOUT"]
    _run(_command(database, "psql", *options), stdout=out)


@contextlib.contextmanager
def _piped(first: bytes, path: Path) -> Iterator[IO[bytes]]:
    """A stream with `first` and then the content of the file."""
    command = ["sed", "--expression", WITHOUT_LATER_SETTINGS, "-", str(path)]
    environment = {**os.environ, "LC_ALL": "C"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as sed:
        assert sed.stdin and sed.stdout
        sed.stdin.write(first)
        sed.stdin.close()
        yield sed.stdout
        sed.stdout.close()


def _execute(database: Database, content: IO[bytes]) -> None:
    options = ["--no-psqlrc", "--quiet", "--single-transaction", "--output=/dev/null", "-vON_ERROR_STOP=1", "--file=-"]
    _run(_command(database, "psql", *options), stdin=content)


def _command(database: Database, program: str, *options: str) -> list[str]:
    command = [program, *options, f"--dbname={database.connection}"]
    return as_user(database.user, command) if database.user else command


def _run(command: Sequence[str], stdin: IO[bytes] | int = subprocess.DEVNULL, stdout: IO[bytes] | None = None) -> None:
    # The directory that root was in may be closed to the database's user.
    answer = subprocess.run(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, cwd="/", check=False)
    if answer.returncode:
        raise BackupError(f"PostgreSQL: {first_lines(answer.stderr.decode(errors='replace').splitlines())}")


def first_lines(lines: Iterable[str], most: int = 3) -> str:
    """Return the beginning of what a program said: it usually names the cause, and the rest its consequences."""
    return " ".join([line.strip() for line in lines if line.strip()][:most])

"""`/etc/listkit/backup.json`, which the role `backup` writes, and the files that the role puts beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from listkit.common import configuration
from listkit.common.configuration import Table

CONFIGURATION = Path("/etc/listkit/backup.json")
SECRETS = Path("/etc/listkit/secrets")
STATE = Path("/var/lib/listkit/backup")
KEEP = r"([0-9]+[ymdh])+"
"""A duration as restic writes it, such as 1y6m or 90d."""


@dataclass(frozen=True)
class Database:
    """How to reach a database.

    connection: libpq's parameters, without a password; user: the system user that the server knows as the owner,
    or "" when the connection names a file with the password.
    """

    connection: str
    user: str


@dataclass(frozen=True)
class Configuration:
    """The settings.

    repository: where the backups are, without a password; site: the name under which they are stored; keep: for how
    long (see `KEEP`); core, web: the two databases.
    """

    repository: str
    site: str
    keep: str
    core: Database
    web: Database

    @classmethod
    def load(cls, path: Path | None = None) -> Configuration:
        """Read `path`, this host's file by default. Raises ConfigurationError."""
        return configuration.load(path or CONFIGURATION, cls._build)

    @classmethod
    def _build(cls, table: Table) -> Configuration:
        databases = table.table("databases")
        return cls(
            repository=table.text("repository", example="s3:https://s3.pub1.infomaniak.cloud/listkit-backup"),
            site=table.host("site"),
            keep=table.text("keep", pattern=KEEP, example="90d"),
            core=_database(databases.table("core")),
            web=_database(databases.table("web")),
        )

    @property
    def databases(self) -> dict[str, Database]:
        """The databases by name."""
        return {"core": self.core, "web": self.web}


def _database(table: Table) -> Database:
    return Database(
        connection=table.text("connection", example="host=/run/postgresql dbname=mailman3"),
        user=table.text("user", pattern=r".*", example="list", default=""),
    )

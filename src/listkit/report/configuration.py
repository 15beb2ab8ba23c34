"""`/etc/listkit/report.json`, written by Ansible."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from listkit.common import configuration
from listkit.common.configuration import Table

CONFIGURATION = Path("/etc/listkit/report.json")


@dataclass(frozen=True)
class Configuration:
    """The settings.

    site: the site's name; mail_to: its owner's address; mail: whether each month's report is mailed there; archive:
    whether it is on this host.
    """

    site: str
    mail_to: str
    mail: bool = False
    archive: bool = True

    @classmethod
    def load(cls, path: Path | None = None) -> Configuration:
        """Read `path`, this host's file by default. Raises ConfigurationError."""
        return configuration.load(path or CONFIGURATION, cls._build)

    @classmethod
    def _build(cls, table: Table) -> Configuration:
        return cls(table.host("site"), table.address("mail_to"), table.flag("mail"), table.flag("archive"))

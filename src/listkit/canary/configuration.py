"""`/etc/listkit/canary.json`, written by Ansible."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from listkit.common import configuration
from listkit.common.configuration import Table

CONFIGURATION = Path("/etc/listkit/canary.json")


@dataclass(frozen=True)
class Canary:
    """Where the message is sent, and the mailbox to which it returns."""

    list_address: str
    account: str


def load(path: Path = CONFIGURATION) -> Canary:
    """Read the configuration. Raises ConfigurationError."""
    return configuration.load(path, _canary)


def _canary(table: Table) -> Canary:
    return Canary(table.address("list"), table.address("account"))

"""The settings of the checks: `/etc/listkit/check.d/ROLE.json`, each written by its role."""

from __future__ import annotations

from dataclasses import dataclass, field

from listkit.common.configuration import Table


@dataclass
class Host:
    """The units and ports of all roles on this host; complete when the first check runs.

    unusable: the roles whose settings could not be read.
    """

    units: set[str] = field(default_factory=set)
    ports: set[int] = field(default_factory=set)
    unusable: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Settings:
    """The settings of one role. `own`: the keys that only its module knows."""

    units: tuple[str, ...]
    own: Table
    host: Host


def read(table: Table, host: Host) -> Settings:
    """Read the keys that every role may have, and add them to those of the host."""
    units = table.texts("units", example="nginx.service", default=(), may_be_empty=True)
    ports = table.ports("ports", default=())
    host.units.update(units)
    host.ports.update(ports)
    return Settings(units, table, host)

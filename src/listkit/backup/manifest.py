"""The facts about a backup, which lie beside its data and which a restore is compared with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from listkit.backup.errors import BackupError

NAME = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What a backup holds.

    time: the moment whose state it is, in seconds since 1970; site: the host's name; kit, debian: versions; idle:
    whether mail was stopped, so that what waited then still waits; counts: see `databases.COUNTS`; dump_bytes: the
    sizes of the dumps, by database.
    """

    time: float
    site: str
    kit: str
    debian: str
    idle: bool
    counts: Mapping[str, str]
    dump_bytes: Mapping[str, int]

    @classmethod
    def parse(cls, text: str | bytes) -> Manifest:
        """Read the text that `write` writes; keys of a later version are ignored. Raises BackupError."""
        try:
            found = json.loads(text)
            return cls(**{field.name: found[field.name] for field in fields(cls)})
        except (ValueError, KeyError, TypeError) as error:
            raise BackupError(f"the backup's {NAME} can't be read: {error}") from error

    def write(self, directory: Path) -> None:
        """Write it into the directory of a backup."""
        (directory / NAME).write_text(json.dumps(asdict(self), indent=2) + "\n")

    @property
    def comparable(self) -> Manifest:
        """Without what depends on the columns of a release's tables."""
        return replace(self, counts={what: count for what, count in self.counts.items() if what != "settings"})

    def differences(self, counts: Mapping[str, str]) -> list[str]:
        """Return in what a restored site differs, one text for each."""
        return [
            f"{what}: {counts.get(what, 'missing')} instead of {wanted}"
            for what, wanted in self.counts.items()
            if counts.get(what) != wanted
        ]


def shrunk(before: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    """Return the databases whose dump has less than half of its size before."""
    return [
        f"the dump of the {name} database has {size} bytes, less than half of the last one's {before[name]}"
        for name, size in now.items()
        if size * 2 < before.get(name, 0)
    ]

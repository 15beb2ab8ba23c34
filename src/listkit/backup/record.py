"""`/var/lib/listkit/backup/record.json`: what became of the last backup and of the last drill."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from listkit.backup.configuration import STATE
from listkit.common.durable import write_durably

NAME = "record.json"
PATH = STATE / NAME


@dataclass(frozen=True)
class Made:
    """A backup: when its state is of, where it is, its name there, sizes in bytes, and durations in seconds.

    stored_bytes: by how much the repository grew, as `repository.Stored` has it.
    """

    time: float
    repository: str
    snapshot: str
    dump_bytes: dict[str, int]
    total_bytes: int
    stored_bytes: int
    seconds: float
    pause_seconds: float


@dataclass(frozen=True)
class Failure:
    """When something failed last, and why."""

    time: float
    reason: str


@dataclass(frozen=True)
class Proof:
    """When a restore was last proven possible, and of which backup. searched: the posts that a search has found."""

    time: float
    snapshot: str
    seconds: float
    searched: int | None = None


@dataclass(frozen=True)
class Restored:
    """When this host was restored, and from which backup."""

    time: float
    snapshot: str


@dataclass(frozen=True)
class Record:
    """The last backup and the last proof; a failure since is there until the next success."""

    made: Made | None = None
    failure: Failure | None = None
    proof: Proof | None = None
    drill_failure: Failure | None = None
    restored: Restored | None = None

    @classmethod
    def load(cls, path: Path = PATH) -> Record:
        """Read `path`; a file that is missing or damaged is an empty record. Raises PermissionError."""
        try:
            found = json.loads(path.read_text())
            kinds = {
                "made": Made, "failure": Failure, "proof": Proof, "drill_failure": Failure, "restored": Restored
            }  # fmt: skip
            return cls(**{name: kind(**found[name]) for name, kind in kinds.items() if found.get(name)})
        except (FileNotFoundError, ValueError, TypeError, AttributeError):
            return cls()

    def save(self, path: Path = PATH) -> None:
        """Write it to `path`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, json.dumps(asdict(self)))

    def with_backup(self, made: Made) -> Record:
        """Return the record after a backup."""
        return replace(self, made=made, failure=None)

    def with_proof(self, proof: Proof) -> Record:
        """Return the record after a drill."""
        return replace(self, proof=proof, drill_failure=None)

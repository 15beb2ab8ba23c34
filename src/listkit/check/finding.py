"""The result of a check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

PLAYBOOK = "on the machine that you deploy from: `ansible-playbook playbook.yml`"
"""The remedy for everything that the playbook puts right."""


Figure = float | Mapping[str, float]


class Status(StrEnum):
    """The result of a check, in the words of monitoring plugins; the most severe last."""

    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def exit_status(self) -> int:
        """The exit status that monitoring plugins have for it."""
        return {Status.OK: 0, Status.WARNING: 1, Status.CRITICAL: 2, Status.UNKNOWN: 3}[self]


@dataclass(frozen=True)
class Finding:
    """The result of one check with the facts and the cause; unless it is ok, the remedy with a command to run.

    figures: what was measured, by the name of its metric (`check.metrics.FIGURES`); where the metric has a label, by
    the label's value. What is not known is left out.
    """

    name: str
    status: Status
    seen: str
    remedy: str = ""
    figures: Mapping[str, Figure] = field(default_factory=dict)

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Finding:
        """Read one that `dataclasses.asdict` has written. Raises KeyError, TypeError and ValueError."""
        return cls(**{**entry, "status": Status(entry["status"])})

    @classmethod
    def ok(cls, name: str, seen: str) -> Finding:
        """All is as it should be."""
        return cls(name, Status.OK, seen)

    def measured(self, **figures: Figure | None) -> Finding:
        """Return it with these figures. One that is None is not known, and is left out."""
        return replace(self, figures={name: value for name, value in figures.items() if value is not None})

    @classmethod
    def warning(cls, name: str, seen: str, remedy: str) -> Finding:
        """Mail flows, but something needs attention."""
        return cls(name, Status.WARNING, seen, remedy)

    @classmethod
    def critical(cls, name: str, seen: str, remedy: str) -> Finding:
        """The component does not do its work."""
        return cls(name, Status.CRITICAL, seen, remedy)

    @classmethod
    def unknown(cls, name: str, seen: str, remedy: str) -> Finding:
        """The check itself was not possible."""
        return cls(name, Status.UNKNOWN, seen, remedy)


def worst(findings: Iterable[Finding]) -> Status:
    """Return the gravest status; ok without findings."""
    order = list(Status)
    return max((finding.status for finding in findings), key=order.index, default=Status.OK)


@dataclass(frozen=True)
class Check:
    """Something to look at. `run` may raise; a PermissionError means that root has to look.

    needs_root: others can't reach what it looks at, and would find it broken.
    inspects: it needs what the unit of the regular checks lacks; see `listkit.check.inspection`.
    reuse_seconds: for this long the regular checks reuse its findings, if all were ok; see `listkit.check.reuse`.
    settings: the file with its own settings; findings from before it was written are not reused.
    """

    name: str
    run: Callable[[], Iterable[Finding]]
    needs_root: bool = False
    inspects: bool = False
    reuse_seconds: float = 0
    settings: Path | None = None

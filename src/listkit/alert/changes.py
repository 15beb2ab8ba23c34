"""Problems that have begun or ended since the last message."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from listkit.check.finding import Finding, Status
from listkit.common.durable import write_durably

PATH = Path("/var/lib/listkit/alert/reported.json")
_ORDER = list(Status)


@dataclass(frozen=True)
class Problem:
    """A failing check, with the findings of one name together. since: in seconds since 1970."""

    component: str
    name: str
    status: Status
    seen: str
    remedy: str
    since: float

    @property
    def key(self) -> str:
        """The identity of the problem."""
        return f"{self.component}/{self.name}"


Problems = Mapping[str, Problem]


@dataclass(frozen=True)
class Changes:
    """Problems that have begun or become graver, and those that have ended."""

    begun: tuple[Problem, ...]
    ended: tuple[Problem, ...]

    def __bool__(self) -> bool:
        return bool(self.begun or self.ended)


def problems(findings: Iterable[tuple[str, Finding]], now: float) -> dict[str, Problem]:
    """Return the problems among the findings, by their keys; the gravest finding of a name gives the status."""
    found: dict[str, Problem] = {}
    for component, finding in findings:
        if finding.status is Status.OK:
            continue
        new = Problem(component, finding.name, finding.status, finding.seen, finding.remedy, now)
        present = found.get(new.key)
        found[new.key] = _joined(present, new) if present else new
    return found


def _joined(first: Problem, second: Problem) -> Problem:
    status = max(first.status, second.status, key=_ORDER.index)
    seen, remedy = f"{first.seen}; {second.seen}", f"{first.remedy}; {second.remedy}"
    return replace(first, status=status, seen=seen, remedy=remedy)


def compare(reported: Problems, current: Problems) -> Changes:
    """Return what has changed since the last message."""
    return Changes(
        tuple(problem for key, problem in current.items() if _is_news(reported.get(key), problem)),
        tuple(problem for key, problem in reported.items() if key not in current),
    )


def _is_news(reported: Problem | None, problem: Problem) -> bool:
    return reported is None or _ORDER.index(problem.status) > _ORDER.index(reported.status)


def merged(reported: Problems, current: Problems) -> dict[str, Problem]:
    """Return the current problems, each with the time at which it began and the gravest status that was reported."""
    return {key: problem if _is_news(reported.get(key), problem) else reported[key] for key, problem in current.items()}


def load(path: Path | None = None) -> dict[str, Problem]:
    """Return the problems that were reported; none before the first message."""
    file = path or PATH
    if not file.exists():
        return {}
    entries = [Problem(**{**entry, "status": Status(entry["status"])}) for entry in json.loads(file.read_text())]
    return {problem.key: problem for problem in entries}


def save(reported: Problems, path: Path | None = None) -> None:
    """Keep the problems that were reported."""
    file = path or PATH
    file.parent.mkdir(parents=True, exist_ok=True)
    write_durably(file, json.dumps([asdict(problem) for problem in reported.values()]), 0o600)

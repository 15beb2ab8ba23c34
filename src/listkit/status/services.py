"""What visitors use: whether it works, and since when. It tells nothing about the site's inside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from listkit.check.finding import Finding, Status
from listkit.common.durable import replace_file

PATH = Path("/var/lib/listkit/status/services.json")
COMPONENTS = {
    "mail": frozenset({"tunnel", "database", "relay", "core", "bridge", "canary"}),
    "web": frozenset({"tunnel", "database", "certificate", "web"}),
}
"""The components that each service needs."""


class State(StrEnum):
    """Whether a service works."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Service:
    """The state of a service, and since when it has it, in seconds since 1970."""

    state: State
    since: float


Services = Mapping[str, Service]


def assess(
    findings: Iterable[tuple[str, Finding]], unseen: frozenset[str], before: Services, now: float
) -> dict[str, Service]:
    """Return the state of each service. unseen: the services of which another host's findings are missing."""
    failing = {component for component, finding in findings if finding.status is Status.CRITICAL}
    found = {}
    for name, components in COMPONENTS.items():
        state = State.DOWN if components & failing else State.UNKNOWN if name in unseen else State.UP
        previous = before.get(name)
        found[name] = previous if previous and previous.state is state else Service(state, now)
    return found


def load(path: Path | None = None) -> dict[str, Service]:
    """Return the states of the last run; none before the first, or when the file is damaged."""
    file = path or PATH
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return {name: Service(State(entry["state"]), float(entry["since"])) for name, entry in content.items()}
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def save(services: Services, path: Path | None = None) -> None:
    """Keep the states for the next run."""
    replace_file(path or PATH, json.dumps({name: asdict(service) for name, service in services.items()}), 0o600)

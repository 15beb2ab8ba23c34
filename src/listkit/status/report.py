"""What the checks found on one host, kept for the status page and as the state of the last run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from listkit.check.finding import Finding, Status
from listkit.common.durable import replace_file

PATH = Path("/var/lib/listkit/status/report.json")
READERS = "list"
"""The group of Mailman's REST server, which the web host of a split site asks."""
RESOURCE = "plugins/listkit/report"
"""The report in that API."""


@dataclass(frozen=True)
class LastCanary:
    """The canary that was sent last.

    sent: in seconds since 1970. seconds: until its return; None if it did not return.
    """

    sent: float
    seconds: float | None


@dataclass(frozen=True)
class Report:
    """The findings of one run, each with its component. time: of the run, in seconds since 1970."""

    host: str
    time: float
    findings: tuple[tuple[str, Finding], ...]
    canary: LastCanary | None = None

    @property
    def problems(self) -> set[str]:
        """The checks that failed, as COMPONENT/NAME."""
        return {f"{component}/{found.name}" for component, found in self.findings if found.status is not Status.OK}

    def as_json(self) -> str:
        """Return the report as JSON."""
        findings = [{"component": component, **asdict(finding)} for component, finding in self.findings]
        canary = asdict(self.canary) if self.canary else None
        return json.dumps({"host": self.host, "time": self.time, "findings": findings, "canary": canary})

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Report:
        """Read a report from parsed JSON. Raises ValueError."""
        try:
            findings = tuple(_finding(entry) for entry in content["findings"])
            canary = LastCanary(**content["canary"]) if content["canary"] else None
            return cls(str(content["host"]), float(content["time"]), findings, canary)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a report: {type(error).__name__}: {error}") from error


def _finding(entry: Mapping[str, Any]) -> tuple[str, Finding]:
    finding = Finding(entry["name"], Status(entry["status"]), entry["seen"], entry["remedy"])
    return str(entry["component"]), finding


def load(path: Path | None = None) -> Report | None:
    """Return the report of the last run on this host; None before the first, or when the file is damaged."""
    file = path or PATH
    try:
        return Report.of(json.loads(file.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return None


def save(report: Report, path: Path | None = None) -> None:
    """Keep the report of this host."""
    file = path or PATH
    prepare_directory(file.parent)
    replace_file(file, report.as_json(), 0o640, READERS)


def prepare_directory(path: Path) -> None:
    """Make a directory that everybody may enter, whatever the umask."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o755)

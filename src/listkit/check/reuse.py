"""Findings that the regular checks reuse, because looking costs time or bothers servers on the Internet.

Only those that are ok are reused, so that the end of a problem is noticed at the next run. A person's `listkit check`
always looks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from listkit.check.finding import Check, Finding, Status
from listkit.common.durable import replace_file

PATH = Path("/run/listkit-alert/findings.json")


@dataclass(frozen=True)
class Look:
    """The findings of a check, and when it looked, in seconds since 1970."""

    time: float
    findings: Sequence[Finding]


@dataclass(frozen=True)
class Looks:
    """The last look of each check with `reuse_seconds`, by COMPONENT/NAME."""

    by_check: dict[str, Look] = field(default_factory=dict)

    def findings(self, component: str, check: Check, now: float, perform: Callable[[], list[Finding]]) -> list[Finding]:
        """Return the findings of a check: those of its last look, or else what `perform` returns, which are kept."""
        key = f"{component}/{check.name}"
        last = self.by_check.get(key)
        if last and max(_configured(check), now - check.reuse_seconds) < last.time <= now:
            return list(last.findings)
        found = perform()
        self.by_check.pop(key, None)
        if check.reuse_seconds and all(finding.status is Status.OK for finding in found):
            self.by_check[key] = Look(now, found)
        return found


def _configured(check: Check) -> float:
    """Return when the settings of a check were written, in seconds since 1970; 0 without settings of its own."""
    return check.settings.stat().st_mtime if check.settings and check.settings.exists() else 0


def load(path: Path | None = None) -> Looks:
    """Return the last looks; none before the first run, or when the file is damaged."""
    try:
        content = json.loads((path or PATH).read_text())
        return Looks(
            {key: Look(entry["time"], [*map(Finding.of, entry["findings"])]) for key, entry in content.items()}
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return Looks()


def save(looks: Looks, path: Path | None = None) -> None:
    """Keep the looks for the next run. Raises OSError."""
    target = path or PATH
    target.parent.mkdir(parents=True, exist_ok=True)
    replace_file(target, json.dumps({key: asdict(look) for key, look in looks.by_check.items()}))

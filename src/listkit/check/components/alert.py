"""The regular run of the checks, on which alerts, metrics and the status page depend."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from listkit.alert.configuration import CONFIGURATION
from listkit.check import units
from listkit.check.finding import Check, Finding
from listkit.check.probes import date
from listkit.check.settings import Settings
from listkit.status import report

NAME = "regular checks"
UNIT = "listkit-alert"
MOST_SECONDS = 900
"""Four runs are missing then."""


def checks(settings: Settings) -> list[Check]:
    """Return the check; there are no settings but units."""
    return [Check(NAME, lambda: check_age(time.time(), _boot_time()), needs_root=True)]


def check_age(
    now: float, boot_time: float, configured: Path = CONFIGURATION, is_running: Callable[[], bool] | None = None
) -> Iterator[Finding]:
    """The last run is recent: alerts, metrics and status page are up to date. Times in seconds since 1970.

    The first run comes some minutes after the configuration and after a boot.
    """
    last = report.load()
    since = max(last.time if last else 0.0, configured.stat().st_mtime, boot_time)
    if (is_running or _is_running)():
        yield Finding.ok(NAME, "they run now")
    elif now - since > MOST_SECONDS:
        seen = f"none since {date(since)}: no alerts, and metrics and status page are old"
        yield Finding.critical(NAME, seen, f"`systemctl restart {UNIT}.timer`, then `systemctl start {UNIT}`")
    elif last:
        yield Finding.ok(NAME, f"the last one {date(last.time)}")
    else:
        yield Finding.ok(NAME, "the first one has not run yet")


def _is_running() -> bool:
    """Whether this check is a part of a regular run, which is going to replace the report."""
    return units.states([f"{UNIT}.service"])[f"{UNIT}.service"]["ActiveState"] == "activating"


def _boot_time() -> float:
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)

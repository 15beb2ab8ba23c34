"""PostgreSQL, where it runs on this host."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

from listkit.check.finding import Check, Finding
from listkit.check.probes import TIMEOUT_SECONDS, with_last_log_line
from listkit.check.settings import Settings


def checks(settings: Settings) -> list[Check]:
    """Return the check; there are no settings but units and ports."""
    return [Check("database", check_database)]


def check_database() -> Iterator[Finding]:
    """The database accepts connections. Debian's `postgresql.service` stays active when its cluster does not run."""
    try:
        answer = subprocess.run(["pg_isready"], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
        is_ready, seen = answer.returncode == 0, answer.stdout.strip()
    except subprocess.TimeoutExpired:
        is_ready, seen = False, f"it does not answer within {TIMEOUT_SECONDS:.0f} s"
    if is_ready:
        yield Finding.ok("database", seen)
    else:
        seen = with_last_log_line(seen, "postgresql@*")
        yield Finding.critical("database", seen, "`systemctl restart postgresql`")

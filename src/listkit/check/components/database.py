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
    answer = subprocess.run(["pg_isready"], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    seen = answer.stdout.strip()
    if answer.returncode == 0:
        yield Finding.ok("database", seen)
    else:
        seen = with_last_log_line(seen, "postgresql@*")
        yield Finding.critical("database", seen, "`systemctl restart postgresql`")

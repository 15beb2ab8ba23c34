"""The valve as a service: turns when Postfix's queue changes, and keeps the numbers up to date."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from listkit.budget import report
from listkit.budget.accounts import Site
from listkit.budget.forecast import DAY_SECONDS, OBSERVED_DAYS
from listkit.budget.ledger import Ledger
from listkit.budget.postfix import SPOOL, Place, PostfixError, Queue
from listkit.budget.valve import Valve

STATUS = Path("/run/listkit-budget/status.json")
METRICS = "metrics.prom"
WAIT_AFTER_FAILURE_SECONDS = 5
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
CHANGED = signal.SIGIO

log = logging.getLogger("listkit.budget")


class Watch:
    """Sleeps until a directory changes or somebody wants us to stop.

    dnotify is all that is needed here, and in the standard library. Where the kernel lacks it, sleep ends by itself
    only, which the valve reckons with.
    """

    def __init__(self, directories: Iterable[Path]) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {CHANGED, *STOP_SIGNALS})
        self._handles = [os.open(directory, os.O_RDONLY | os.O_DIRECTORY) for directory in directories]
        for handle in self._handles:
            try:
                fcntl.fcntl(
                    handle,
                    fcntl.F_NOTIFY,
                    fcntl.DN_CREATE | fcntl.DN_DELETE | fcntl.DN_RENAME | fcntl.DN_MULTISHOT,
                )
            except OSError as error:
                log.warning("the kernel does not tell us of changes (%s): looking every few seconds", error)

    def sleep(self, seconds: float) -> bool:
        """Sleep at most so long; return False to stop."""
        received = signal.sigtimedwait({CHANGED, *STOP_SIGNALS}, max(0, seconds))
        return received is None or received.si_signo == CHANGED


def serve(site: Site, ledger_path: Path, status: Path, spool: Path = SPOOL) -> None:
    """Run the valve until SIGTERM."""
    ledger = Ledger(ledger_path)
    valve = Valve(site, Queue(spool), ledger)
    watch = Watch([spool / Place.HOLD, spool / Place.ACTIVE])
    watching = True
    while watching:
        now = time.time()
        try:
            due = valve.turn(now)
            publish(valve, status, now)
            ledger.forget(now - OBSERVED_DAYS * DAY_SECONDS)
        except (PostfixError, OSError, sqlite3.Error, subprocess.SubprocessError) as error:
            # The queue and the ledger are as they were, and so are the facts: the next turn starts from them.
            log.error("%s: %s; next try in %s s", type(error).__name__, error, WAIT_AFTER_FAILURE_SECONDS)
            due = now + WAIT_AFTER_FAILURE_SECONDS
        watching = watch.sleep(due - time.time())
    ledger.close()


def publish(valve: Valve, status: Path, now: float) -> None:
    """Write the numbers for `listkit budget` and for Prometheus' node exporter."""
    seen = report.snapshot(valve, now)
    _write(status, json.dumps(seen), 0o640)
    _write(status.with_name(METRICS), "\n".join(report.metrics(seen)) + "\n", 0o644)


def _write(path: Path, text: str, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.chmod(mode)
    temporary.replace(path)

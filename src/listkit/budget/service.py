"""The valve as a service: turns when Postfix's queue changes, and keeps the numbers up to date."""

from __future__ import annotations

import fcntl
import json
import logging
import math
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
from listkit.budget.valve import LONGEST_SLEEP_SECONDS, Valve

STATUS = Path("/run/listkit-budget/status.json")
STALE_SECONDS = 180
"""Numbers that are older come from a valve that doesn't get on: it renews them with every turn."""
METRICS = "metrics.prom"
WAIT_AFTER_FAILURE_SECONDS = 5
SECONDS_BETWEEN_NUMBERS = 1
SECONDS_BETWEEN_FORGETTING = 3600
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
                    # A file's mode says when Postfix has finished it.
                    fcntl.DN_CREATE | fcntl.DN_DELETE | fcntl.DN_RENAME | fcntl.DN_ATTRIB | fcntl.DN_MULTISHOT,
                )
            except OSError as error:
                log.warning("the kernel does not tell us of changes (%s): looking every few seconds", error)

    def sleep(self, seconds: float) -> bool:
        """Sleep at most so long, and no longer than `LONGEST_SLEEP_SECONDS`; return False to stop."""
        # A clock that is set back makes what was near far.
        seconds = max(0, min(seconds, LONGEST_SLEEP_SECONDS))
        received = signal.sigtimedwait({CHANGED, *STOP_SIGNALS}, seconds)
        return received is None or received.si_signo == CHANGED

    @staticmethod
    def rest(seconds: float) -> bool:
        """Sleep so long whatever changes; return False to stop."""
        return signal.sigtimedwait(STOP_SIGNALS, seconds) is None


class Bulletin:
    """The numbers as files, renewed when a pause or the queue has changed, and otherwise once in a second at most."""

    def __init__(self, valve: Valve, status: Path) -> None:
        self._valve, self._status = valve, status
        self._shown: object = None
        self._renewed_at = 0.0

    def renew(self, now: float) -> float:
        """Publish what is new; return when that has to be asked again."""
        seen = [(outlook.pause, len(outlook.waiting)) for outlook in self._valve.outlooks]
        if seen == self._shown and 0 <= now - self._renewed_at < SECONDS_BETWEEN_NUMBERS:
            return self._renewed_at + SECONDS_BETWEEN_NUMBERS
        publish(self._valve, self._status, now)
        self._shown, self._renewed_at = seen, now
        return math.inf


def serve(site: Site, ledger_path: Path, status: Path, spool: Path = SPOOL) -> None:
    """Run the valve until SIGTERM."""
    ledger = Ledger(ledger_path)
    valve = Valve(site, Queue(spool), ledger)
    watch = Watch([spool / Place.HOLD, spool / Place.ACTIVE])
    bulletin = Bulletin(valve, status)
    forgotten_at = 0.0
    watching = True
    while watching:
        now = time.time()
        try:
            due = min(valve.turn(now), bulletin.renew(now))
            if now - forgotten_at > SECONDS_BETWEEN_FORGETTING:
                ledger.forget(now - OBSERVED_DAYS * DAY_SECONDS)
                forgotten_at = now
        except (PostfixError, OSError, sqlite3.Error, subprocess.SubprocessError) as error:
            # The queue and the ledger are as they were, and so are the facts: the next turn starts from them. What the
            # turn has moved in the queue would wake us at once.
            log.error("%s: %s; next try in %s s", type(error).__name__, error, WAIT_AFTER_FAILURE_SECONDS)
            watching = watch.rest(WAIT_AFTER_FAILURE_SECONDS)
        else:
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

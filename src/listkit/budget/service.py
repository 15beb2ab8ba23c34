"""The queue controller as a service: a cycle whenever Postfix's queue changes, and up-to-date figures."""

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
from listkit.budget.controller import LONGEST_SLEEP_SECONDS, QueueController
from listkit.budget.forecast import DAY_SECONDS, OBSERVED_DAYS
from listkit.budget.ledger import Ledger
from listkit.budget.postfix import SPOOL, Place, PostfixError, Queue
from listkit.common import prometheus
from listkit.common.durable import replace_file

METRICS = "metrics.prom"
WAIT_AFTER_FAILURE_SECONDS = 5
SECONDS_BETWEEN_FIGURES = 1
SECONDS_BETWEEN_PRUNING = 3600
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
CHANGED = signal.SIGIO

log = logging.getLogger("listkit.budget")


class Watch:
    """Sleeps until a directory changes or a signal stops the service.

    It uses dnotify, which is in the standard library. Where the kernel lacks that, sleep ends by its time only, which
    the controller allows for.
    """

    def __init__(self, directories: Iterable[Path]) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {CHANGED, *STOP_SIGNALS})
        self._handles = [os.open(directory, os.O_RDONLY | os.O_DIRECTORY) for directory in directories]
        for handle in self._handles:
            try:
                fcntl.fcntl(
                    handle,
                    fcntl.F_NOTIFY,
                    # A file's mode changes when Postfix has completed it.
                    fcntl.DN_CREATE | fcntl.DN_DELETE | fcntl.DN_RENAME | fcntl.DN_ATTRIB | fcntl.DN_MULTISHOT,
                )
            except OSError as error:
                log.warning("the kernel reports no changes of directories (%s): checking every few seconds", error)

    def sleep(self, seconds: float) -> bool:
        """Sleep for `seconds` at most, and never longer than `LONGEST_SLEEP_SECONDS`; return False to stop."""
        # When the clock is set back, a moment that was near is far away.
        seconds = max(0, min(seconds, LONGEST_SLEEP_SECONDS))
        received = signal.sigtimedwait({CHANGED, *STOP_SIGNALS}, seconds)
        return received is None or received.si_signo == CHANGED

    @staticmethod
    def rest(seconds: float) -> bool:
        """Sleep for `seconds` whatever changes; return False to stop."""
        return signal.sigtimedwait(STOP_SIGNALS, seconds) is None


class StatusFile:
    """The figures as files, refreshed when a pause or the queue has changed, and otherwise once a second at most."""

    def __init__(self, controller: QueueController, status: Path) -> None:
        self._controller, self._status = controller, status
        self._shown: object = None
        self._refreshed_at = 0.0

    def refresh(self, now: float) -> float:
        """Write the figures if they are due; return when to call this again."""
        seen = [(state.pause, len(state.waiting)) for state in self._controller.states]
        if seen == self._shown and 0 <= now - self._refreshed_at < SECONDS_BETWEEN_FIGURES:
            return self._refreshed_at + SECONDS_BETWEEN_FIGURES
        publish(self._controller, self._status, now)
        self._shown, self._refreshed_at = seen, now
        return math.inf


def serve(site: Site, ledger_path: Path, status: Path, spool: Path = SPOOL) -> None:
    """Run the controller until SIGTERM."""
    ledger = Ledger(ledger_path)
    controller = QueueController(site, Queue(spool), ledger)
    watch = Watch([spool / Place.HOLD, spool / Place.ACTIVE])
    status_file = StatusFile(controller, status)
    pruned_at = 0.0
    watching = True
    while watching:
        now = time.time()
        try:
            due = min(controller.run_cycle(now), status_file.refresh(now))
            if now - pruned_at > SECONDS_BETWEEN_PRUNING:
                ledger.prune(now - OBSERVED_DAYS * DAY_SECONDS)
                pruned_at = now
        except (PostfixError, OSError, sqlite3.Error, subprocess.SubprocessError) as error:
            # The queue and the ledger are consistent: the next cycle starts from them. The messages that this one has
            # moved would wake us at once.
            log.error("%s: %s; next attempt in %s s", type(error).__name__, error, WAIT_AFTER_FAILURE_SECONDS)
            watching = watch.rest(WAIT_AFTER_FAILURE_SECONDS)
        else:
            watching = watch.sleep(due - time.time())
    ledger.close()


def publish(controller: QueueController, status: Path, now: float) -> None:
    """Write the figures for `listkit budget` and for Prometheus' node exporter."""
    figures = report.snapshot(controller, now)
    replace_file(status, json.dumps(figures), 0o640)
    prometheus.write(status.with_name(METRICS), report.metrics(figures))

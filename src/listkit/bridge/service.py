"""The process of the bridge."""

from __future__ import annotations

import logging
import signal
import threading
import time

from listkit.bridge.config import Configuration
from listkit.bridge.context import MailboxContext
from listkit.bridge.delivery import DeliveryAgent
from listkit.bridge.in_flight import InFlight
from listkit.bridge.journal import NAME as JOURNAL
from listkit.bridge.journal import Journal
from listkit.bridge.known_lists import KnownLists
from listkit.bridge.metrics import Metrics
from listkit.bridge.worker import MailboxWorker
from listkit.common import prometheus, systemd
from listkit.common.rest import RestClient

log = logging.getLogger(__name__)

_TICK_SECONDS = 5.0
_STOP_SECONDS = 20.0


class Service:
    """One thread for each mailbox, and the main thread, which watches them."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._metrics = Metrics()
        self._stop = threading.Event()

    def run(self) -> int:
        """Run until a signal stops it; return 1 when a thread died, else 0."""
        journal = Journal(self._configuration.state / JOURNAL)
        workers = self._workers(journal)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        threads = [threading.Thread(target=worker.run, name=worker.account, daemon=True) for worker in workers]
        for thread in threads:
            thread.start()
        systemd.notify("READY=1")
        died = self.watch(workers, threads)
        systemd.notify("STOPPING=1")
        self.end(workers, threads)
        journal.close()
        return 1 if died else 0

    def _workers(self, journal: Journal) -> list[MailboxWorker]:
        rest = self._configuration.rest
        lists = KnownLists(RestClient(rest.password, rest.url, rest.user), journal)
        in_flight = InFlight()
        return [
            MailboxWorker(
                MailboxContext(self._configuration, mailbox, journal, self._metrics),
                DeliveryAgent(self._configuration, mailbox, lists, journal, in_flight, self._metrics),
            )
            for mailbox in self._configuration.mailboxes
        ]

    def watch(self, workers: list[MailboxWorker], threads: list[threading.Thread]) -> bool:
        """Serve the watchdog and write the metrics until the stop; return whether a thread died."""
        tick = min(_TICK_SECONDS, (systemd.watchdog_seconds() or 60) / 3)
        while True:
            died = [thread.name for thread in threads if not thread.is_alive()]
            if died:
                log.critical("the thread of %s died", ", ".join(died))
                return True
            stuck = [worker.account for worker in workers if not worker.is_alive]
            if stuck:
                log.critical("%s: no progress; the watchdog will restart the bridge", ", ".join(stuck))
            else:
                systemd.notify(f"WATCHDOG=1\nSTATUS={self._status(workers)}")
            self._write_metrics()
            if self._stop.wait(tick):
                return False

    def _status(self, workers: list[MailboxWorker]) -> str:
        up = sum(self._metrics.value("up", mailbox=worker.account) for worker in workers)
        delivered = sum(self._metrics.value("delivered_total", mailbox=worker.account) for worker in workers)
        return f"{up:.0f} of {len(workers)} mailboxes connected, {delivered:.0f} deliveries since the start"

    def _write_metrics(self) -> None:
        if self._configuration.metrics is None:
            return
        try:
            prometheus.write(self._configuration.metrics, self._metrics.snapshot())
        except OSError as error:
            log.error("can't write the metrics to %s: %s", self._configuration.metrics, error)

    def stop(self) -> None:
        """Request the end of `run`."""
        self._stop.set()

    def end(self, workers: list[MailboxWorker], threads: list[threading.Thread]) -> None:
        """Stop the workers, and wait for them together for `_STOP_SECONDS`."""
        for worker in workers:
            worker.stop()
        deadline = time.monotonic() + _STOP_SECONDS
        for worker, thread in zip(workers, threads, strict=True):
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                worker.abandon()
        self._write_metrics()

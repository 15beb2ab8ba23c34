"""`listkit bridge`: the service, and the check of its configuration."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
import time
from pathlib import Path

from listkit.bridge.config import CONFIGURATION, Configuration, ConfigurationError, check, load
from listkit.bridge.delivery import InFlight, Postman
from listkit.bridge.journal import Journal
from listkit.bridge.known_lists import KnownLists
from listkit.bridge.metrics import Metrics
from listkit.bridge.worker import Worker
from listkit.common import systemd

log = logging.getLogger(__name__)

_TICK_SECONDS = 5.0
_STOP_SECONDS = 20.0


def main(argv: list[str]) -> int:
    """Run the bridge until SIGTERM, or check its configuration.

    Returns 0 after an orderly stop, 1 when a thread died (systemd starts the bridge anew), 2 for a bad configuration.
    """
    arguments = _parser().parse_args(argv)
    systemd.log_to_journal()
    try:
        if arguments.check:
            check(arguments.config)
            return 0
        configuration = load(arguments.config, arguments.credentials)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    return Service(configuration).run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="listkit bridge", description="Carry mail from IMAP mailboxes to Mailman.")
    parser.add_argument("--config", type=Path, default=CONFIGURATION, help="the configuration (default: %(default)s)")
    parser.add_argument("--credentials", type=Path, help="the directory of the passwords (default: systemd's)")
    parser.add_argument("--check", action="store_true", help="only check the configuration")
    return parser


class Service:
    """The process: one thread a mailbox, and this one, which watches them."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._metrics = Metrics()
        self._stop = threading.Event()

    def run(self) -> int:
        """Run until a signal stops it; see `main` for what is returned."""
        journal = Journal(self._configuration.state / "journal.sqlite")
        workers = self._workers(journal)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        threads = [threading.Thread(target=worker.run, name=worker.mailbox.account, daemon=True) for worker in workers]
        for thread in threads:
            thread.start()
        systemd.notify("READY=1")
        died = self._watch(workers, threads)
        systemd.notify("STOPPING=1")
        self._end(workers, threads)
        journal.close()
        return 1 if died else 0

    def _workers(self, journal: Journal) -> list[Worker]:
        rest = self._configuration.rest
        lists = KnownLists(rest.url, rest.user, rest.password, journal)
        in_flight = InFlight()
        return [
            Worker(
                self._configuration,
                mailbox,
                Postman(self._configuration, mailbox, lists, journal, in_flight, self._metrics),
                journal,
                self._metrics,
            )
            for mailbox in self._configuration.mailboxes
        ]

    def _watch(self, workers: list[Worker], threads: list[threading.Thread]) -> bool:
        """Tend the watchdog and the metrics until it is time to stop; True when a thread died."""
        tick = min(_TICK_SECONDS, (systemd.watchdog_seconds() or 60) / 3)
        while True:
            died = [thread.name for thread in threads if not thread.is_alive()]
            if died:
                log.critical("the thread of %s died", ", ".join(died))
                return True
            stuck = [worker.mailbox.account for worker in workers if not worker.heart.beating]
            if stuck:
                log.critical("%s: stuck; the watchdog will start the bridge anew", ", ".join(stuck))
            else:
                systemd.notify(f"WATCHDOG=1\nSTATUS={self._status(workers)}")
            self._write_metrics()
            if self._stop.wait(tick):
                return False

    def _status(self, workers: list[Worker]) -> str:
        up = sum(self._metrics.value("up", mailbox=worker.mailbox.account) for worker in workers)
        delivered = sum(self._metrics.value("delivered_total", mailbox=worker.mailbox.account) for worker in workers)
        return f"{up:.0f} of {len(workers)} mailboxes connected, {delivered:.0f} deliveries since the start"

    def _write_metrics(self) -> None:
        if self._configuration.metrics is None:
            return
        try:
            self._metrics.write(self._configuration.metrics)
        except OSError as error:
            log.error("the metrics can't be written to %s: %s", self._configuration.metrics, error)

    def _end(self, workers: list[Worker], threads: list[threading.Thread]) -> None:
        for worker in workers:
            worker.stop.set()
        deadline = time.monotonic() + _STOP_SECONDS
        for worker, thread in zip(workers, threads, strict=True):
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                worker.abandon()
        self._write_metrics()

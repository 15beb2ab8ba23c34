"""One mailbox's thread: one IMAP session after another, with the right wait between them."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time

from listkit.bridge.context import MailboxContext
from listkit.bridge.delivery import DeliveryAgent
from listkit.bridge.imap import LoginRefused
from listkit.bridge.imap_connection import CertificateRefused, ImapError
from listkit.bridge.journal import is_damage
from listkit.bridge.pruning import Pruner
from listkit.bridge.reports import Reporter
from listkit.bridge.session import Session
from listkit.bridge.supervision import Stopping
from listkit.bridge.sweep import FolderSweep

log = logging.getLogger(__name__)


class MailboxWorker:
    """Keeps one mailbox empty until it is stopped."""

    def __init__(self, context: MailboxContext, agent: DeliveryAgent) -> None:
        self._context = context
        self._agent = agent
        self._sweep = FolderSweep(context, agent)
        self._pruner = Pruner(context)
        self._reporter = Reporter(context, agent)

    @property
    def account(self) -> str:
        """The mailbox's address."""
        return self._context.account

    @property
    def is_alive(self) -> bool:
        """Whether it makes progress."""
        return self._context.heartbeat.is_alive

    def stop(self) -> None:
        """Request the end of `run`."""
        self._context.stop.set()

    def abandon(self) -> None:
        """The process ends in the middle of a message: don't count that as the message's crash."""
        self._sweep.abandon()

    def run(self) -> None:
        """Work until stopped; nothing else ends it."""
        self._publish_figures()
        failures = 0
        restarted = True
        while not self._context.stop.is_set():
            session = Session(self._context, self._agent, self._sweep, self._pruner, self._reporter)
            began = time.monotonic()
            try:
                session.run(restarted=restarted)
            except Stopping:
                break
            except Exception as error:
                if is_damage(error):
                    # Ends the process: its next start sets the journal aside.
                    raise
                restarted = False
                self._context.gauge("up", 0)
                lasted = time.monotonic() - session.logged_in > self._context.intervals.reconnect.longest
                # After a session that lasted, or handled mail, the first reconnect is immediate.
                failures = 0 if lasted or self._sweep.last_success >= began else failures + 1
                with contextlib.suppress(Stopping):
                    self._context.sleep(self._wait_after(error, failures))
        self._context.gauge("up", 0)
        self._agent.mailman.disconnect()

    def _publish_figures(self) -> None:
        """Publish every figure before anything has succeeded: a missing one raises no alarm."""
        for figure in ("up", "certificate_refused", "waiting_messages", "login_refused"):
            self._context.gauge(figure, 0)
        self._context.metrics.await_contact(mailbox=self.account)
        with contextlib.suppress(sqlite3.Error):
            last = self._context.journal.failed_logins(self.account)[-1:]
            self._context.gauge("login_refused", any(attempt.refused for attempt in last))

    def _wait_after(self, error: Exception, failures: int) -> float:
        """Log why a session ended; return the seconds to wait before the next."""
        account, intervals, jitter = self.account, self._context.intervals, self._context.jitter
        if isinstance(error, LoginRefused):
            # How long to wait is decided before the next login, from the record.
            log.error(
                "%s: %s refused the login (%s). Delivery stops. Check the device password and that the mailbox exists",
                account, self._context.mailbox.host, error,
            )  # fmt: skip
            self._context.gauge("login_refused", 1)
            return 0
        if isinstance(error, CertificateRefused):
            log.error("%s: delivery stops: %s", account, error)
            self._context.gauge("certificate_refused", 1)
            return intervals.certificate.delay(failures, jitter)
        if isinstance(error, ImapError):
            wait = intervals.reconnect.delay(failures - 1, jitter)
            log.warning("%s: %s; connecting again in %.1f s", account, error, wait)
            return wait
        wait = intervals.local_error.delay(max(1, failures), jitter)
        if isinstance(error, sqlite3.Error | OSError):
            log.error("%s: an error of this host: %s; next attempt in %.1f s", account, error, wait)
        else:
            log.error("%s: an error in the bridge; next attempt in %.1f s", account, wait, exc_info=error)
        return wait

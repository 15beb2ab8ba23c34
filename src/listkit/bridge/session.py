"""One IMAP connection: log in when that is allowed, sweep the folders, IDLE until there is something to do."""

from __future__ import annotations

import logging
import ssl
import time

from listkit.bridge import imap
from listkit.bridge.context import MailboxContext
from listkit.bridge.delivery import DeliveryAgent
from listkit.bridge.imap import Imap, LoginRefused
from listkit.bridge.imap_connection import ImapError
from listkit.bridge.policy import Timestamp, login_wait
from listkit.bridge.pruning import Pruner
from listkit.bridge.reports import Reporter
from listkit.bridge.supervision import Stopping
from listkit.bridge.sweep import FolderSweep

log = logging.getLogger(__name__)

_CONNECT_TIMEOUT_SECONDS = 10
_SHORTEST_WAIT_SECONDS = 0.1


class Session:
    """One connection, from the login to whatever ends it.

    logged_in: when the login succeeded, by `time.monotonic`; infinite before.
    """

    def __init__(
        self, context: MailboxContext, agent: DeliveryAgent, sweep: FolderSweep, pruner: Pruner, reporter: Reporter
    ) -> None:
        self._context = context
        self._agent = agent
        self._sweep = sweep
        self._pruner = pruner
        self._reporter = reporter
        self.logged_in = float("inf")

    def run(self, *, restarted: bool) -> None:
        """Work until something ends it. Raises `Stopping`, `ImapError`, `OSError`, `sqlite3.Error`.

        restarted: whether this is the first session of the process.
        """
        context, mailbox = self._context, self._context.mailbox
        tls = ssl.create_default_context(cafile=mailbox.ca_file)
        self._await_permission_to_log_in(restarted=restarted)
        context.heartbeat.beat()
        server = imap.connect(mailbox.host, mailbox.port, tls, _CONNECT_TIMEOUT_SECONDS)
        try:
            context.gauge("certificate_refused", 0)
            server.set_timeout(context.configuration.timeout_seconds)
            self._log_in(server)
            self._create_folders(server)
            while True:
                self._sweep.sweep_all(server)
                self._pruner.prune_if_due(server)
                self._reporter.report_if_due()
                context.record_contact()
                self._wait_for_mail(server)
        except Stopping:
            server.logout()
            raise
        finally:
            self._agent.mailman.disconnect()
            server.close()

    def _await_permission_to_log_in(self, *, restarted: bool) -> None:
        context, account, host = self._context, self._context.account, self._context.mailbox.host
        at_same_host = [mailbox.account for mailbox in context.configuration.mailboxes if mailbox.host == host]
        while True:
            attempts = context.journal.failed_logins(account)
            refusals = context.journal.refusals(at_same_host)
            wait = login_wait(attempts, Timestamp.now(), restarted=restarted, refused_at_host=refusals)
            if not wait:
                return
            log.warning("%s: %d logins failed; next attempt in %.0f s", account, len(attempts), wait)
            # Mailboxes that wait for the same moment must not all use it.
            context.sleep(wait * context.jitter.uniform(1, 1.1))

    def _log_in(self, server: Imap) -> None:
        context, account = self._context, self._context.account
        # Recorded before, so that not even a crash loop hammers a server that refuses.
        attempt = context.journal.begin_login(account, Timestamp.now())
        try:
            server.login(account, context.mailbox.password)
        except LoginRefused:
            context.journal.login_refused(attempt)
            raise
        self.logged_in = time.monotonic()
        context.journal.forget_failed_logins(account)
        server.prepare()
        context.gauge("up", 1)
        context.gauge("login_refused", 0)
        context.record_contact()
        log.info("%s: logged in to %s", account, context.mailbox.host)

    def _create_folders(self, server: Imap) -> None:
        folders = self._context.mailbox.folders
        for folder in (folders.processed, folders.rejected, folders.unrouted, folders.failed, folders.replay):
            server.create(folder)

    def _wait_for_mail(self, server: Imap) -> None:
        """IDLE on the first folder, and handle what arrives there, until the next sweep of all folders is due."""
        context, inbox = self._context, self._context.mailbox.folders.fetch[0]
        end = time.monotonic() + min(context.configuration.poll_seconds, self._seconds_until_due())
        empty_rounds = 0
        while (left := end - time.monotonic()) > 0:
            if server.select(inbox) is None:
                raise ImapError(f"there is no folder {inbox}")
            context.heartbeat.beat(left)
            server.idle(left, context.stop.wake)
            context.record_contact()
            context.stop.wait(0)
            found = server.has_new_mail and self._sweep.sweep(server, inbox)
            end = min(end, time.monotonic() + self._seconds_until_due())
            # A server that announces mail at each IDLE, or ends each at once, must not make it spin.
            empty_rounds = 0 if found else empty_rounds + 1
            pause = context.intervals.idle_without_mail.delay(empty_rounds, context.jitter)
            context.stop.wait(min(pause, max(0, end - time.monotonic())))

    def _seconds_until_due(self) -> float:
        """The seconds until something can be tried again; never 0, so that nothing can spin."""
        return max(_SHORTEST_WAIT_SECONDS, self._sweep.next_due - time.monotonic())

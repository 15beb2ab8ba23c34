"""A sweep over the folders: which messages are tried, and in which order."""

from __future__ import annotations

import logging
import time

from listkit.bridge.backlog import Backlog, epoch_seconds
from listkit.bridge.context import MailboxContext, MessageRef
from listkit.bridge.delivery import DeliveryAgent
from listkit.bridge.imap import Imap, Selected
from listkit.bridge.lmtp import MailmanUnavailable
from listkit.bridge.moves import MoveBatch, PendingMoves
from listkit.bridge.processing import MessageProcessor
from listkit.bridge.retries import MailmanRetry, RetryQueue

log = logging.getLogger(__name__)


class FolderSweep:
    """Handles the messages of a mailbox's folders as they become due."""

    def __init__(self, context: MailboxContext, agent: DeliveryAgent) -> None:
        self._context = context
        self._agent = agent
        self._retries = RetryQueue(context.intervals.message, context.jitter)
        self._mailman = MailmanRetry(context.intervals.mailman, context.jitter)
        self._moves = PendingMoves(context)
        self._backlog = Backlog(context)
        self._processor = MessageProcessor(context, agent, self._retries, self._moves, self._backlog, self._mailman)
        self._reported: dict[str, int] = {}
        self._set_aside: dict[str, int] = {}

    @property
    def last_success(self) -> float:
        """When a message was last disposed of, by `time.monotonic`."""
        return self._processor.last_success

    @property
    def next_due(self) -> float:
        """When something can be tried again, by `time.monotonic`; infinite when nothing waits."""
        deliveries = self._retries.next_due
        if self._mailman.holds_mail:
            deliveries = min(deliveries, self._mailman.due)
        return min(max(deliveries, self._mailman.due), self._moves.next_due)

    def abandon(self) -> None:
        """See `MessageProcessor.abandon`."""
        self._processor.abandon()

    def sweep_all(self, server: Imap) -> None:
        """Sweep every folder that mail is fetched from, and report on the others."""
        folders = self._context.mailbox.folders
        self._mailman.holds_mail = False
        for folder in (*folders.fetch, folders.replay):
            if folder == folders.fetch[0] or server.count(folder):
                self.sweep(server, folder)
            else:
                self._note_empty(folder)
        for folder in folders.report:
            self._report(folder, server.count(folder) or 0)
        for folder in (folders.rejected, folders.unrouted, folders.failed):
            self._note_set_aside(server, folder)

    def sweep(self, server: Imap, folder: str) -> bool:
        """Handle the messages of a folder that are due; return whether there were any.

        Raises `ImapError`, `OSError`, `sqlite3.Error` and `Stopping`.
        """
        selected = server.select(folder)
        if selected is None:
            self._note_empty(folder)
            return False
        seen = time.monotonic()
        uids = server.search("UNDELETED")
        self._retain(folder, frozenset(self._context.ref(selected, uid) for uid in uids))
        batch = self._moves.batch(server)
        uids = self._moves.resume(selected, uids, batch)
        self._backlog.set_waiting(folder, len(uids))
        due = self._in_order(selected, uids)
        if due and not self._mailman.is_due:
            self._mailman.holds_mail = True
            due = []
        self._process_each(server, due, seen, batch, waiting=len(uids))
        batch.flush()
        self._moves.postpone_refused(folder, batch)
        if self._mailman.holds_mail:
            self._look_up_oldest(server, selected, uids)
        self._context.stop.wait(0)
        return bool(due)

    def _process_each(self, server: Imap, due: list[MessageRef], seen: float, batch: MoveBatch, waiting: int) -> None:
        try:
            if due:
                # Before anything is fetched: it would be in vain while Mailman is down.
                self._agent.mailman.connect()
            for ref in due:
                waiting -= self._processor.process(server, ref, seen, batch)
                self._backlog.set_waiting(ref.folder, waiting)
                if self._context.stop.is_set():
                    break
        except MailmanUnavailable as error:
            wait = self._mailman.failed()
            log.warning("%s: Mailman accepts no mail (%s); next attempt in %.1f s", self._context.account, error, wait)
        self._agent.mailman.disconnect()

    def _in_order(self, selected: Selected, uids: list[int]) -> list[MessageRef]:
        """The messages that are due: oldest first, but after all others what failed, or was handled at a crash."""
        now = time.monotonic()
        due = [ref for uid in uids if self._retries.of(ref := self._context.ref(selected, uid)).due <= now]
        unfinished, failed = self._context.journal.unfinished_attempts(), self._retries.failed
        return sorted(due, key=lambda ref: (ref.key in unfinished or ref in failed, ref.uid))

    def _look_up_oldest(self, server: Imap, selected: Selected, uids: list[int]) -> None:
        """Ask when the oldest waiting message arrived: it isn't fetched while Mailman is down."""
        refs = [self._context.ref(selected, uid) for uid in uids]
        oldest = next((ref for ref in refs if ref not in self._moves and ref not in self._retries), None)
        if oldest and oldest not in self._backlog and (date := server.internal_date(oldest.uid)):
            self._backlog.record_arrival(oldest, date)

    def _note_empty(self, folder: str) -> None:
        self._retain(folder, frozenset())
        self._backlog.set_waiting(folder, 0)

    def _retain(self, folder: str, present: frozenset[MessageRef]) -> None:
        """Forget messages of a folder that another program or a human has removed."""
        for record in (self._retries, self._backlog, self._moves):
            record.retain(folder, present)

    def _note_set_aside(self, server: Imap, folder: str) -> None:
        """Publish how many messages lie in a folder and since when; the latter is asked for when the number changes."""
        count = server.count(folder) or 0
        self._context.gauge_folder(folder, count)
        if count != self._set_aside.get(folder):
            self._context.gauge_oldest(folder, self._oldest_arrival(server, folder) if count else 0.0)
            self._set_aside[folder] = count

    @staticmethod
    def _oldest_arrival(server: Imap, folder: str) -> float:
        """When the oldest message in a folder arrived, in seconds since the epoch; 0 when there is none any more."""
        uids = server.search("ALL") if server.select(folder) else []
        date = server.internal_date(uids[0]) if uids else ""
        return epoch_seconds(date) if date else 0.0

    def _report(self, folder: str, count: int) -> None:
        account = self._context.account
        self._context.gauge_folder(folder, count)
        if count > self._reported.get(folder, 0):
            log.warning("%s: %d messages in %s, which isn't fetched: look at them", account, count, folder)
        self._reported[folder] = count

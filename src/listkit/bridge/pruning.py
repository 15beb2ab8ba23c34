"""Deletes what lay in the bridge's own folders for long enough."""

from __future__ import annotations

import logging
import time

from listkit.bridge.context import MailboxContext
from listkit.bridge.imap import CommandRefused, Imap
from listkit.bridge.policy import Timestamp

log = logging.getLogger(__name__)


class Pruner:
    """Prunes one mailbox's folders and the journal, every `Intervals.prune_seconds`."""

    def __init__(self, context: MailboxContext) -> None:
        self._context = context
        self._pruned = float("-inf")

    def prune_if_due(self, server: Imap) -> None:
        """Prune every folder unless that was done a short while ago."""
        if time.monotonic() - self._pruned <= self._context.intervals.prune_seconds:
            return
        configuration, folders = self._context.configuration, self._context.mailbox.folders
        keep = configuration.keep_days
        self._prune(server, folders.processed, keep.processed, configuration.processed_most)
        self._prune(server, folders.rejected, keep.rejected)
        self._prune(server, folders.unrouted, keep.unrouted)
        self._prune(server, folders.failed, keep.failed)
        self._context.journal.prune(keep.delivered)
        self._pruned = time.monotonic()

    def _prune(self, server: Imap, folder: str, days: int, most: int | None = None) -> None:
        """Delete what is older than `days` (0: nothing), and the oldest of more than `most` messages."""
        context = self._context
        context.heartbeat.beat()
        selected = server.select(folder)
        if selected is None:
            return
        expired: set[int] = set()
        if days:
            old = context.journal.mark(context.account, selected, Timestamp.now(), days)
            # "1:0" would be the two of them, in the other order.
            expired.update(server.search(f"UID 1:{old - 1} UNDELETED") if old > 1 else ())
        if most is not None:
            expired.update(server.search("UNDELETED")[:-most])
        if not expired:
            return
        try:
            server.delete(sorted(expired))
        except CommandRefused as refusal:
            log.error("%s: old messages in %s can't be deleted: %s", context.account, folder, refusal)
            return
        log.info("%s: deleted %d old messages from %s", context.account, len(expired), folder)

"""Moves of handled messages out of their folder: in batches, and again later where the mail service refuses them."""

from __future__ import annotations

import logging
import time

from listkit.bridge.config import Folders
from listkit.bridge.context import MailboxContext, MessageRef
from listkit.bridge.imap import CommandRefused, Imap, Selected
from listkit.bridge.policy import Disposition
from listkit.bridge.retries import Retry

log = logging.getLogger(__name__)

_BATCH_SIZE = 50


class MoveBatch:
    """Collects the moves out of the selected folder, so that many messages cost one command.

    refusals: the server's answer for each target that it refuses to move to; no further move there is tried.
    """

    def __init__(self, server: Imap, folders: Folders, *, delete_processed: bool) -> None:
        self._server = server
        self._folders = folders
        self._delete_processed = delete_processed
        self._waiting: dict[str, list[int]] = {}
        self.refusals: dict[str, CommandRefused] = {}

    def target(self, disposition: Disposition) -> str:
        """The folder for messages of this disposition; empty when they are deleted."""
        is_deleted = disposition is Disposition.DELETED or (
            disposition is Disposition.PROCESSED and self._delete_processed
        )
        return "" if is_deleted else getattr(self._folders, disposition.value)

    def add(self, uid: int, disposition: Disposition) -> None:
        """Plan a move; a full batch is carried out at once."""
        uids = self._waiting.setdefault(self.target(disposition), [])
        uids.append(uid)
        if len(uids) >= _BATCH_SIZE:
            self.flush()

    def flush(self) -> None:
        """Carry out the planned moves."""
        for target in list(self._waiting):
            uids = self._waiting.pop(target)
            if target in self.refusals:
                continue
            try:
                if target:
                    self._server.move(uids, target)
                else:
                    self._server.delete(uids)
            except CommandRefused as refusal:
                self.refusals[target] = refusal
                if target:
                    # The folder may have been removed; the next attempt finds it.
                    self._server.create(target)


class PendingMoves:
    """Messages that were handled and may still be in their folder.

    Fetched again, they would use up a connection that breaks often before it gets to any new message.
    """

    def __init__(self, context: MailboxContext) -> None:
        self._context = context
        self._dispositions: dict[MessageRef, Disposition] = {}
        self._refused: dict[str, Retry] = {}

    def __contains__(self, ref: MessageRef) -> bool:
        return ref in self._dispositions

    def batch(self, server: Imap) -> MoveBatch:
        """Begin to move messages out of the folder that is selected."""
        configuration = self._context.configuration
        return MoveBatch(server, self._context.mailbox.folders, delete_processed=configuration.delete_processed)

    def record(self, ref: MessageRef, disposition: Disposition) -> None:
        """Remember how a message was disposed of, until it has left its folder."""
        self._dispositions[ref] = disposition

    def resume(self, selected: Selected, uids: list[int], batch: MoveBatch) -> list[int]:
        """Make the moves that an earlier connection didn't get to; return the messages that aren't handled yet."""
        handled = {uid: self._dispositions.get(self._context.ref(selected, uid)) for uid in uids}
        if self._refused.get(selected.name, Retry()).due <= time.monotonic():
            for uid, disposition in handled.items():
                if disposition:
                    batch.add(uid, disposition)
            batch.flush()
            if not batch.refusals:
                self._refused.pop(selected.name, None)
        return [uid for uid, disposition in handled.items() if not disposition]

    def postpone_refused(self, folder: str, batch: MoveBatch) -> None:
        """Retry what the mail service refused to move later; meanwhile other messages are handled."""
        if not batch.refusals:
            return
        retry = self._refused.setdefault(folder, Retry())
        wait = retry.postpone(self._context.intervals.message, self._context.jitter)
        for target, refusal in batch.refusals.items():
            action = f"moved to {target}" if target else "deleted"
            log.error(
                "%s: handled messages in %s can't be %s (%s); they stay there, next attempt in %.0f s",
                self._context.account, folder, action, refusal, wait,
            )  # fmt: skip

    def retain(self, folder: str, present: frozenset[MessageRef]) -> None:
        """Drop messages that are no longer in the folder."""
        of_folder = [ref for ref in self._dispositions if ref.folder == folder]
        for ref in of_folder:
            if ref not in present:
                del self._dispositions[ref]
        if not any(ref in self._dispositions for ref in of_folder):
            self._refused.pop(folder, None)

    @property
    def next_due(self) -> float:
        """When refused moves are due again (`time.monotonic`); infinite when there are none."""
        return min((retry.due for retry in self._refused.values()), default=float("inf"))

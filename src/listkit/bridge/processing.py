"""One message: fetched, handed to the delivery agent, and planned to be moved.

The order of the steps is what makes it safe: Mailman's 250, then the record on disk, then the move out of the folder.
A crash between any two of them repeats the later ones only.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from typing import IO

from listkit.bridge.addressee import Addressee
from listkit.bridge.backlog import Backlog
from listkit.bridge.context import MailboxContext, MessageRef
from listkit.bridge.delivery import DeliveryAgent, Incoming, Outcome
from listkit.bridge.imap import CommandRefused, Imap
from listkit.bridge.imap_connection import ImapError
from listkit.bridge.lmtp import MailmanUnavailable
from listkit.bridge.moves import MoveBatch, PendingMoves
from listkit.bridge.policy import CRASHES_ALLOWED, REFUSED_FETCHES_ALLOWED, Disposition, is_poison
from listkit.bridge.reports import AUTOMATIC
from listkit.bridge.retries import MailmanRetry, MessageRetry, RetryQueue
from listkit.common.message.lines import LineNormaliser

log = logging.getLogger(__name__)

_SPOOL_MEMORY_OCTETS = 262_144


class MessageProcessor:
    """Handles the messages of one mailbox, one at a time."""

    def __init__(
        self,
        context: MailboxContext,
        agent: DeliveryAgent,
        retries: RetryQueue,
        moves: PendingMoves,
        backlog: Backlog,
        mailman: MailmanRetry,
    ) -> None:
        self._context = context
        self._agent = agent
        self._retries = retries
        self._moves = moves
        self._backlog = backlog
        self._mailman = mailman
        self._current: MessageRef | None = None
        self._last_fetch = float("-inf")
        self.last_success = float("-inf")
        """When a message was last disposed of, by `time.monotonic`."""

    def abandon(self) -> None:
        """The process ends in the middle of a message: don't count that as the message's crash."""
        if self._current:
            self._context.journal.end_attempt(self._current.key)

    def process(self, server: Imap, ref: MessageRef, seen: float, batch: MoveBatch) -> bool:
        """Handle one message of the selected folder; return whether it has stopped waiting.

        seen: when the folder was last listed, by `time.monotonic`.
        Raises `ImapError`, `MailmanUnavailable`, `OSError` and `sqlite3.Error`: none of them is the message's fault.
        """
        self._current = ref
        self._context.heartbeat.beat()
        crashes = self._context.journal.begin_attempt(ref.key)
        try:
            outcome = self._handle(server, ref, seen, crashes)
        except (ImapError, MailmanUnavailable, OSError, sqlite3.Error) as error:
            with contextlib.suppress(sqlite3.Error):
                self._context.journal.end_attempt(ref.key)
            self._postpone_after(ref, error)
            raise
        except Exception:
            # The attempt stays unfinished in the journal: that is how crashes are counted.
            self._context.count("crashes_total")
            log.exception("%s: the handler crashed", ref)
            self._retries.postpone(ref)
            return False
        finally:
            self._current = None
        try:
            return self._is_gone(ref) if outcome is None else self._finish(ref, outcome, batch)
        finally:
            self._context.journal.end_attempt(ref.key)

    def _postpone_after(self, ref: MessageRef, error: Exception) -> None:
        """Try other messages before one that a server or the disk may be unable to handle."""
        hung_up = isinstance(error, MailmanUnavailable) and error.with_message
        if not (isinstance(error, ImapError | OSError) or hung_up):
            return

        def count(retry: MessageRetry) -> None:
            if hung_up:
                retry.count_hang_up()
            if isinstance(error, CommandRefused):
                retry.count_refused_fetch()

        wait = self._retries.postpone(ref, count)
        log.warning("%s: not delivered (%s); next attempt in %.0f s", ref, error, wait)

    def _handle(self, server: Imap, ref: MessageRef, seen: float, crashes: int) -> Outcome | None:
        """Fetch and deliver one message; None when there was nothing to fetch."""
        retry = self._retries.of(ref)
        if reason := self._reason_to_give_up(retry, crashes):
            return Outcome(Disposition.FAILED, notes=[reason])
        with self._spooled(server, ref.uid) as (spool, internal_date):
            if not internal_date:
                return None
            self._retries.record_fetch(ref)
            self._last_fetch = time.monotonic()
            self._backlog.record_arrival(ref, internal_date)
            self._context.count("fetched_total")
            is_replay = ref.folder == self._context.mailbox.folders.replay
            outcome = self._agent.handle(
                Incoming(
                    spool,
                    internal_date,
                    seen=seen,
                    beat=self._context.heartbeat.beat,
                    times_550=retry.times_550,
                    replay=ref.key if is_replay else "",
                )
            )
        self._mailman.succeeded()
        return outcome

    def _reason_to_give_up(self, retry: MessageRetry, crashes: int) -> str:
        if crashes >= CRASHES_ALLOWED:
            return f"it crashed the handler {crashes} times"
        if is_poison(retry.hang_ups, others_accepted=self._agent.last_accepted > retry.first_hang_up):
            return f"Mailman closed the connection {retry.hang_ups} times in the middle of it"
        if retry.refused_fetches >= REFUSED_FETCHES_ALLOWED and self._last_fetch > retry.last_refused_fetch:
            return f"the mail service refused {retry.refused_fetches} times to hand it out"
        return ""

    @contextlib.contextmanager
    def _spooled(self, server: Imap, uid: int) -> Iterator[tuple[IO[bytes], str]]:
        """Fetch the whole message before anything is done with it: a broken connection never makes half a post."""
        normaliser = LineNormaliser()
        internal_date = ""
        with tempfile.SpooledTemporaryFile(_SPOOL_MEMORY_OCTETS, dir=str(self._context.configuration.state)) as spool:
            for piece in server.slices(uid):
                internal_date = piece.internal_date
                spool.write(normaliser.feed(piece.octets))
                self._context.heartbeat.beat()
            spool.write(normaliser.finish())
            self._context.record_contact()
            yield spool, internal_date

    def _is_gone(self, ref: MessageRef) -> bool:
        """Whether a message that can't be fetched is gone; it isn't when it was listed before."""

        def mark_missing(retry: MessageRetry) -> None:
            retry.missing = True

        was_missing = self._retries.of(ref).missing
        wait = self._retries.postpone(ref, mark_missing)
        if was_missing:
            log.warning("%s: listed, but the mail service doesn't return it; next attempt in %.0f s", ref, wait)
        return not was_missing

    def _finish(self, ref: MessageRef, outcome: Outcome, batch: MoveBatch) -> bool:
        """Plan and log the disposition of a message; return whether it leaves its folder."""
        if outcome.disposition is Disposition.DEFERRED:
            self._defer(ref, outcome)
            return False
        self._retries.forget(ref)
        self._backlog.forget(ref)
        self._moves.record(ref, outcome.disposition)
        self.last_success = time.monotonic()
        is_set_aside = outcome.disposition not in (Disposition.PROCESSED, Disposition.DELETED)
        if is_set_aside:
            self._context.count("set_aside_total", folder=outcome.disposition.value)
        target = batch.target(outcome.disposition)
        if is_set_aside and outcome.is_reported:
            self._record_refusal(ref, outcome, outcome.addressee, target, "; ".join(outcome.notes)[:500])
        elif outcome.is_discarded:
            self._record_refusal(ref, outcome, outcome.owners, target, AUTOMATIC)
        _log_outcome(logging.WARNING if is_set_aside else logging.INFO, ref, outcome, target and f"to {target}")
        # Last: it may carry the batch out, and the connection may break at that.
        batch.add(ref.uid, outcome.disposition)
        return True

    def _record_refusal(
        self, ref: MessageRef, outcome: Outcome, addressee: Addressee, folder: str, reason: str
    ) -> None:
        self._context.journal.record_refusal(
            ref.account, addressee.key, outcome.author, outcome.subject, folder, reason
        )

    def _defer(self, ref: MessageRef, outcome: Outcome) -> None:
        def count(retry: MessageRetry) -> None:
            retry.times_550 += outcome.met_550

        self._context.count("deferred_total")
        wait = self._retries.postpone(ref, count)
        _log_outcome(logging.WARNING, ref, outcome, f"next attempt in {wait:.0f} s")


def _log_outcome(level: int, ref: MessageRef, outcome: Outcome, destination: str) -> None:
    log.log(
        level,
        "%s %s via %s: %s: %s",
        ref,
        _printable(outcome.message_id, 200) or "(no Message-ID)",
        outcome.via or "nothing",
        _printable("; ".join(outcome.notes), 1000),
        destination or "deleted",
    )


def _printable(text: str, most: int) -> str:
    """Make a stranger's text fit for one line of the log."""
    return "".join(c if " " <= c <= "~" else "?" for c in text[:most])

"""One mailbox's thread: connect, take what is waiting, IDLE, and recover from whatever goes wrong.

The order in which things are done is what makes it safe: Mailman's 250, then the record on disk, then the move out of
the folder. A crash between any two of them repeats the later ones only.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import random
import socket
import sqlite3
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from listkit.bridge import imap
from listkit.bridge.config import Configuration, Folders, Mailbox
from listkit.bridge.delivery import Incoming, MailmanAway, Outcome, Postman
from listkit.bridge.imap import CertificateRefused, Imap, ImapError, LoginRefused, Refused, Selected
from listkit.bridge.journal import Journal
from listkit.bridge.message import Normaliser
from listkit.bridge.metrics import Metrics
from listkit.bridge.policy import (
    CRASHES_ALLOWED,
    REFUSED_FETCHES_ALLOWED,
    Backoff,
    Fate,
    Moment,
    is_unbearable,
    login_wait,
)

log = logging.getLogger(__name__)

_SPOOL_MEMORY_OCTETS = 262_144
_MOVES_AT_ONCE = 50
_PRUNE_SECONDS = 3600
# Longer than any single step may take: the watchdog's idea of "stuck".
_STEP_SECONDS = 660
_CONNECT_TIMEOUT_SECONDS = 10
_MOMENT_SECONDS = 0.1

_RECONNECT = Backoff(first=0.5, longest=60)
_CERTIFICATE = Backoff(first=30, longest=300)
_MAILMAN_AWAY = Backoff(first=0.5, longest=15)
_TROUBLE = Backoff(first=5, longest=60)
_MESSAGE = Backoff(first=5, longest=900)
_NOTHING_NEW = Backoff(first=0.1, longest=5)


class Stopping(Exception):
    """The bridge is being stopped."""


class Heart:
    """Tells the watchdog whether a thread is still getting on."""

    def __init__(self) -> None:
        self._deadline = time.monotonic() + _STEP_SECONDS

    def beat(self, seconds: float = _STEP_SECONDS) -> None:
        """Promise to beat again within so many seconds."""
        self._deadline = time.monotonic() + seconds

    @property
    def beating(self) -> bool:
        """Whether the last promise was kept so far."""
        return time.monotonic() < self._deadline


class Stop:
    """A flag that also wakes a thread out of `select`."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._write, self.wake = socket.socketpair()

    def set(self) -> None:
        """Stop."""
        self._event.set()
        self._write.send(b"x")

    def demanded(self) -> bool:
        """Whether to stop."""
        return self._event.is_set()

    def wait(self, seconds: float) -> None:
        """Sleep, unless or until somebody says stop. Raises `Stopping`."""
        if self._event.wait(seconds):
            raise Stopping


@dataclass(slots=True)
class Deferral:
    """A message, or the moves out of a folder, that wait for the next try."""

    failures: int = 0
    due: float = 0.0
    times_550: int = 0
    hang_ups: int = 0
    first_hang_up: float = 0.0
    refused_fetches: int = 0
    last_refused_fetch: float = 0.0
    missing: bool = False


class _Moves:
    """Collects the moves out of one folder, so that many messages cost one command.

    refusals: what the server said to each target that it refuses to move to; no further move there is tried.
    """

    def __init__(self, server: Imap, folders: Folders, *, delete_processed: bool) -> None:
        self._server = server
        self._folders = folders
        self._delete_processed = delete_processed
        self._waiting: dict[str, list[int]] = {}
        self.refusals: dict[str, Refused] = {}

    def target(self, fate: Fate) -> str:
        """The folder for messages of this fate; empty when they are deleted."""
        return "" if fate is Fate.PROCESSED and self._delete_processed else getattr(self._folders, fate.value)

    def add(self, uid: int, fate: Fate) -> None:
        """Plan what is to be done with a message; many plans together are carried out."""
        uids = self._waiting.setdefault(self.target(fate), [])
        uids.append(uid)
        if len(uids) >= _MOVES_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Make the planned moves."""
        for target in list(self._waiting):
            uids = self._waiting.pop(target)
            if target in self.refusals:
                continue
            try:
                if target:
                    self._server.move(uids, target)
                else:
                    self._server.delete(uids)
            except Refused as refusal:
                self.refusals[target] = refusal
                if target:
                    # Somebody may have removed it; the next try finds it.
                    self._server.create(target)


class Worker:
    """Everything for one mailbox."""

    def __init__(
        self, configuration: Configuration, mailbox: Mailbox, postman: Postman, journal: Journal, metrics: Metrics
    ) -> None:
        self.mailbox = mailbox
        self.heart = Heart()
        self.stop = Stop()
        self._configuration = configuration
        self._postman = postman
        self._journal = journal
        self._metrics = metrics
        self._chance = random.Random()  # noqa: S311 (jitter, no secret)
        self._in_hand = ""
        self._deferred: dict[str, Deferral] = {}
        self._arrived: dict[str, float] = {}
        # What was decided on, and may still be in its folder because the connection broke before the move.
        self._decided: dict[str, Fate] = {}
        self._has_decided = False
        self._logged_in = float("inf")
        # The folders out of which the mail service refuses to move a message.
        self._refused: dict[str, Deferral] = {}
        self._waiting: dict[str, int] = {}
        self._reported: dict[str, int] = {}
        self._mailman_failures = 0
        self._mailman_due = 0.0
        # Whether messages wait for Mailman alone: it being away is no reason to look again when none does.
        self._held_up = False
        self._seen = time.monotonic()
        self._pruned = float("-inf")
        self._fetched = float("-inf")  # when the mail service last handed a message out

    def run(self) -> None:
        """Work until stopped; nothing but that ends it."""
        self._show_figures()
        failures = 0
        restarted = True
        while not self.stop.demanded():
            self._logged_in = float("inf")
            try:
                self._session(restarted=restarted)
            except Stopping:
                break
            except Exception as error:
                restarted = False
                self._gauge("up", 0)
                # A session that lasted, or got on, starts the count anew: the first reconnect is at once.
                good = self._has_decided or time.monotonic() - self._logged_in > _RECONNECT.longest
                failures = 0 if good else failures + 1
                self._pause(self._wait_after(error, failures))
        self._gauge("up", 0)
        self._postman.rest()

    def _show_figures(self) -> None:
        """Have every figure there before anything went well: one that is missing raises no alarm."""
        for figure in ("up", "certificate_refused", "waiting_messages"):
            self._gauge(figure, 0)
        self._metrics.await_contact(mailbox=self.mailbox.account)
        self._gauge("login_refused", 0)
        with contextlib.suppress(sqlite3.Error):
            last = self._journal.failed_logins(self.mailbox.account)[-1:]
            self._gauge("login_refused", any(attempt.refused for attempt in last))

    def abandon(self) -> None:
        """The process ends although a message is in hand: that isn't the message's fault."""
        if self._in_hand:
            self._journal.put_down(self._in_hand)

    def _wait_after(self, error: Exception, failures: int) -> float:
        """Log why a session ended; return the seconds to wait before the next."""
        account, wait = self.mailbox.account, _RECONNECT.wait(failures - 1, self._chance)
        if isinstance(error, LoginRefused):
            # How long to wait is decided before the next login, from the record.
            log.error(
                "%s: %s refused the login (%s). Delivery stops. Check the device password and that the mailbox exists",
                account, self.mailbox.host, error,
            )  # fmt: skip
            self._gauge("login_refused", 1)
            return 0
        if isinstance(error, CertificateRefused):
            log.error("%s: delivery stops: %s", account, error)
            self._gauge("certificate_refused", 1)
            return _CERTIFICATE.wait(failures, self._chance)
        if isinstance(error, ImapError):
            log.warning("%s: %s; connecting again in %.1f s", account, error, wait)
            return wait
        wait = _TROUBLE.wait(max(1, failures), self._chance)
        if isinstance(error, sqlite3.Error | OSError):
            log.error("%s: this host has trouble: %s; again in %.1f s", account, error, wait)
        else:
            log.error("%s: an error of the bridge's own; again in %.1f s", account, wait, exc_info=error)
        return wait

    def _pause(self, seconds: float) -> None:
        self.heart.beat(seconds + _STEP_SECONDS)
        with contextlib.suppress(Stopping):
            self.stop.wait(seconds)

    # One connection's life

    def _session(self, *, restarted: bool) -> None:
        """Connect and work. Raises `Stopping`, or whatever ended the session."""
        self._has_decided = False
        context = ssl.create_default_context(cafile=self.mailbox.ca_file)
        self._await_permission_to_log_in(restarted=restarted)
        self.heart.beat()
        server = imap.connect(self.mailbox.host, self.mailbox.port, context, _CONNECT_TIMEOUT_SECONDS)
        try:
            self._gauge("certificate_refused", 0)
            server.set_timeout(self._configuration.timeout_seconds)
            self._log_in(server)
            self._make_folders(server)
            while True:
                self._round(server)
                self._wait_for_mail(server)
        except Stopping:
            server.logout()
            raise
        finally:
            self._postman.rest()
            server.close()

    def _await_permission_to_log_in(self, *, restarted: bool) -> None:
        account, host = self.mailbox.account, self.mailbox.host
        together = [mailbox.account for mailbox in self._configuration.mailboxes if mailbox.host == host]
        while True:
            attempts = self._journal.failed_logins(account)
            refusals = self._journal.refusals(together)
            wait = login_wait(attempts, Moment.now(), restarted=restarted, refused_at_host=refusals)
            if not wait:
                return
            log.warning("%s: %d logins failed; next try in %.0f s", account, len(attempts), wait)
            # Mailboxes that wait for the same moment must not all take it.
            wait *= self._chance.uniform(1, 1.1)
            self.heart.beat(wait + _STEP_SECONDS)
            self.stop.wait(wait)

    def _log_in(self, server: Imap) -> None:
        # Recorded before, so that not even a crash loop hammers a server that says no.
        attempt = self._journal.begin_login(self.mailbox.account, Moment.now())
        try:
            server.login(self.mailbox.account, self.mailbox.password)
        except LoginRefused:
            self._journal.login_refused(attempt)
            raise
        self._logged_in = time.monotonic()
        self._journal.forget_failed_logins(self.mailbox.account)
        server.prepare()
        for figure, value in (("up", 1), ("login_refused", 0)):
            self._gauge(figure, value)
        self._contact()
        log.info("%s: logged in at %s", self.mailbox.account, self.mailbox.host)

    def _make_folders(self, server: Imap) -> None:
        folders = self.mailbox.folders
        for folder in (folders.processed, folders.rejected, folders.unrouted, folders.failed, folders.replay):
            server.create(folder)

    # A round through the folders, and the wait for the next

    def _round(self, server: Imap) -> None:
        """Take what is in every folder, report and prune."""
        folders = self.mailbox.folders
        self._held_up = False
        for folder in (*folders.fetch, folders.replay):
            if folder == folders.fetch[0] or server.count(folder):
                self._take_folder(server, folder)
            else:
                self._forget_gone(folder, frozenset())
                self._tell_waiting(folder, 0)
        for folder in folders.report:
            self._report(folder, server.count(folder) or 0)
        if time.monotonic() - self._pruned > _PRUNE_SECONDS:
            self._prune(server)
            self._pruned = time.monotonic()
        self._contact()

    def _wait_for_mail(self, server: Imap) -> None:
        """IDLE on the first folder, taking what arrives there, until it is time for the next round."""
        inbox = self.mailbox.folders.fetch[0]
        ends = time.monotonic() + min(self._configuration.poll_seconds, self._until_due())
        in_vain = 0
        while (left := ends - time.monotonic()) > 0:
            if server.select(inbox) is None:
                raise ImapError(f"there is no folder {inbox}")
            self.heart.beat(left + _STEP_SECONDS)
            server.wait_for_news(left, self.stop.wake)
            self._contact()
            self.stop.wait(0)
            found = server.has_news and self._take_folder(server, inbox)
            ends = min(ends, time.monotonic() + self._until_due())
            # A server that tells of news at each IDLE, or ends each at once, must not make it spin.
            in_vain = 0 if found else in_vain + 1
            self.stop.wait(min(_NOTHING_NEW.wait(in_vain, self._chance), max(0, ends - time.monotonic())))

    def _until_due(self) -> float:
        """The seconds until something can be tried again; at least a moment, so that nothing can spin."""
        dues = [deferral.due for deferral in self._deferred.values()]
        if self._held_up:
            dues.append(self._mailman_due)
        deliveries = max(min(dues, default=float("inf")), self._mailman_due)
        moves = min((deferral.due for deferral in self._refused.values()), default=float("inf"))
        return max(_MOMENT_SECONDS, min(deliveries, moves) - time.monotonic())

    def _report(self, folder: str, count: int) -> None:
        self._metrics.set("folder_messages", count, mailbox=self.mailbox.account, folder=folder)
        if count > self._reported.get(folder, 0):
            log.warning("%s: %d messages in %s, which isn't fetched: look at them", self.mailbox.account, count, folder)
        self._reported[folder] = count

    def _prune(self, server: Imap) -> None:
        keep, folders = self._configuration.keep_days, self.mailbox.folders
        self._prune_folder(server, folders.processed, keep.processed, self._configuration.processed_most)
        self._prune_folder(server, folders.rejected, keep.rejected)
        self._prune_folder(server, folders.unrouted, keep.unrouted)
        self._prune_folder(server, folders.failed, keep.failed)
        self._journal.prune(keep.delivered)

    def _prune_folder(self, server: Imap, folder: str, days: int, most: int | None = None) -> None:
        self.heart.beat()
        selected = server.select(folder)
        if selected is None:
            return
        doomed = set()
        if days:
            old = self._journal.mark(self.mailbox.account, selected, Moment.now(), days)
            # "1:0" would be the two of them, in the other order.
            doomed.update(server.search(f"UID 1:{old - 1} UNDELETED") if old > 1 else ())
        if most is not None:
            doomed.update(server.search("UNDELETED")[:-most])
        if doomed:
            try:
                server.delete(sorted(doomed))
            except Refused as refusal:
                log.error("%s: %s can't be pruned: %s", self.mailbox.account, folder, refusal)
                return
            log.info("%s: %d messages pruned from %s", self.mailbox.account, len(doomed), folder)

    # A folder's messages

    def _take_folder(self, server: Imap, folder: str) -> bool:
        """Take the messages of a folder that are due; False when there was nothing to try."""
        selected = server.select(folder)
        if selected is None:
            self._forget_gone(folder, frozenset())
            self._tell_waiting(folder, 0)
            return False
        self._seen = time.monotonic()
        uids = server.search("UNDELETED")
        self._forget_gone(folder, frozenset(_key(self.mailbox, selected, uid) for uid in uids))
        moves = _Moves(server, self.mailbox.folders, delete_processed=self._configuration.delete_processed)
        uids = self._make_late_moves(selected, uids, moves)
        self._tell_waiting(folder, len(uids))
        due = self._in_order(selected, uids)
        if due and self._mailman_due > time.monotonic():
            self._held_up = True
            due = []
        left = len(uids)
        try:
            if due:
                # Before anything is fetched: it would be for nothing while Mailman is down.
                self._postman.connect()
            for uid in due:
                left -= self._take_message(server, selected, uid, moves)
                self._tell_waiting(folder, left)
                if self.stop.demanded():
                    break
        except MailmanAway as error:
            self._mailman_away(error)
        self._postman.rest()
        moves.flush()
        self._note_refusals(folder, moves)
        if self._held_up:
            self._learn_oldest(server, selected, uids)
        self.stop.wait(0)
        return bool(due)

    def _learn_oldest(self, server: Imap, selected: Selected, uids: list[int]) -> None:
        """Ask when the first message that waits arrived: while Mailman is away it isn't fetched."""
        keys = {uid: _key(self.mailbox, selected, uid) for uid in uids}
        first = next((uid for uid in uids if keys[uid] not in self._decided and keys[uid] not in self._deferred), None)
        if first is not None and keys[first] not in self._arrived and (date := server.internal_date(first)):
            self._arrived[keys[first]] = _seconds(date)
            self._tell_oldest()

    def _make_late_moves(self, selected: Selected, uids: list[int], moves: _Moves) -> list[int]:
        """Make the moves that a broken connection kept us from; return the messages that are still to be handled.

        Fetched again, they would use up a connection that breaks often before it gets to any new message.
        """
        decided = {uid: self._decided.get(_key(self.mailbox, selected, uid)) for uid in uids}
        if self._refused.get(selected.name, Deferral()).due <= time.monotonic():
            for uid, fate in decided.items():
                if fate:
                    moves.add(uid, fate)
            moves.flush()
            if not moves.refusals:
                self._refused.pop(selected.name, None)
        return [uid for uid, fate in decided.items() if not fate]

    def _note_refusals(self, folder: str, moves: _Moves) -> None:
        """What can't be moved stays decided on and is moved later; meanwhile the rest flows."""
        if not moves.refusals:
            return
        wait = self._put_off(self._refused.setdefault(folder, Deferral()))
        for target, refusal in moves.refusals.items():
            what = f"moved to {target}" if target else "deleted"
            message = "%s: what is done in %s can't be %s (%s); it stays, again in %.0f s"
            log.error(message, self.mailbox.account, folder, what, refusal, wait)

    def _in_order(self, selected: Selected, uids: list[int]) -> list[int]:
        """The messages that are due, oldest first; what failed, or was in hand at a crash, comes last: others flow."""
        now = time.monotonic()
        due = [uid for uid in uids if self._deferral(selected, uid).due <= now]
        suspects = self._journal.suspects() | {key for key, deferral in self._deferred.items() if deferral.failures}
        return sorted(due, key=lambda uid: (_key(self.mailbox, selected, uid) in suspects, uid))

    def _take_message(self, server: Imap, selected: Selected, uid: int, moves: _Moves) -> bool:
        """Take one message; True when it doesn't wait any longer."""
        self._in_hand = key = _key(self.mailbox, selected, uid)
        self.heart.beat()
        crashes = self._journal.take_in_hand(key)
        try:
            outcome = self._handle(server, selected, uid, crashes)
        except (ImapError, MailmanAway, OSError, sqlite3.Error) as error:
            # The world's fault, not the message's.
            with contextlib.suppress(sqlite3.Error):
                self._journal.put_down(key)
            hung_up = isinstance(error, MailmanAway) and error.with_message
            if isinstance(error, ImapError | OSError) or hung_up:
                # Unless one of the servers, or the disk, can't bear this one: the others are tried before it.
                wait = self._defer(key, hung_up=hung_up, refused_fetch=isinstance(error, Refused))
                message = "%s: %s/%d couldn't be handled (%s); again in %.0f s"
                log.warning(message, self.mailbox.account, selected.name, uid, error, wait)
            raise
        except Exception:
            # It stays "in hand": that is how crashes are counted.
            self._metrics.add("crashes_total", mailbox=self.mailbox.account)
            log.exception("%s: %s/%d crashed the handler", self.mailbox.account, selected.name, uid)
            self._defer(key)
            return False
        finally:
            self._in_hand = ""
        try:
            return self._is_gone(selected, uid) if outcome is None else self._finish(selected, uid, outcome, moves)
        finally:
            self._journal.put_down(key)

    def _handle(self, server: Imap, selected: Selected, uid: int, crashes: int) -> Outcome | None:
        """Handle one message; None when there was nothing to fetch."""
        if crashes >= CRASHES_ALLOWED:
            return Outcome(Fate.FAILED, notes=[f"it crashed the handler {crashes} times"])
        deferral = self._deferral(selected, uid)
        if is_unbearable(deferral.hang_ups, others_taken=self._postman.last_taken > deferral.first_hang_up):
            return Outcome(Fate.FAILED, notes=[f"Mailman broke the connection off {deferral.hang_ups} times over it"])
        if deferral.refused_fetches >= REFUSED_FETCHES_ALLOWED and self._fetched > deferral.last_refused_fetch:
            return Outcome(Fate.FAILED, notes=[f"the mail service refused it {deferral.refused_fetches} times"])
        key = _key(self.mailbox, selected, uid)
        with self._spooled(server, uid) as (spool, internal_date):
            if not internal_date:
                return None
            deferral.refused_fetches = 0
            self._fetched = time.monotonic()
            self._arrived[key] = _seconds(internal_date)
            self._metrics.add("fetched_total", mailbox=self.mailbox.account)
            outcome = self._postman.handle(
                Incoming(
                    spool,
                    internal_date,
                    seen=self._seen,
                    beat=self.heart.beat,
                    times_550=deferral.times_550,
                    replay=key if selected.name == self.mailbox.folders.replay else "",
                )
            )
        self._mailman_failures = 0
        return outcome

    @contextlib.contextmanager
    def _spooled(self, server: Imap, uid: int) -> Iterator[tuple[BinaryIO, str]]:
        """Fetch a whole message before anything is done with it: a cut connection never makes half a post."""
        normaliser = Normaliser()
        internal_date = ""
        with tempfile.SpooledTemporaryFile(_SPOOL_MEMORY_OCTETS, dir=self._configuration.state) as spool:
            for piece in server.slices(uid):
                internal_date = piece.internal_date
                spool.write(normaliser.feed(piece.octets))
                self.heart.beat()
            spool.write(normaliser.finish())
            self._contact()
            yield spool, internal_date

    def _is_gone(self, selected: Selected, uid: int) -> bool:
        """Whether a message that can't be fetched is gone; when it is listed once more it isn't."""
        key = _key(self.mailbox, selected, uid)
        wait = self._defer(key)
        deferral = self._deferred[key]
        if deferral.missing:
            message = "%s: %s/%d is listed, but the mail service doesn't hand it out; again in %.0f s"
            log.warning(message, self.mailbox.account, selected.name, uid, wait)
            return False
        deferral.missing = True
        return True

    def _finish(self, selected: Selected, uid: int, outcome: Outcome, moves: _Moves) -> bool:
        """Plan and log what becomes of a message; True when it leaves its folder."""
        account, key = self.mailbox.account, _key(self.mailbox, selected, uid)
        leaves = outcome.fate is not Fate.WAITS
        if leaves:
            self._deferred.pop(key, None)
            self._arrived.pop(key, None)
            self._decided[key] = outcome.fate
            self._has_decided = True
            where = f"to {target}" if (target := moves.target(outcome.fate)) else "deleted"
        else:
            self._metrics.add("deferred_total", mailbox=account)
            where = f"again in {self._defer(key, met_550=outcome.met_550):.0f} s"
        if leaves and outcome.fate is not Fate.PROCESSED:
            self._metrics.add("set_aside_total", mailbox=account, folder=outcome.fate.value)
        log.log(
            logging.INFO if outcome.fate is Fate.PROCESSED else logging.WARNING,
            "%s: %s/%d %s via %s: %s: %s",
            account,
            selected.name,
            uid,
            _printable(outcome.message_id, 200) or "(no Message-ID)",
            outcome.via or "nothing",
            _printable("; ".join(outcome.notes), 1000),
            where,
        )
        if leaves:
            # Last: it may make the moves, and the connection may break at that.
            moves.add(uid, outcome.fate)
        return leaves

    def _mailman_away(self, error: MailmanAway) -> None:
        self._mailman_failures += 1
        wait = _MAILMAN_AWAY.wait(self._mailman_failures, self._chance)
        self._mailman_due = time.monotonic() + wait
        self._held_up = True
        log.warning("%s: Mailman doesn't take mail (%s); again in %.1f s", self.mailbox.account, error, wait)

    # Messages that wait

    def _deferral(self, selected: Selected, uid: int) -> Deferral:
        return self._deferred.get(_key(self.mailbox, selected, uid), Deferral())

    def _defer(self, key: str, *, met_550: bool = False, hung_up: bool = False, refused_fetch: bool = False) -> float:
        deferral = self._deferred.setdefault(key, Deferral())
        deferral.times_550 += met_550
        if hung_up:
            deferral.hang_ups += 1
            deferral.first_hang_up = deferral.first_hang_up or time.monotonic()
        if refused_fetch:
            deferral.refused_fetches += 1
            deferral.last_refused_fetch = time.monotonic()
        return self._put_off(deferral)

    def _put_off(self, deferral: Deferral) -> float:
        deferral.failures += 1
        wait = _MESSAGE.wait(deferral.failures, self._chance)
        deferral.due = time.monotonic() + wait
        return wait

    def _forget_gone(self, folder: str, present: frozenset[str]) -> None:
        """Forget waiting messages of a folder that somebody else took away."""
        of_folder = f"{self.mailbox.account}/{folder}"
        for memory in (self._deferred, self._arrived, self._decided):
            for key in [key for key in memory if _folder_of(key) == of_folder and key not in present]:
                del memory[key]
        if not any(_folder_of(key) == of_folder for key in self._decided):
            self._refused.pop(folder, None)

    def _tell_waiting(self, folder: str, count: int) -> None:
        self._waiting[folder] = count
        self._gauge("waiting_messages", sum(self._waiting.values()))
        self._tell_oldest()

    def _tell_oldest(self) -> None:
        self._metrics.oldest_waiting(min(self._arrived.values(), default=None), mailbox=self.mailbox.account)

    def _gauge(self, name: str, value: float) -> None:
        self._metrics.set(name, value, mailbox=self.mailbox.account)

    def _contact(self) -> None:
        self._metrics.contact(mailbox=self.mailbox.account)


def _key(mailbox: Mailbox, selected: Selected, uid: int) -> str:
    """Name one message for as long as the server keeps its UIDs."""
    return f"{mailbox.account}/{selected.name}/{selected.uidvalidity}/{uid}"


def _folder_of(key: str) -> str:
    """The account and the folder in a message's name; another folder's name may begin with this one's."""
    return key.rsplit("/", 2)[0]


def _seconds(internal_date: str) -> float:
    """Turn IMAP's INTERNALDATE into seconds since the epoch; now, when the server writes it in a way of its own."""
    try:
        return datetime.datetime.strptime(internal_date.strip(), "%d-%b-%Y %H:%M:%S %z").timestamp()
    except ValueError:
        return time.time()


def _printable(text: str, most: int) -> str:
    """Make a stranger's text fit for one line of the log."""
    return "".join(c if " " <= c <= "~" else "?" for c in text[:most])

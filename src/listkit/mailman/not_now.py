"""A full disk and a database out of reach are no message's fault: what they keep a runner from doing is tried again.

Mailman shunts a message whose handling raised an error: it lies in `queue/shunt` until somebody looks. Where even that
fails it moves the queue file to `queue/bad`, which nobody reads again. So a disk that is full for a minute, or a
PostgreSQL that restarts, sets every post aside that is on its way. Here the queue file goes back to its place instead,
by a rename, which needs no room.

Trying again must not mean posting again. So the handling of a message has no effect before all of it worked:

- what the message leads to (its way into the next queue, notices, digests) is written into a directory that no runner
  reads, and renamed into the queues once the database has committed; where that fails all of it has failed, whoever
  caught the error;
- a message whose delivery to the relay has begun is not taken back: if it fails from then on it is shunted, as ever;
- to whom the relay has taken it is written down at once: a runner that is killed before it is through with a message
  begins with it anew, and leaves these out.

A lock that a killed process left on the mailbox of a digest is no message's fault either, and is broken.
"""

import copy
import errno
import functools
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager, suppress
from mailbox import ExternalClashError
from pathlib import Path

PAUSE_SECONDS = 5
STALE_LOCK_SECONDS = 60
"""A process holds the lock for the moment of a write, or while it makes a digest."""
_FULL = {errno.ENOSPC, errno.EDQUOT}
_AWAY = ("08", "40", "53", "57")
"""PostgreSQL's classes of errors that pass: connection, rolled back, out of resources, shut down by somebody."""

log = logging.getLogger("mailman.error")


class Handling:
    """The one message that this process handles; a runner has one thread.

    `queues` is where the runners' queues are, `outbox` and `taken` are directories that are made when they are needed.
    """

    def __init__(self, queues: Path, outbox: Path, taken: Path):
        self._queues, self._outbox, self._taken_directory = queues, outbox, taken
        self._open = False
        self._held_back = []
        self._failure = None
        self._note = None
        self.delivery_begun = False
        self.taken = frozenset()

    @contextmanager
    def whole(self, commit: Callable[[], None]):
        """Hold back what is queued meanwhile; let it go after `commit`, or forget it when anything fails."""
        self._open, self._held_back, self._failure = True, [], None
        try:
            yield
            if self._failure:
                raise self._failure
            commit()
            for staged, place in self._held_back:
                staged.rename(place)
        finally:
            self._open = False
            for staged, _place in self._held_back:
                staged.unlink(missing_ok=True)

    def enqueue(self, enqueue, switchboard, *arguments, **more) -> str:
        """Call Mailman's `enqueue`, into the outbox if it is for a runner and a message is handled."""
        if not self._open:
            return enqueue(switchboard, *arguments, **more)
        try:
            if Path(switchboard.queue_directory).parent == self._queues:
                return self._hold_back(enqueue, switchboard, *arguments, **more)
            return enqueue(switchboard, *arguments, **more)
        except Exception as error:
            # HyperKitty's archiver only logs it, and the post would be in no archive.
            self._failure = error
            raise

    def _hold_back(self, enqueue, switchboard, *arguments, **more) -> str:
        self._outbox.mkdir(mode=0o750, exist_ok=True)
        elsewhere = copy.copy(switchboard)
        elsewhere.queue_directory = str(self._outbox)
        name = enqueue(elsewhere, *arguments, **more)
        file = f"{name}.pck"
        self._held_back.append((self._outbox / file, Path(switchboard.queue_directory, file)))
        return name

    def begin(self, filebase: str) -> None:
        """Remember to whom the relay took the message that this queue file holds, before we were killed."""
        self._note = self._taken_directory / filebase
        self.taken = frozenset()
        with suppress(FileNotFoundError):
            self.taken = frozenset(self._note.read_text(encoding="utf-8", errors="surrogatepass").splitlines())

    def note_taken(self, recipients: Iterable[str]) -> None:
        """Write down to whom the relay has taken the message."""
        if self._note is None:
            return  # nothing that could be killed in its middle and begin anew
        try:
            self._taken_directory.mkdir(mode=0o750, exist_ok=True)
            with self._note.open("a", encoding="utf-8", errors="surrogatepass") as note:
                note.writelines(f"{recipient}\n" for recipient in recipients)
                note.flush()
                os.fsync(note.fileno())
        except OSError as error:
            # They have it: to fail now would shunt the message, and it would go to them again.
            log.error("%s can't be written, so a kill would send twice: %s", self._note, error)

    def end(self, filebase: str) -> None:
        """Forget it: the queue file is gone."""
        (self._taken_directory / filebase).unlink(missing_ok=True)

    def can_be_tried_again(self, error: BaseException | None) -> bool:
        """Whether the message may go back into its queue after `error`."""
        return is_no_message_s_fault(error) and not self.delivery_begun


def teach(
    switchboard_class, runner_class, delivery_class, mailbox_class, handling: Handling, commit: Callable[[], None]
) -> None:
    """Make Mailman's `Switchboard`, `Runner`, `BaseDelivery` and `Mailbox` do so; a second call changes nothing."""
    if not hasattr(switchboard_class.finish, "__wrapped__"):
        switchboard_class.dequeue = _beginning(switchboard_class.dequeue, handling)
        switchboard_class.finish = _keeping(switchboard_class.finish, handling)
        switchboard_class.enqueue = _holding_back(switchboard_class.enqueue, handling)
        runner_class._process_one_file = _handled_whole(runner_class._process_one_file, handling, commit)
        delivery_class._deliver_to_recipients = _begun(delivery_class._deliver_to_recipients, handling)
        mailbox_class.lock = _breaking_stale_locks(mailbox_class.lock)


def _handled_whole(process_one_file, handling, commit):
    @functools.wraps(process_one_file)
    def process_whole(self, message, metadata):
        """See `IRunner`."""
        handling.delivery_begun = False
        if self.name == "out":
            # What it does can't be held back, so its commit must not undo what has been sent.
            process_one_file(self, message, metadata)
            return
        with handling.whole(commit):
            process_one_file(self, message, metadata)

    return process_whole


def _beginning(dequeue, handling):
    @functools.wraps(dequeue)
    def dequeue_and_remember(self, filebase):
        """See `ISwitchboard`."""
        if self.name == "out":
            handling.begin(filebase)
        return dequeue(self, filebase)

    return dequeue_and_remember


def _begun(deliver_to_recipients, handling):
    @functools.wraps(deliver_to_recipients)
    def deliver_once_and_for_good(self, mailing_list, message, metadata, recipients):
        """See `BaseDelivery`."""
        handling.delivery_begun = True
        wanting = [recipient for recipient in recipients if recipient not in handling.taken]
        if not wanting:
            return {}
        refused = deliver_to_recipients(self, mailing_list, message, metadata, wanting)
        handling.note_taken(recipient for recipient in wanting if recipient not in refused)
        return refused

    return deliver_once_and_for_good


def _holding_back(enqueue, handling):
    @functools.wraps(enqueue)
    def enqueue_in_time(self, *arguments, **more):
        """See `ISwitchboard`. Refuses to shunt what can be tried again, so that `finish` keeps it."""
        if self.name == "shunt" and handling.can_be_tried_again(error := sys.exc_info()[1]):
            raise error
        return handling.enqueue(enqueue, self, *arguments, **more)

    return enqueue_in_time


def _keeping(finish, handling):
    @functools.wraps(finish)
    def finish_or_keep(self, filebase, preserve=False):
        """See `ISwitchboard`. Called with `preserve` while the error is being handled that made it necessary."""
        backup = Path(self.queue_directory, f"{filebase}.bak")
        error = sys.exc_info()[1]
        if not (preserve and handling.can_be_tried_again(error) and backup.exists()):
            finish(self, filebase, preserve)
            if self.name == "out":
                handling.end(filebase)
            return
        log.error("No fault of the message's: %s stays in the queue %s and is tried again", filebase, self.name)
        backup.rename(backup.with_name(f"{filebase}.pck"))
        time.sleep(PAUSE_SECONDS)

    return finish_or_keep


def _breaking_stale_locks(lock):
    @functools.wraps(lock)
    def lock_or_break(self):
        """See `mailbox.Mailbox`."""
        left = Path(f"{self._path}.lock")
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > STALE_LOCK_SECONDS:
                log.error("%s was left by a process that was killed: removed", left)
                left.unlink()
        return lock(self)

    return lock_or_break


def is_no_message_s_fault(error: BaseException | None) -> bool:
    """Return whether an error, or one that led to it, says that there is no room, no database, or a lock in the way."""
    while error is not None:
        if isinstance(error, ExternalClashError) or (isinstance(error, OSError) and error.errno in _FULL):
            return True
        # SQLAlchemy's error has the driver's in `orig`.
        if _database_is_away(getattr(error, "orig", error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _database_is_away(error):
    """Return whether psycopg2 says so; without a code the server wasn't there to give one."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    code = getattr(error, "pgcode", None)
    return bool(kinds & {"OperationalError", "InterfaceError"}) and (code is None or code.startswith(_AWAY))

"""A full disk or an unavailable database delays messages; it does not set them aside.

Mailman shunts a message whose handling raised an error: it lies in `queue/shunt` until an administrator looks. Where
even that fails it moves the queue file to `queue/bad`. So a disk that is full for a minute, or a PostgreSQL that
restarts, sets every post aside that is on its way. Here the queue file goes back to its place instead, by a rename,
which needs no room.

Trying again must not mean posting again. So the handling of a message has no effect before all of it has worked:

- what the message leads to (its way into the next queue, notices, digests) is written into a directory that no runner
  reads, and renamed into the queues once the database has committed; where that fails all of it has failed, even if
  the error was caught on the way;
- the recipients that the relay has accepted are recorded at once: a delivery that begins again, after an error or
  after its runner was killed, leaves these out;
- where it is not known or not recorded whom the relay has accepted, the message is shunted, as before. Recipients that
  are known to have it are left out of what is shunted.
"""

from __future__ import annotations

import copy
import functools
import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from listkit.common.durable import append_durably
from listkit.common.patching import Patch, Target
from listkit.mailman.temporary_errors import is_temporary

PAUSE_SECONDS = 5

log = logging.getLogger("mailman.error")


class Handling:
    """The message that this process handles at the moment; a runner has one thread.

    `queues` is where the runners' queues are; `outbox` and `accepted` are directories that are made when they are
    needed.
    """

    def __init__(self, queues: Path, outbox: Path, accepted: Path):
        self._queues, self._outbox, self._accepted_directory = queues, outbox, accepted
        self._open = False
        self._held_back: list[tuple[Path, Path]] = []
        self._failure: Exception | None = None
        self._record: Path | None = None
        self._is_recorded = True
        self.accepted: frozenset[str] = frozenset()

    @contextmanager
    def transaction(self, commit: Callable[[], None]) -> Iterator[None]:
        """Hold back what is queued meanwhile; release it after `commit`, or drop it when anything fails."""
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
        """Call Mailman's `enqueue`, into the outbox if it is for a runner and a message is being handled."""
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

    def begin_delivery(self, filebase: str) -> None:
        """Read which recipients the relay has accepted of this queue file already, before this process was killed."""
        self._record = self._accepted_directory / filebase
        self._is_recorded = True
        self.accepted = frozenset()
        with suppress(FileNotFoundError):
            text = self._record.read_text(encoding="utf-8", errors="surrogatepass")
            self.accepted = frozenset(text.splitlines())

    def begin_transaction_with_relay(self) -> None:
        """The relay is about to be asked: until `record_accepted`, it is not known whom it has accepted."""
        self._is_recorded = False

    def record_accepted(self, recipients: Iterable[str]) -> None:
        """Record the recipients that the relay has accepted."""
        recipients = list(recipients)
        self.accepted |= set(recipients)
        if self._record is None:
            return  # no queue file that a restarted process would deliver again
        try:
            self._accepted_directory.mkdir(mode=0o750, exist_ok=True)
            lines = "".join(f"{recipient}\n" for recipient in recipients)
            append_durably(self._record, lines.encode(errors="surrogatepass"))
            self._is_recorded = True
        except OSError as error:
            # They have it: to fail now would shunt the message, and it would go to them again.
            log.error("%s can't be written; a kill of this process sends some posts twice: %s", self._record, error)

    def end_delivery(self, filebase: str) -> None:
        """Remove the record: the queue file is gone."""
        (self._accepted_directory / filebase).unlink(missing_ok=True)

    def without_accepted(self, metadata: dict | None) -> dict | None:
        """Return the metadata of a message that is shunted, without the recipients that have it."""
        if not (self.accepted and metadata and metadata.get("recipients")):
            return metadata
        return {**metadata, "recipients": [one for one in metadata["recipients"] if one not in self.accepted]}

    def may_be_retried(self, error: BaseException | None) -> bool:
        """Return whether the message may go back into its queue after `error`."""
        return is_temporary(error) and self._is_recorded


def wrap(switchboard_class, runner_class, delivery_class, handling: Handling, commit: Callable[[], None]) -> None:
    """Wrap the methods of Mailman's `Switchboard`, `Runner` and `BaseDelivery`."""
    switchboard_class.dequeue = _dequeue(switchboard_class.dequeue, handling)
    switchboard_class.finish = _finish(switchboard_class.finish, handling)
    switchboard_class.enqueue = _enqueue(switchboard_class.enqueue, handling)
    runner_class._process_one_file = _process_one_file(runner_class._process_one_file, handling, commit)
    delivery_class._deliver_to_recipients = _deliver_to_recipients(delivery_class._deliver_to_recipients, handling)


def _process_one_file(original, handling, commit):
    @functools.wraps(original)
    def process_in_transaction(self, message, metadata):
        """See `IRunner`."""
        if self.name == "out":
            # What it does can't be held back, so its commit must not undo what has been sent.
            original(self, message, metadata)
            return
        with handling.transaction(commit):
            original(self, message, metadata)

    return process_in_transaction


def _dequeue(original, handling):
    @functools.wraps(original)
    def dequeue_and_read_record(self, filebase):
        """See `ISwitchboard`."""
        if self.name == "out":
            handling.begin_delivery(filebase)
        return original(self, filebase)

    return dequeue_and_read_record


def _deliver_to_recipients(original, handling):
    @functools.wraps(original)
    def deliver_once(self, mailing_list, message, metadata, recipients):
        """See `BaseDelivery`."""
        remaining = [recipient for recipient in recipients if recipient not in handling.accepted]
        if not remaining:
            return {}
        handling.begin_transaction_with_relay()
        refused = original(self, mailing_list, message, metadata, remaining)
        handling.record_accepted(recipient for recipient in remaining if recipient not in refused)
        return refused

    return deliver_once


def _enqueue(original, handling):
    @functools.wraps(original)
    def enqueue_in_transaction(self, _msg, _metadata=None, **more):
        """See `ISwitchboard`. Refuses to shunt what can be retried, so that `finish` keeps it."""
        error = sys.exc_info()[1]
        if error and self.name == "shunt":
            if handling.may_be_retried(error):
                raise error
            _metadata = handling.without_accepted(_metadata)
        return handling.enqueue(original, self, _msg, _metadata, **more)

    return enqueue_in_transaction


def _finish(original, handling):
    @functools.wraps(original)
    def finish_or_requeue(self, filebase, preserve=False):
        """See `ISwitchboard`. Called with `preserve` while the error is being handled that made it necessary."""
        backup = Path(self.queue_directory, f"{filebase}.bak")
        error = sys.exc_info()[1]
        if not (preserve and handling.may_be_retried(error) and backup.exists()):
            original(self, filebase, preserve)
            if self.name == "out":
                handling.end_delivery(filebase)
            return
        log.error("Temporary error: %s stays in the queue %s and is retried", filebase, self.name)
        backup.rename(backup.with_name(f"{filebase}.pck"))
        time.sleep(PAUSE_SECONDS)

    return finish_or_requeue


def _apply() -> None:
    from mailman.config import config
    from mailman.core.runner import Runner
    from mailman.core.switchboard import Switchboard
    from mailman.mta.base import BaseDelivery

    data = Path(config.DATA_DIR)
    handling = Handling(Path(config.QUEUE_DIR), data / "outbox", data / "taken-by-relay")
    wrap(Switchboard, Runner, BaseDelivery, handling, commit=lambda: config.db.commit())


PATCH = Patch(
    name="atomic-handling",
    purpose="A full disk or an unavailable database sets every message aside that is on its way, and a runner that is "
    "killed in the middle of a delivery sends the post again to recipients that have it.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="Mailman shunts such messages, as it does by itself.",
    targets=(
        Target("mailman.core.switchboard:Switchboard.dequeue", "(self, filebase)"),
        Target("mailman.core.switchboard:Switchboard.enqueue", "(self, _msg, _metadata=None, **_kws)"),
        Target("mailman.core.switchboard:Switchboard.finish", "(self, filebase, preserve=False)"),
        Target("mailman.core.runner:Runner._process_one_file", "(self, msg, msgdata)", ("218b05e92ffb",)),
        # How it calls the others: shunt, then finish, then preserve.
        Target("mailman.core.runner:Runner._one_iteration", "(self)", ("eaa86100fe9f",)),
        Target("mailman.mta.base:BaseDelivery._deliver_to_recipients", "(self, mlist, msg, msgdata, recipients)"),
    ),
    apply=_apply,
)

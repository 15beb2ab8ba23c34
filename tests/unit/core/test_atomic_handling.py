"""What happens to a message, and to what it leads to, when its handling fails."""

import contextlib
import errno
import mailbox
import os
import time
from pathlib import Path
from typing import ClassVar

import pytest

from listkit.mailman.patches import atomic_handling, stale_digest_lock
from listkit.mailman.temporary_errors import is_temporary


class Switchboard:
    """As much of Mailman's class as matters here."""

    def __init__(self, name, directory):
        self.name, self.queue_directory = name, str(directory / name)
        (directory / name).mkdir(parents=True, exist_ok=True)
        self.finished = []

    def dequeue(self, filebase):
        return filebase

    def enqueue(self, _msg, _metadata=None, **_kws):
        Path(self.queue_directory, f"{_msg}.pck").write_text(_msg)
        self.queued = _metadata
        return _msg

    def finish(self, filebase, preserve=False):
        self.finished.append((filebase, preserve))


class Runner:
    """As much of Mailman's class as matters here; `work` is what its subclasses do with a message."""

    def __init__(self, name, work):
        self.name, self.work = name, work

    def _process_one_file(self, message, metadata):
        self.work()


class Delivery:
    """As much of Mailman's class `BaseDelivery` as matters here."""

    asked: ClassVar = []

    def _deliver_to_recipients(self, mailing_list, message, metadata, recipients):
        self.asked.append(recipients)
        return {recipient: (451, b"later") for recipient in recipients if recipient.startswith("refused")}


class Mailbox(mailbox.MMDF):
    """As much of Mailman's class as matters here."""


class Host:
    """A runner's process: its queues, and a database that can refuse to commit."""

    def __init__(self, directory):
        switchboard = type("Patched", (Switchboard,), dict(Switchboard.__dict__))
        self.runner = type("Patched", (Runner,), dict(Runner.__dict__))
        self.handling = atomic_handling.Handling(directory, directory / "data/outbox", directory / "data/taken")
        (directory / "data").mkdir(exist_ok=True)
        self.delivery = type("Patched", (Delivery,), {**Delivery.__dict__, "asked": []})
        self.mailbox = type("Patched", (Mailbox,), {"lock": mailbox.MMDF.lock})
        self.commits, self.refusal, self.metadata = 0, None, None
        atomic_handling.wrap(switchboard, self.runner, self.delivery, self.handling, self.commit)
        stale_digest_lock.wrap(self.mailbox)
        self.directory = directory
        self.queue, self.next, self.shunt, self.out = (
            switchboard(name, directory) for name in ("in", "pipeline", "shunt", "out")
        )
        self.spool = switchboard("hyperkitty", directory / "archives")
        (directory / "in" / "x.bak").write_text("a message")

    def commit(self):
        self.commits += 1
        if self.refusal:
            raise self.refusal

    def handle(self, work, name="in"):
        """Handle the message `x` as Mailman's loop does."""
        try:
            self.runner(name, work)._process_one_file("x", {})
            self.queue.finish("x")
        except Exception:
            try:
                self.shunt.enqueue("x", self.metadata)
                self.queue.finish("x")
            except Exception:
                self.queue.finish("x", preserve=True)

    def files(self):
        return sorted(str(path.relative_to(self.directory)) for path in self.directory.rglob("*.*"))


@pytest.fixture
def host(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic_handling, "PAUSE_SECONDS", 0)
    return Host(tmp_path)


def raises(error):
    def work():
        raise error

    return work


def no_room():
    return OSError(errno.ENOSPC, "No space left on device")


def database(code, kind="OperationalError"):
    """SQLAlchemy's error around psycopg2's."""
    error = RuntimeError("(psycopg2) server closed the connection unexpectedly")
    error.orig = type(kind, (Exception,), {"pgcode": code})()
    return error


PASSING = [
    no_room(),
    OSError(errno.EDQUOT, "quota"),
    database("53100"),
    database(None),
    database("57P01"),
    database("40P01"),
    database(None, "InterfaceError"),
]


@pytest.mark.parametrize("error", PASSING)
def test_a_temporary_error_puts_the_message_back_into_its_queue(host, error):
    host.handle(raises(error))
    assert host.files() == ["in/x.pck"]
    assert host.queue.finished == []


@pytest.mark.parametrize("error", [ValueError("a bug"), database("54000"), database("22021", "DataError")])
def test_what_failed_otherwise_is_shunted_as_before(host, error):
    host.handle(raises(error))
    assert host.files() == ["in/x.bak", "shunt/x.pck"]
    assert host.queue.finished == [("x", False)]


def test_what_a_message_leads_to_is_there_when_the_database_has_committed(host):
    seen = []

    def work():
        host.next.enqueue("x")
        seen.append(host.files())

    host.handle(work)
    assert seen == [["data/outbox/x.pck", "in/x.bak"]]
    assert host.commits == 1
    assert host.files() == ["in/x.bak", "pipeline/x.pck"]
    assert host.queue.finished == [("x", False)]


def test_metadata_may_be_named_as_mailman_does_when_a_moderator_accepts(host):
    host.next.enqueue("x", _metadata={"approved": True})
    assert host.next.queued == {"approved": True}


@pytest.mark.parametrize("error", [*PASSING, ValueError("a bug")])
def test_a_message_that_cannot_be_committed_leads_to_nothing(host, error):
    host.refusal = error
    host.handle(lambda: host.next.enqueue("x"))
    assert not [file for file in host.files() if file.startswith(("pipeline", "data"))]
    assert host.files() == (["in/x.bak", "shunt/x.pck"] if isinstance(error, ValueError) else ["in/x.pck"])


def test_a_message_whose_delivery_has_begun_is_not_sent_again(host):
    def work():
        assert host.delivery()._deliver_to_recipients(None, "x", {}, ["refused"]).keys() == {"refused"}
        raise database(None)

    host.handle(work, "out")
    assert host.files() == ["in/x.bak", "shunt/x.pck"]
    assert host.commits == 0


def fails_later(host, error, *recipients):
    """Hand the queue file `x` to the relay, and fail after that."""

    def work():
        host.out.dequeue("x")
        host.delivery()._deliver_to_recipients(None, "x", {}, recipients)
        raise error

    host.handle(work, "out")


def test_an_error_after_a_delivery_that_is_recorded_sends_nothing_twice(host):
    fails_later(host, database(None), "ana", "refused")
    assert host.files() == ["in/x.pck"]
    assert deliver(host, "x", ["ana", "refused"]) == [["refused"]]


def test_an_error_after_a_delivery_that_could_not_be_recorded_shunts_the_rest_only(host, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _file: (_ for _ in ()).throw(no_room()))
    host.metadata = {"recipients": {"ana", "refused"}, "whichq": "out"}
    fails_later(host, database(None), "ana", "refused")
    assert host.shunt.queued == {"recipients": ["refused"], "whichq": "out"}
    assert "in/x.pck" not in host.files()


def test_a_message_whose_delivery_has_not_begun_is_tried_again(host):
    host.delivery()._deliver_to_recipients(None, "the message before", {}, [])
    host.handle(raises(database(None)), "out")
    assert host.files() == ["in/x.pck"]


def test_what_cannot_be_parsed_is_preserved_as_before(host):
    try:
        raise ValueError("no pickle")
    except ValueError:
        host.queue.finish("x", preserve=True)
    assert host.queue.finished == [("x", True)]


def test_other_processes_queue_at_once(host):
    host.next.enqueue("y")
    assert host.files() == ["in/x.bak", "pipeline/y.pck"]


def test_an_error_that_a_full_disk_led_to_counts():
    try:
        try:
            raise no_room()
        except OSError as error:
            raise RuntimeError("wrapped") from error
    except RuntimeError as error:
        assert is_temporary(error)
    assert not is_temporary(OSError(errno.EACCES, "no"))
    assert not is_temporary(None)


def test_what_could_not_be_queued_fails_as_a_whole_whoever_caught_the_error(host):
    def work():
        with contextlib.suppress(OSError):  # as HyperKitty's archiver does
            host.handling.enqueue(raising, host.spool, "x")

    def raising(*_):
        raise no_room()

    host.handle(work, "archive")
    assert host.commits == 0
    assert host.files() == ["in/x.pck"]


def test_what_no_runner_reads_is_queued_at_once(host):
    host.refusal = database(None)
    host.handle(lambda: host.spool.enqueue("x"), "archive")
    assert host.files() == ["archives/hyperkitty/x.pck", "in/x.pck"]


def deliver(host, filebase, *chunks):
    """Hand a message to the relay in chunks, as the out runner does; return to whom it tried."""
    host.delivery.asked.clear()
    host.out.dequeue(filebase)
    for chunk in chunks:
        host.delivery()._deliver_to_recipients(None, "x", {}, chunk)
    return list(host.delivery.asked)


def test_a_runner_that_was_killed_gives_the_relay_only_what_it_has_not_taken(host):
    chunks = ["ana", "ben"], ["cid", "refused"]
    assert deliver(host, "1+a", chunks[0]) == [["ana", "ben"]]  # and is killed
    assert deliver(host, "1+a", *chunks) == [["cid", "refused"]]
    assert deliver(host, "1+a", *chunks) == [["refused"]]
    assert deliver(host, "2+b", *chunks) == [["ana", "ben"], ["cid", "refused"]]


def test_a_note_that_finds_no_room_does_not_fail_what_the_relay_has_taken(host, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _file: (_ for _ in ()).throw(no_room()))
    host.handle(lambda: deliver(host, "1+a", ["ana"]), "out")
    assert host.queue.finished == [("x", False)]
    assert not (host.directory / "shunt/x.pck").exists()


def test_a_message_that_is_through_is_forgotten(host):
    deliver(host, "1+a", ["ana"])
    assert (host.directory / "data/taken/1+a").exists()
    host.out.finish("1+a")
    assert list((host.directory / "data/taken").iterdir()) == []


def test_the_lock_of_a_killed_process_is_broken_in_time(host, tmp_path):
    box, lock = host.mailbox(tmp_path / "digest.mmdf"), tmp_path / "digest.mmdf.lock"
    lock.touch()
    host.handle(box.lock)
    assert host.files()[-1] == "in/x.pck"
    long_ago = time.time() - stale_digest_lock.STALE_SECONDS - 1
    os.utime(lock, (long_ago, long_ago))
    box.lock()
    box.unlock()
    assert not lock.exists()

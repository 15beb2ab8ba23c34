"""Exactly once: whatever step a crash follows, a redelivery neither loses the message nor doubles it."""

import os
from pathlib import Path

import pytest

from listkit.mailman.deliveries import Deliveries

IDENTITY = "uid-7\nmylist@example.org"
NAME = "1764000000.5+0123456789abcdef0123456789abcdef01234567.pck"


class Crash(Exception):
    """Stands for the death of the process."""


class Queue:
    """Mailman's queue `in`, and a source of messages for it."""

    def __init__(self, root: Path):
        self.directory = root / "queue"
        (self.directory / "in").mkdir(parents=True)
        self.records = root / "deliveries"
        self.staged = 0

    def deliveries(self):
        """The records, as a process that has just started sees them."""
        return Deliveries(self.records, self.directory)

    def take(self, identity=IDENTITY):
        """Take one delivery."""
        deliveries = self.deliveries()

        def stage():
            self.staged += 1
            name = NAME.replace("1764000000", str(1764000000 + self.staged))
            (deliveries.staging / name).write_text("message")
            return "in", name

        return deliveries.take(identity, stage)

    @property
    def messages(self):
        """What a runner would find."""
        return sorted(path.name for path in (self.directory / "in").iterdir())

    def process(self):
        """Do what a runner does: take every message out of the queue."""
        for path in (self.directory / "in").iterdir():
            path.unlink()


@pytest.fixture
def queue(tmp_path):
    return Queue(tmp_path)


def test_a_delivery_is_queued_under_its_final_name(queue):
    assert queue.take()
    assert queue.messages == [NAME.replace("1764000000", "1764000001")]
    assert not list(queue.deliveries().staging.iterdir())


@pytest.mark.parametrize("processed", [False, True])
def test_a_redelivery_is_taken_and_dropped(queue, processed):
    queue.take()
    if processed:
        queue.process()
    before = queue.messages
    assert queue.take()
    assert queue.messages == before
    assert queue.staged == 1


def test_other_recipients_and_other_ids_are_other_deliveries(queue):
    for identity in (IDENTITY, "uid-7\nother@example.org", "uid-8\nmylist@example.org"):
        queue.take(identity)
    assert len(queue.messages) == 3


def test_a_message_that_mailman_refuses_leaves_no_trace(queue):
    assert not queue.deliveries().take(IDENTITY, lambda: None)
    assert not list(queue.records.glob("*.claim"))
    assert queue.take()


STEPS = [("fsync", number) for number in range(1, 6)] + [("replace", 1), ("rename", 1)]
"""Every call that makes something durable; `test_the_steps_are_all_there_are` counts them."""


@pytest.mark.parametrize("processed", [False, True], ids=["still queued", "already processed"])
@pytest.mark.parametrize(("call", "occurrence"), STEPS)
def test_a_crash_before_any_step_neither_loses_nor_doubles(queue, monkeypatch, call, occurrence, processed):
    crash_at(monkeypatch, call, occurrence)
    with pytest.raises(Crash):
        queue.take()
    monkeypatch.undo()
    posts = len(queue.messages)
    if processed:
        queue.process()
    else:
        posts = 0
    assert queue.take()
    assert posts + len(queue.messages) == 1


@pytest.mark.parametrize("call", ["fsync", "replace", "rename"])
def test_the_steps_are_all_there_are(queue, monkeypatch, call):
    crash_at(monkeypatch, call, sum(step[0] == call for step in STEPS) + 1)
    assert queue.take()


def test_a_start_commits_what_a_crash_left_between_claim_and_commit(queue, monkeypatch):
    crash_at(monkeypatch, "rename", 1)
    with pytest.raises(Crash):
        queue.take()
    monkeypatch.undo()
    assert queue.messages == []
    assert queue.deliveries().recover() == 1
    assert len(queue.messages) == 1
    assert queue.deliveries().recover() == 0


def test_a_full_disk_takes_nothing(queue):
    def stage():
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        queue.deliveries().take(IDENTITY, stage)
    assert queue.take()


def crash_at(monkeypatch, call, occurrence):
    """Let the process die before the `occurrence`-th call."""
    owner = {"fsync": os, "replace": Path, "rename": Path}[call]
    real, count = getattr(owner, call), 0

    def dying(*arguments):
        nonlocal count
        count += 1
        if count == occurrence:
            raise Crash(call)
        return real(*arguments)

    monkeypatch.setattr(owner, call, dying)

"""What happens to a queue file when its handling fails."""

import errno

import pytest

from listkit.mailman import full_disk


class Switchboard:
    """As much of Mailman's class as matters here."""

    def __init__(self, name, directory):
        self.name, self.queue_directory = name, str(directory)
        self.finished, self.enqueued = [], []

    def enqueue(self, message):
        self.enqueued.append(message)

    def finish(self, filebase, preserve=False):
        self.finished.append((filebase, preserve))


@pytest.fixture
def switchboards(tmp_path, monkeypatch):
    monkeypatch.setattr(full_disk, "PAUSE_SECONDS", 0)
    patched = type("Patched", (Switchboard,), dict(Switchboard.__dict__))
    full_disk.tolerate_full_disks(patched)
    full_disk.tolerate_full_disks(patched)
    (tmp_path / "x.bak").write_text("a message")
    return patched("pipeline", tmp_path), patched("shunt", tmp_path)


def fail(switchboards, error):
    """As Mailman's runner does it."""
    queue, shunt = switchboards
    try:
        raise error
    except Exception:
        try:
            shunt.enqueue("a message")
            queue.finish("x")
        except Exception:
            queue.finish("x", preserve=True)


def no_room():
    return OSError(errno.ENOSPC, "No space left on device")


def database_full():
    error = RuntimeError("database")
    error.orig = Exception()
    error.orig.pgcode = "53100"
    return error


@pytest.mark.parametrize("error", [no_room(), OSError(errno.EDQUOT, "quota"), database_full()])
def test_what_had_no_room_goes_back_into_its_queue(switchboards, tmp_path, error):
    fail(switchboards, error)
    queue, shunt = switchboards
    assert [path.name for path in tmp_path.iterdir()] == ["x.pck"]
    assert queue.finished == []
    assert shunt.enqueued == []


def test_what_failed_otherwise_is_shunted_as_ever(switchboards, tmp_path):
    fail(switchboards, ValueError("a bug"))
    queue, shunt = switchboards
    assert shunt.enqueued == ["a message"]
    assert queue.finished == [("x", False)]
    assert (tmp_path / "x.bak").exists()


def test_what_cannot_be_parsed_is_preserved_as_ever(switchboards):
    queue, _shunt = switchboards
    try:
        raise ValueError("no pickle")
    except ValueError:
        queue.finish("x", preserve=True)
    assert queue.finished == [("x", True)]


def test_an_error_that_a_full_disk_led_to_counts():
    try:
        try:
            raise no_room()
        except OSError as error:
            raise RuntimeError("wrapped") from error
    except RuntimeError as error:
        assert full_disk.disk_is_full(error)
    assert not full_disk.disk_is_full(OSError(errno.EACCES, "no"))
    assert not full_disk.disk_is_full(None)

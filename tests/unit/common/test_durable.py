"""Files are replaced as a whole, with their mode, and written to the disk where that is promised."""

import os
from pathlib import Path

import pytest

from listkit.common import durable


@pytest.fixture
def synced(monkeypatch):
    """The paths that were written to the disk, with the size that each had then, in order."""
    found = []

    def fsync(handle):
        found.append((str(Path(f"/proc/self/fd/{handle}").readlink()), os.fstat(handle).st_size))

    monkeypatch.setattr(durable.os, "fsync", fsync)
    return found


@pytest.mark.parametrize("write", [durable.replace_file, durable.write_durably])
def test_content_and_mode_are_those_asked_for(write, tmp_path):
    file = tmp_path / "file"
    write(file, "one", 0o640)
    write(file, b"two\0", 0o600)
    assert file.read_bytes() == b"two\0"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("write", [durable.replace_file, durable.write_durably])
def test_a_reader_of_the_old_file_keeps_its_content(write, tmp_path):
    file = tmp_path / "file"
    write(file, "old")
    with file.open() as reader:
        write(file, "new")
        assert reader.read() == "old"


def test_a_secret_is_never_in_a_file_that_others_can_read(tmp_path, monkeypatch):
    (tmp_path / ".key.new").write_text("left by a killed process")
    (tmp_path / ".key.new").chmod(0o644)
    modes = []
    monkeypatch.setattr(durable.os, "fsync", lambda handle: modes.append(os.fstat(handle).st_mode & 0o777))
    durable.write_durably(tmp_path / "key", "secret", 0o600)
    assert modes[0] == 0o600
    assert (tmp_path / "key").read_text() == "secret"


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        durable.write_durably(file, "new")
    assert file.read_text() == "old"


def test_a_durable_file_is_on_the_disk_before_its_name_is_and_the_name_before_the_return(tmp_path, synced):
    durable.write_durably(tmp_path / "file", "abc")
    assert [(path, size) for path, size in synced if path != str(tmp_path)] == [(str(tmp_path / ".file.new"), 3)]
    assert synced[-1][0] == str(tmp_path)


def test_a_replaced_file_costs_no_sync(tmp_path, synced):
    durable.replace_file(tmp_path / "file", "abc")
    assert synced == []


def test_appended_lines_are_on_the_disk(tmp_path, synced):
    durable.append_durably(tmp_path / "file", b"one\n")
    durable.append_durably(tmp_path / "file", b"two\n")
    assert (tmp_path / "file").read_bytes() == b"one\ntwo\n"
    assert synced == [(str(tmp_path / "file"), 4), (str(tmp_path / "file"), 8)]

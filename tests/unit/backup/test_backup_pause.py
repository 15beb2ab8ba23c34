"""The processes of the units stand still for the pause, and run again after it, whatever happens."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from listkit.backup import pause
from listkit.backup.errors import BackupError


def state(pid: int) -> str:
    return pause._state(Path(f"/proc/{pid}/stat"))


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A process that is the only one of a unit."""
    with subprocess.Popen(["sleep", "600"]) as process:
        monkeypatch.setattr(pause, "control_groups", lambda _units: ["/system.slice/mailman3.service"])
        monkeypatch.setattr(pause, "_belongs", lambda directory, _groups: directory.name == str(process.pid))
        yield process.pid
        process.send_signal(signal.SIGCONT)
        process.kill()


def test_processes_stand_still_and_continue(daemon: int):
    with pause.paused():
        assert state(daemon) == "T"
    assert state(daemon) in ("R", "S")


def test_they_continue_after_an_error(daemon: int):
    with pytest.raises(BackupError, match="full"), pause.paused():
        raise BackupError("the disk is full")
    assert state(daemon) in ("R", "S")


def test_a_process_that_does_not_stop_ends_the_pause(daemon: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pause, "STOP_SECONDS", 0.05)
    monkeypatch.setattr(pause, "STANDING", frozenset())
    with pytest.raises(BackupError, match=f"could not pause process {daemon}"), pause.paused():
        pytest.fail("it was not paused")
    assert state(daemon) in ("R", "S")


@pytest.mark.parametrize(
    ("lines", "belongs"),
    [
        ("0::/system.slice/mailman3.service", True),
        ("0::/machine/payload/system.slice/mailman3.service/runner", True),
        ("12:pids:/x\n1:name=systemd:/system.slice/mailman3.service", True),
        ("0::/system.slice/mailman3.service2", False),
        ("0::/", False),
    ],
)
def test_a_process_belongs_to_its_control_group(tmp_path: Path, lines: str, belongs: bool):
    (tmp_path / "cgroup").write_text(lines + "\n")
    assert pause._belongs(tmp_path, ["/system.slice/mailman3.service"]) is belongs


def test_a_name_with_parentheses_is_no_state(tmp_path: Path):
    (tmp_path / "stat").write_text("7 (a) T b) S 1 7 7")
    assert pause._state(tmp_path / "stat") == "S"

"""The unit copies all files and keeps mail paused until it is stopped; a backup without that is none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from lab.commands import wait_for
from listkit.backup import freeze, pause
from listkit.backup.errors import BackupError

UNIT = textwrap.dedent("""
    import contextlib, json, sys
    from pathlib import Path
    from listkit.backup import files, freeze, pause

    place = Path(sys.argv[1])
    files.CONFIGURATION, files.STATE, files.OUTGOING = (), (place / "queue",), ()
    freeze.LASTED = place / "seconds"

    @contextlib.contextmanager
    def paused():
        (place / "paused").touch()
        yield
        (place / "paused").unlink()

    pause.paused = paused
    freeze.notify = lambda message: (place / message.partition("=")[0]).touch()
    freeze.hold(place / "copy")
""")
"""`listkit backup freeze` with a directory of its own instead of the host's files and processes."""
SYSTEMCTL = """#!/bin/sh
case "$1 $2" in
    "start {unit}") exit {started} ;;
    "stop {unit}") exit 0 ;;
    "kill --signal=SIGCONT") touch "$(dirname "$0")/resumed" ;;
    "show --property=Result") echo {result} ;;
    "show --property=StatusText") echo the disk is full ;;
    *) echo "unexpected: $*" >&2; exit 1 ;;
esac
"""


def test_it_holds_mail_until_it_is_stopped(tmp_path: Path):
    (tmp_path / "queue").mkdir()
    (tmp_path / "queue/post").write_text("Hello")
    environment = {**os.environ, "PYTHONPATH": str(Path(pause.__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", UNIT, str(tmp_path)], env=environment) as unit:
        try:
            wait_for((tmp_path / "READY").exists, "the files to be copied", 30)
            copied = tmp_path / "copy" / tmp_path.relative_to("/") / "queue/post"
            assert copied.read_text() == "Hello" and (tmp_path / "paused").exists()
            unit.send_signal(signal.SIGTERM)
            assert unit.wait(30) == 0
        finally:
            unit.kill()
    assert not (tmp_path / "paused").exists()
    assert float((tmp_path / "seconds").read_text()) > 0


def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: int, result: str) -> None:
    """Put a stand-in for systemctl on the PATH."""
    program = tmp_path / "systemctl"
    program.write_text(SYSTEMCTL.format(unit=freeze.UNIT, started=started, result=result))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(freeze, "LASTED", tmp_path / "seconds")
    (tmp_path / "seconds").write_text("0.25")


def test_the_backup_learns_how_long_mail_was_paused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    systemctl(tmp_path, monkeypatch, started=0, result="success")
    with freeze.frozen() as moment:
        pass
    assert moment.pause_seconds == 0.25


def test_a_pause_that_ended_too_early_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    systemctl(tmp_path, monkeypatch, started=0, result="timeout")
    with pytest.raises(BackupError, match=r"not paused until the end \(timeout\)"), freeze.frozen():
        pass
    assert (tmp_path / "resumed").exists()


def test_a_copy_that_fails_is_an_error_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    systemctl(tmp_path, monkeypatch, started=1, result="exit-code")
    with pytest.raises(BackupError, match="the disk is full"), freeze.frozen():
        pytest.fail("it was not paused")

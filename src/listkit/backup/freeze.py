"""The moment of a backup: mail stands still, all files are copied, and the databases say what they hold.

A unit of its own, `listkit backup freeze`, copies the files. It may give files their owners and stop every process, and
has no network; the backup, which has one, may not. The unit counts as started when all files are copied, and mail
continues when it is stopped.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from listkit.backup import files, pause
from listkit.backup.errors import BackupError
from listkit.common.durable import replace_file
from listkit.common.systemd import notify

UNIT = "listkit-backup-freeze.service"
LASTED = Path("/run/listkit-backup-freeze/seconds")
"""For how long mail was paused, which the unit writes when it continues."""


@dataclass
class Moment:
    """When everything was as the backup has it.

    time: in seconds since 1970. pause_seconds: for how long mail was paused, known afterwards.
    """

    time: float
    pause_seconds: float = 0.0


@contextlib.contextmanager
def frozen() -> Iterator[Moment]:
    """Have the unit copy all files, and keep mail paused for the duration of the block. Raises BackupError."""
    _systemctl("start")
    moment = Moment(time.time())
    try:
        yield moment
    finally:
        _systemctl("stop")
    # It may have been killed, or have ended by itself because nothing had stopped it for long.
    if (result := _show("Result")) != "success":
        pause.resume()
        raise BackupError(f"mail was not paused until the end ({result}): `journalctl -u {UNIT} -n 20`")
    moment.pause_seconds = float(LASTED.read_text())


def _systemctl(action: str) -> None:
    answer = subprocess.run(["systemctl", action, UNIT], capture_output=True, text=True, check=False)
    if answer.returncode:
        raise BackupError(_show("StatusText") or answer.stderr.strip())


def _show(name: str) -> str:
    command = ["systemctl", "show", f"--property={name}", "--value", UNIT]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def hold(target: Path) -> None:
    """Copy all files below `target`; keep mail paused until systemd stops the unit. Raises BackupError."""
    # From the first moment on: it waits until it is asked for.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        # The playbook changes these, not mail.
        files.copy(files.CONFIGURATION, target)
        began = time.monotonic()
        with pause.paused():
            files.copy((*files.STATE, *files.OUTGOING), target)
            notify("READY=1")
            signal.sigwait({signal.SIGTERM})
        replace_file(LASTED, str(time.monotonic() - began), 0o600)
    except BackupError as error:
        notify(f"STATUS={error}")
        raise

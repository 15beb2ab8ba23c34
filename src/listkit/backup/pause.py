"""All processes that write, stopped for a moment.

A copy that is made meanwhile has the state after a power cut at that moment: each component recovers from one on its
own. SIGSTOP and not systemd's freezer, which containers lack; no process can refuse it.

`listkit.backup.freeze` is a unit of its own. When it is killed, systemd starts another, in which `resume` lets the
processes continue.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from listkit.backup.errors import BackupError

UNITS = (
    "listkit-bridge.service",
    "listkit-budget.service",
    "listkit-digests.service",
    "listkit-notify.service",
    "mailman3-web.service",
    "mailman3.service",
    # Debian 12 runs Postfix in an instance of the unit.
    "postfix.service",
    "postfix@-.service",
)
CARRIERS = ("listkit-bridge.service", "mailman3.service", "listkit-budget.service")
"""Those that carry mail. While none of them runs, what waits stays where it is."""
STOP_SECONDS = 2.0
"""A process that waits for a disk stops only when it has been served."""
PROC = Path("/proc")
STANDING = frozenset("TtZX")


@contextlib.contextmanager
def paused(units: Collection[str] = UNITS) -> Iterator[None]:
    """Stop the units' processes for the duration of the block. Raises BackupError."""
    groups = control_groups(units)
    try:
        _stop(groups)
        yield
    finally:
        _signal(processes(groups), signal.SIGCONT)


def resume(units: Collection[str] = UNITS) -> None:
    """Let processes continue that a killed pause has left stopped; systemd does it, so no capability is needed."""
    # It fails if one of the units doesn't run.
    subprocess.run(["systemctl", "kill", "--signal=SIGCONT", *units], capture_output=True, timeout=30, check=False)


def control_groups(units: Collection[str]) -> list[str]:
    """Return the control groups of the units that run."""
    command = ["systemctl", "show", "--property=ControlGroup", "--value", *units]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return answer.stdout.split()


def processes(groups: Collection[str]) -> dict[int, bool]:
    """Return the processes in these control groups, and whether each stands still."""
    found = {}
    for directory in PROC.glob("[0-9]*"):
        # It may end at any moment.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if _belongs(directory, groups):
                states = {_state(thread / "stat") for thread in (directory / "task").iterdir()}
                found[int(directory.name)] = states <= STANDING
    return found


def _belongs(directory: Path, groups: Collection[str]) -> bool:
    for line in (directory / "cgroup").read_text().splitlines():
        # The path is seen from the root of a container or of the host.
        path = line.split(":", 2)[2] + "/"
        if any(f"{group}/" in path for group in groups):
            return True
    return False


def _state(stat: Path) -> str:
    """Return the letter of proc(5). The program's name before it may contain anything."""
    return stat.read_text().rpartition(")")[2].split()[0]


def _stop(groups: Collection[str]) -> None:
    """Stop all processes, those too that one of them starts meanwhile."""
    deadline = time.monotonic() + STOP_SECONDS
    while moving := [pid for pid, stands in processes(groups).items() if not stands]:
        if time.monotonic() > deadline:
            raise BackupError(f"could not pause process {moving[0]} within {STOP_SECONDS:.0f} s")
        _signal(moving, signal.SIGSTOP)
        time.sleep(0.005)


def _signal(pids: Collection[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

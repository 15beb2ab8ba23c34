"""Mail and the web interface, stopped for an upgrade."""

from __future__ import annotations

import subprocess
import time

from listkit.backup import final
from listkit.upgrade.errors import UpgradeError
from listkit.web.user import run_as_web_user

BRIDGE = "listkit-bridge.service"
JOB_SECONDS = 600
"""The web interface does about 20 jobs a second."""


def stop(*, drain: bool) -> None:
    """Stop everything that carries mail or changes the data; nothing of it starts at boot. Raises UpgradeError.

    drain: first wait until the web interface has done its jobs. The next release can't read those of this one.
    """
    present = [unit for unit in (*final.UNITS, final.WEB) if _is_present(unit)]
    if drain and BRIDGE in present:
        _systemctl("stop", BRIDGE)
        _wait_for_jobs()
    if present:
        _systemctl("disable", "--now", *present)
    if drain and (left := _jobs()):
        raise UpgradeError(f"{left} jobs of the web interface came while it was stopped")


def _wait_for_jobs() -> None:
    deadline = time.monotonic() + JOB_SECONDS
    while left := _jobs():
        if time.monotonic() > deadline:
            raise UpgradeError(
                f"{left} jobs of the web interface still wait after {JOB_SECONDS} s: see `journalctl -u mailman3-web`"
            )
        time.sleep(1)


def _jobs() -> int:
    return int(run_as_web_user("count-jobs"))


def _is_present(unit: str) -> bool:
    command = ["systemctl", "show", "--property=LoadState", "--value", unit]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "loaded"


def _systemctl(*words: str) -> None:
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UpgradeError(f"`systemctl {' '.join(words)}` failed: {done.stderr.strip()}")

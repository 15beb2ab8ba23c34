"""Services that run programs or libraries which an update has replaced: the old files stay in their memory."""

from __future__ import annotations

import re
from pathlib import Path


def services_with_replaced_files(proc: Path = Path("/proc")) -> list[str]:
    """Return the system services with a process that runs a replaced file, sorted."""
    processes = proc.glob("[0-9]*")
    return sorted({unit for process in processes if (unit := _service_of(process)) and _is_outdated(process)})


def _service_of(process: Path) -> str:
    """Return the system service that a process belongs to; "" for others, and for one that has ended."""
    try:
        groups = (process / "cgroup").read_text()
    except OSError:
        return ""
    found = re.search(r"/system\.slice/(?:\S+/)?([^/\s]+\.service)", groups)
    return found[1] if found else ""


def _is_outdated(process: Path) -> bool:
    """Return whether a process has deleted code of a package in its memory."""
    try:
        maps = (process / "maps").read_text()
    except OSError:
        return False  # it has ended
    return bool(re.search(r"^\S+ r-x\S* .* /usr/\S+ \(deleted\)$", maps, re.MULTILINE))

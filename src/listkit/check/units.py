"""systemd units: active, started at boot, for timers the last run of their job, and those that run replaced files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from listkit.backup import unfinished
from listkit.check.finding import PLAYBOOK, Finding
from listkit.check.probes import output, with_last_log_line

PROPERTIES = ("Id", "LoadState", "ActiveState", "SubState", "Result", "UnitFileState", "Triggers")
Unit = Mapping[str, str]


def check_units(names: Iterable[str]) -> Iterator[Finding]:
    """Yield a finding for each unit. On a host that stands by, not for those that wait for the move."""
    waiting = set(unfinished.HELD_BACK) if unfinished.standing_by() else set()
    units = states([name for name in names if name not in waiting])
    jobs = states(sorted({unit["Triggers"] for unit in units.values() if unit.get("Triggers")}))
    for name, unit in units.items():
        yield _finding(name, unit, jobs)


def states(names: list[str]) -> dict[str, Unit]:
    """Return the properties of units by name."""
    if not names:
        return {}
    blocks = output("systemctl", "show", f"--property={','.join(PROPERTIES)}", "--", *names).strip().split("\n\n")
    return {
        name: dict(line.split("=", 1) for line in block.splitlines()) for name, block in zip(names, blocks, strict=True)
    }


def _finding(name: str, unit: Unit, jobs: Mapping[str, Unit]) -> Finding:
    if unit["LoadState"] == "not-found":
        return Finding.critical(name, "not installed", PLAYBOOK)
    if unit["LoadState"] == "masked":
        return Finding.critical(name, "masked", f"`systemctl unmask {name} && systemctl start {name}`")
    disabled = unit.get("UnitFileState") == "disabled"
    if unit["ActiveState"] != "active":
        return _inactive(name, unit, disabled)
    if disabled:
        return Finding.warning(name, "active, but not started at boot", f"`systemctl enable {name}`")
    job = unit.get("Triggers")
    return _last_run(name, job, jobs[job]["Result"]) if job else Finding.ok(name, "active")


def _inactive(name: str, unit: Unit, disabled: bool) -> Finding:
    state = f"{unit['ActiveState']} ({unit['SubState']})"
    if unit.get("Result", "success") != "success":
        remedy = f"remove the cause, then `systemctl restart {name}`"
        return Finding.critical(name, with_last_log_line(f"{state}, {unit['Result']}", name), remedy)
    return Finding.critical(name, state, f"`systemctl {'enable --now' if disabled else 'start'} {name}`")


def _last_run(timer: str, job: str, result: str) -> Finding:
    """The last run of a timer's job; one that is running now has no result yet."""
    if result == "success":
        return Finding.ok(timer, "active")
    seen = with_last_log_line(f"the last run of {job} failed ({result})", job)
    return Finding.critical(timer, seen, f"remove the cause, then `systemctl start {job}`")


def services_with_replaced_files(proc: Path = Path("/proc")) -> list[str]:
    """Return the services with a process that runs a program or a library that an update has replaced, sorted."""
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

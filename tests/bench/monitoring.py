"""What monitoring costs: the checks with the status page, the canary, and the record of a day.

`bench.deploy` has the host, with `VARIABLES`, and prints this at its end. Nothing of it runs all the time, so a run's
processor time and memory are divided by the time from one run to the next.
"""

from __future__ import annotations

import json
import shlex
import statistics
from collections.abc import Iterator
from typing import NamedTuple

from deployment import Site

CANARY_MINUTES = 30
VARIABLES = {"canary_interval": CANARY_MINUTES, "status_page": True}
MOST_PERCENT = 0.5
MOST_MIB = 10
RUNS = 5
HOUR_SECONDS = 3600
CHECKS = "listkit-alert"
# Each unit, and the seconds from one run to the next.
UNITS = {CHECKS: 200, "listkit-canary": CANARY_MINUTES * 60, "listkit-report": 86_400}
FORGET = "rm -f /run/listkit-alert/findings.json"
"""The next run of the checks looks at everything, as one run in an hour does."""
# A run may have systemd start other units. They are those that are there neither before nor afterwards: their processor
# time is what the slice has used, less what the units used that stay.
_MEASURE = """
import json, pathlib, subprocess, sys, time

SLICE = pathlib.Path("/sys/fs/cgroup/system.slice")

def used(group):
    return int((group / "cpu.stat").read_text().split()[1]) / 1e6

def units():
    found = {}
    for path in SLICE.iterdir():
        try:
            found[path] = used(path)
        except OSError:
            pass  # a file, or a unit that has ended
    return found

def pss(groups):
    found = 0
    for path in SLICE.iterdir():
        try:
            for number in (path / "cgroup.procs").read_text().split() if path.is_dir() and path not in groups else ():
                lines = pathlib.Path(f"/proc/{number}/smaps_rollup").read_text().splitlines()
                found += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except OSError:
            pass  # it has ended
    return found / 1024

total, before, began = used(SLICE), units(), time.monotonic()
run = subprocess.Popen(["systemctl", "start", sys.argv[1]])
sizes = []
while run.poll() is None:
    sizes.append(pss(before))
    time.sleep(0.05)
seconds, after = time.monotonic() - began, units()
answering = sum(after[group] - before[group] for group in before.keys() & after.keys())
print(json.dumps({"status": run.returncode, "cpu": used(SLICE) - total - answering, "answering": answering,
                  "mean": sum(sizes) / len(sizes), "peak": max(sizes), "seconds": seconds}))
"""


class Cost(NamedTuple):
    """What a run costs: processor time in seconds, memory in MiB · s, and the most memory at once in MiB.

    answering: processor time that the services used meanwhile, to answer and for others.
    """

    cpu: float
    memory: float
    peak: float
    answering: float

    @classmethod
    def of(cls, site: Site, unit: str, before: str = "true", runs: int = RUNS) -> Cost:
        """Return the median of several runs of a unit, each after a command."""
        measured = [_run(site, unit, before) for _ in range(runs)]
        return cls(
            statistics.median(run["cpu"] for run in measured),
            statistics.median(run["mean"] * run["seconds"] for run in measured),
            max(run["peak"] for run in measured),
            statistics.median(run["answering"] for run in measured),
        )


def report(site: Site) -> Iterator[str]:
    """Yield the lines of the report."""
    site.host.run("systemctl stop " + " ".join(f"{unit}.timer" for unit in UNITS))
    _run(site, CHECKS, FORGET)
    costs = {unit: Cost.of(site, unit) for unit in UNITS}
    for unit, cost in costs.items():
        yield (
            f"{unit}: {cost.cpu:.2f} s of processor time every {UNITS[unit]} s, at most {cost.peak:.0f} MiB (PSS)"
            f" meanwhile; services used {cost.answering:.2f} s"
        )
    everything = Cost.of(site, CHECKS, FORGET)
    yield f"{CHECKS}, when it looks at everything, once an hour: {everything.cpu:.2f} s"
    cpu = sum(cost.cpu / UNITS[unit] for unit, cost in costs.items())
    cpu += (everything.cpu - costs[CHECKS].cpu) / HOUR_SECONDS
    memory = sum(cost.memory / UNITS[unit] for unit, cost in costs.items())
    memory += (everything.memory - costs[CHECKS].memory) / HOUR_SECONDS
    yield f"processor time of all monitoring, % of a core (at most {MOST_PERCENT}): {100 * cpu:.2f}"
    yield f"memory of all monitoring, PSS on average, MiB (at most {MOST_MIB}): {memory:.2f}"


def _run(site: Site, unit: str, before: str) -> dict[str, float]:
    command = f"{before}; systemctl reset-failed {unit} 2> /dev/null; python3 -c {shlex.quote(_MEASURE)} {unit}"
    measured: dict[str, float] = json.loads(site.host.run(command, timeout=600))
    if measured["status"]:
        raise RuntimeError(f"{unit} ended with {measured['status']}")
    return measured

"""What monitoring costs: the checks with the status page, the canary, and the record of a day.

`bench.deploy` has the host, with `VARIABLES`, and prints this at its end. Nothing of it runs all the time, so a run's
processor time and memory are divided by the time from one run to the next.
"""

from __future__ import annotations

import json
import shlex
import statistics
from collections.abc import Iterator

from deployment import Site

CANARY_MINUTES = 30
VARIABLES = {"canary_interval": CANARY_MINUTES, "status_page": True}
MOST_PERCENT = 0.5
MOST_MIB = 10
RUNS = 5
# Each command, and the seconds from one run to the next.
COMMANDS = {
    "listkit alert run": 200,
    "listkit canary now --quiet": CANARY_MINUTES * 60,
    "listkit report record": 86_400,
}
_MEASURE = """
import json, pathlib, resource, subprocess, sys, time

def pss(session):
    found = 0
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (process / "stat").read_text().rpartition(")")[2].split()[3] == str(session):
                lines = (process / "smaps_rollup").read_text().splitlines()
                found += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except OSError:
            pass  # it has ended
    return found / 1024

began = time.monotonic()
run = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, start_new_session=True)
sizes = []
while run.poll() is None:
    sizes.append(pss(run.pid))
    time.sleep(0.05)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
seconds = time.monotonic() - began
mean = sum(sizes) / len(sizes)
print(json.dumps({"status": run.returncode, "cpu": used.ru_utime + used.ru_stime, "mean": mean, "peak": max(sizes),
                  "seconds": seconds}))
"""


def report(site: Site) -> Iterator[str]:
    """Yield the lines of the report."""
    percent = mebibytes = 0.0
    for command, interval in COMMANDS.items():
        runs = [_run(site, command) for _ in range(RUNS)]
        cpu = statistics.median(run["cpu"] for run in runs)
        percent += 100 * cpu / interval
        mebibytes += statistics.median(run["mean"] * run["seconds"] for run in runs) / interval
        peak = max(run["peak"] for run in runs)
        yield f"`{command}`: {cpu:.2f} s of processor time every {interval} s, at most {peak:.0f} MiB (PSS) meanwhile"
    yield f"processor time of all monitoring, % of a core (at most {MOST_PERCENT}): {percent:.2f}"
    yield f"memory of all monitoring, PSS on average, MiB (at most {MOST_MIB}): {mebibytes:.2f}"


def _run(site: Site, command: str) -> dict[str, float]:
    measured: dict[str, float] = json.loads(site.host.run(f"python3 -c {shlex.quote(_MEASURE)} {command}", timeout=600))
    if measured["status"]:
        raise RuntimeError(f"{command} ended with {measured['status']}")
    return measured

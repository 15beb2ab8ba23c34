"""What the processes of a host take: the kernel's proportional set size, in which shared pages count once in all."""

from __future__ import annotations

from lab import Host

BUDGET_MIB = 650
"""The most that a deployed host in use may take, with everything on it: so that 1 GB is possible and 2 GB roomy."""

# The path in `cgroup` names the unit; a template's instances are one service. A process may end while it is looked at.
_READ = """
for folder in /proc/[0-9]*; do
    kib=$(awk '/^Pss:/ {print $2}' $folder/smaps_rollup 2>/dev/null)
    if [ -n "$kib" ]; then echo "$kib $(sed -n 's/^0:://p' $folder/cgroup)"; fi
done
"""


def by_service(host: Host) -> dict[str, float]:
    """Return the PSS in MiB of each unit's processes on the host, the largest first."""
    kib: dict[str, int] = {}
    for line in host.run(_READ).splitlines():
        size, _, group = line.partition(" ")
        unit = group.rstrip("/").rpartition("/")[2].partition("@")[0] or "init"
        kib[unit] = kib.get(unit, 0) + int(size)
    return {unit: size / 1024 for unit, size in sorted(kib.items(), key=lambda item: -item[1])}


def total(host: Host) -> float:
    """Return the PSS in MiB of all processes of the host."""
    return sum(by_service(host).values())

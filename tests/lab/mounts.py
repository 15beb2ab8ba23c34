"""Overlays and control groups, kept in a mount namespace that goes away with its processes."""

import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

from lab.commands import wait_for
from lab.errors import LabError

# In the namespace, a plain version 2 hierarchy takes the place of what the machine has: the host's systemd wants it.
# nspawn's own files go to a tmpfs there, so that nothing of a killed host stays behind. With --keep-unit, nspawn asks
# its caller for a reboot by ending with 133. The loop has a control group of its own, because a group with controllers
# can't hold both processes and groups.
_ENTER = """
set -eu
lower=$1 upper=$2 work=$3 root=$4 group=/sys/fs/cgroup/$5; shift 5
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work" "$root"
mkdir -p /run/systemd/nspawn
mount -t tmpfs -o mode=0755 tmpfs /run/systemd/nspawn
if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then
    umount -R -l /sys/fs/cgroup
    mount -t cgroup2 none /sys/fs/cgroup
fi
mkdir -p "$group/loop" "$group/host"
for parent in "$(dirname "$group")" "$group"; do
    for controller in $(cat "$parent/cgroup.controllers"); do
        echo "+$controller" > "$parent/cgroup.subtree_control"
    done
done
echo $$ > "$group/loop/cgroup.procs"
while
    status=0
    sh -c 'echo $$ > "$0/host/cgroup.procs"; exec "$@"' "$group" "$@" || status=$?
    [ "$status" = 133 ]
do :; done
exit "$status"
"""


def in_overlay(
    group: str, lower: list[str], upper: Path, scratch: Path, nspawn: list[str], command: Sequence[str] = ()
) -> list[str]:
    """The command line that runs a systemd-nspawn on an overlay, in the control group `group`.

    `scratch` is a directory on the file system of `upper`. The overlay lives in a mount namespace of its own: when the
    last process is gone, so is the mount.
    """
    work, root = scratch / "work", scratch / "root"
    for directory in (work, root):
        directory.mkdir(parents=True, exist_ok=True)
    return ["unshare", "--mount", "--propagation=private", "sh", "-c", _ENTER, "lab", ":".join(lower), str(upper),
            str(work), str(root), group, *nspawn, f"--directory={root}", *command]  # fmt: skip


def cgroup_root() -> Path:
    """Where the machine has its version 2 hierarchy mounted."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, target, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(target)
    raise LabError("no cgroup2 file system is mounted; hosts with systemd need one (mount -t cgroup2 none DIRECTORY)")


def populated(group: str) -> bool:
    """Whether a control group holds a process."""
    try:
        return "populated 1" in (cgroup_root() / group / "cgroup.events").read_text()
    except FileNotFoundError:
        return False


def kill_group(group: str) -> None:
    """Kill every process of a control group and remove it."""
    directory = cgroup_root() / group
    if not directory.exists():
        return
    (directory / "cgroup.kill").write_text("1")
    wait_for(lambda: not populated(group), f"the processes in {directory} to end", 20, every=0.02)
    for inner, _, _ in os.walk(directory, topdown=False):
        Path(inner).rmdir()


def resolver_file() -> Path:
    """The machine's resolv.conf, as far as it is of use inside a container: a stub on loopback isn't."""
    for candidate in (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf")):
        if candidate.exists() and any(
            not ipaddress.ip_address(server).is_loopback for server in nameservers(candidate)
        ):
            return candidate
    raise LabError("/etc/resolv.conf names no resolver but loopback: hosts of a lab could not reach it")


def nameservers(path: Path) -> list[str]:
    """The addresses of a resolv.conf, without IPv6 zones."""
    lines = (line.split() for line in path.read_text().splitlines())
    return [words[1].partition("%")[0] for words in lines if len(words) > 1 and words[0] == "nameserver"]

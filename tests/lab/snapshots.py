"""Snapshots: a lab whose hosts boot again with the disks that they had when it was taken.

A host's disk becomes a layer that the running host and every restored one build on, so nothing is copied. The addresses
of the lab are written on the disks: a snapshot is restored to the network that it was taken on, or not at all.
"""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import places
from lab.commands import run
from lab.hosts import Host
from lab.labs import Lab

DISK = "disk"


def take(lab: Lab, key: str) -> None:
    """Keep the lab as it is under this key; its hosts reboot. Older snapshots of it that nothing uses are removed."""
    target = _directory(lab.name, key)
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # it is there only if an earlier attempt was interrupted
    hosts = lab.hosts
    with ThreadPoolExecutor() as pool:
        list(pool.map(Host.stop, hosts.values()))
    _copy_records(lab.directory, partial)
    for host in hosts.values():
        host.disk.rename(partial / host.name / DISK)
    shutil.rmtree(target, ignore_errors=True)  # it is there if its network was in use, and so it wasn't restored
    partial.rename(target)
    for host in hosts.values():
        _build_on(target, host)
    lab.revive()
    _prune(lab.name, keep=target)


def restore(name: str, key: str) -> Lab | None:
    """Make the lab from its snapshot and boot it; None when there is no snapshot or its network is in use."""
    source = _directory(name, key)
    if not source.exists():
        return None
    network = json.loads((source / "lab.json").read_text())["network"]
    if (lab := Lab.create(name, network)) is None:
        return None
    _copy_records(source, lab.directory)
    for host in lab.hosts.values():
        _build_on(source, host)
    lab.revive()
    return lab


def save_disk(lab: Lab, name: str, directory: Path) -> None:
    """Copy the disk of one host into a new directory, as a cloud makes a snapshot of a server; the host reboots."""
    host = lab.host(name)
    host.stop()
    run("cp", "--archive", host.disk, directory)
    lab.start(name)


def put_disk_back(lab: Lab, name: str, directory: Path) -> None:
    """Kill a host, and boot it with the disk that `save_disk` has copied."""
    host = lab.host(name)
    host.kill()
    shutil.rmtree(host.disk)
    run("cp", "--archive", directory, host.disk)
    lab.start(name)


def _directory(lab: str, key: str) -> Path:
    # No lab's name has an @: a name that begins with another lab's is not mistaken for it.
    return places.snapshots() / f"{lab}@{key}"


def _copy_records(source: Path, target: Path) -> None:
    """Copy everything of a lab or a snapshot but the disks and what belongs to running hosts."""
    left_out = shutil.ignore_patterns(DISK, *Host.TRANSIENT)
    shutil.copytree(source, target, ignore=left_out, dirs_exist_ok=True)


def _build_on(snapshot: Path, host: Host) -> None:
    """Let a host begin with its disk in the snapshot and an empty layer on top."""
    below = (snapshot / host.name / "layers").read_text()
    host.furnish_with(f"{snapshot / host.name / DISK}\n{below}")


def _prune(lab: str, keep: Path) -> None:
    used = "\n".join(path.read_text() for path in places.labs().glob("*/*/layers"))
    for path in places.snapshots().glob(f"{lab}@*"):
        if path != keep and str(path) not in used:
            shutil.rmtree(path)

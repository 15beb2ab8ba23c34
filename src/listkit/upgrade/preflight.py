"""What is in the way of an upgrade, found before anything changes."""

from __future__ import annotations

import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from listkit.backup import final
from listkit.backup.restoring import MARKER
from listkit.upgrade import clusters, packages, sources
from listkit.upgrade.releases import OLD, current
from listkit.web.user import run_as_web_user

GIB = 1024**3
PACKAGES_BYTES = 2 * GIB
"""Both releases' packages for a while, and what is downloaded."""
LOGS_BYTES = GIB
"""PostgreSQL's write-ahead log, while the data is loaded."""
SYSTEM, DATA = Path("/usr"), Path("/var/lib/postgresql")


def problems() -> Iterator[str]:
    """Yield each reason why this host can't be upgraded now, with the remedy."""
    if current() != OLD.number:
        yield f"this host has Debian {current()}; the kit upgrades Debian {OLD.number}"
        return
    if final.retired() or MARKER.exists():
        yield "this site has moved to another host, or is half restored: `listkit check --only backup` says more"
    yield from held(_output("apt-mark", "showhold"))
    yield from foreign_sources(_output("apt-cache", "policy"))
    yield from broken(_output("dpkg", "--audit"))
    yield from locked()
    yield from cluster_problems()
    yield from too_little_room(room_needed())
    yield from same_addresses()


def held(listing: str) -> Iterator[str]:
    """Judge the output of `apt-mark showhold`."""
    if names := listing.split():
        yield f"packages are held back: {', '.join(names)}. To let them go: `apt-mark unhold {' '.join(names)}`"


def foreign_sources(policy: str) -> Iterator[str]:
    """Judge the output of `apt-cache policy`."""
    for source in sources.foreign(policy):
        yield (
            f"apt has a source that isn't Debian {OLD.number}'s: {source}. Remove its packages, take it out of "
            f"{sources.APT}/sources.list or {sources.APT}/sources.list.d, and run `apt-get update`"
        )


def broken(audit: str) -> Iterator[str]:
    """Judge the output of `dpkg --audit`."""
    if audit.strip():
        yield "packages are half installed; `dpkg --audit` names them, and `dpkg --configure -a` completes them"


def locked() -> Iterator[str]:
    """See whether another program installs packages."""
    if any(map(packages.is_locked, packages.LOCKS)):
        yield "another program installs packages; wait until it has ended"


def cluster_problems() -> Iterator[str]:
    """See whether PostgreSQL's clusters are as the kit has them."""
    found = clusters.present()
    serving = clusters.serving(found)
    if not found:
        return
    if serving is None or not serving.running:
        yield f"no running cluster {clusters.NAME} has the port {clusters.PORT}: compare `pg_lsclusters`"
    elif any(int(cluster.version) > int(serving.version) for cluster in found):
        yield (
            f"the data is in PostgreSQL {serving.version}, and there is a newer cluster {clusters.NAME}: "
            "compare `pg_lsclusters`; `pg_dropcluster` removes one that isn't used"
        )
    else:
        yield from leftover_data(serving.version, DATA)


def leftover_data(serving: str, directory: Path) -> Iterator[str]:
    """Find data of a newer PostgreSQL on a data volume, which the way back to a snapshot of the server has left."""
    versions = (path.parent.name for path in directory.glob(f"*/{clusters.NAME}"))
    for version in sorted(version for version in versions if version.isdigit() and int(version) > int(serving)):
        yield (
            f"{directory / version} has data of PostgreSQL {version} without its configuration, perhaps of an upgrade "
            f"that went back. If you don't need it: `rm -r {directory / version}`"
        )


def room_needed() -> dict[Path, int]:
    """Return how many bytes must be free, by directory."""
    needed = {SYSTEM: PACKAGES_BYTES}
    if clusters.present():
        needed[DATA] = clusters.size() + LOGS_BYTES
    return needed


def too_little_room(needed: Mapping[Path, int]) -> Iterator[str]:
    """Compare the free space with what is needed; directories may be on one disk."""
    disks = defaultdict(list)
    for directory in needed:
        disks[directory.stat().st_dev].append(directory)
    for directories in disks.values():
        found = os.statvfs(directories[0])
        free, wanted = found.f_bavail * found.f_frsize, sum(needed[directory] for directory in directories)
        if free < wanted:
            names = " and ".join(map(str, directories))
            yield f"the disk of {names} has {free / GIB:.1f} GiB free; {wanted / GIB:.1f} GiB are needed"


def same_addresses() -> Iterator[str]:
    """See whether accounts have addresses that differ only in case."""
    if lines := json.loads(run_as_web_user("same-addresses")):
        plan = "\n".join(f"    {line}" for line in lines)
        yield (
            "accounts of the web interface have addresses that differ only in case, which Debian 13 can't store. "
            f"-e upgrade_merge_addresses=true merges them:\n{plan}"
        )


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"}, check=True)
    return done.stdout

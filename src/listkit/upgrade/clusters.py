"""PostgreSQL's clusters: the data moves to the newest version's, and the old cluster is kept as it was.

The cluster at PostgreSQL's usual port holds the data: programs look there, and the role `database` configures that one.
`pg_upgradecluster` exchanges the ports of the two clusters as its last change.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from listkit.upgrade.errors import UpgradeError
from listkit.upgrade.packages import run

NAME = "main"
PORT = "5432"
CONFIGURATION = Path("/etc/postgresql")
SERVERS = Path("/usr/lib/postgresql")
SIZE = "SELECT sum(pg_database_size(oid)) FROM pg_database"


@dataclass(frozen=True)
class Cluster:
    """A cluster called `main`. version: PostgreSQL's major version."""

    version: str
    port: str
    running: bool


def parse(listing: str) -> list[Cluster]:
    """Return the clusters called `main` in the output of `pg_lsclusters --no-header`, the oldest version first."""
    rows = (line.split() for line in listing.splitlines())
    found = [Cluster(row[0], row[2], row[3].startswith("online")) for row in rows if row[1] == NAME]
    return sorted(found, key=lambda cluster: int(cluster.version))


def present() -> list[Cluster]:
    """Return this host's clusters, none if PostgreSQL is on another host."""
    try:
        done = subprocess.run(["pg_lsclusters", "--no-header"], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        return []
    return parse(done.stdout)


def serving(clusters: Sequence[Cluster]) -> Cluster | None:
    """Return the cluster that holds the data."""
    return next((cluster for cluster in clusters if cluster.port == PORT), None)


def newest_server(directory: Path = SERVERS) -> str:
    """Return the newest version whose server is installed, "" if there is none."""
    versions = [path.parents[1].name for path in directory.glob("*/bin/postgres")]
    return max(versions, key=int, default="")


def outdated() -> bool:
    """Return whether the data isn't in a cluster of the newest installed version."""
    clusters = present()
    current = serving(clusters)
    return bool(clusters) and (current is None or current.version != newest_server())


def upgrade() -> None:
    """Move the data to the newest version. Continues where an earlier call was interrupted. Raises UpgradeError."""
    clusters, new = present(), newest_server()
    # None serves after an interruption while the ports were exchanged: then the newest cluster is complete.
    current = serving(clusters) or clusters[-1]
    if current.version != new:
        for unfinished in (cluster for cluster in clusters if cluster.version == new):
            run("pg_dropcluster", "--stop", unfinished.version, NAME)
        _serve(current.version)
        run("pg_upgradecluster", "-v", new, current.version, NAME)
    elif not (current.running and current.port == PORT):
        _serve(current.version)


def go_back() -> str:
    """Drop the cluster that holds the data, and use the one before it; return its version. Raises UpgradeError."""
    clusters = present()
    current = serving(clusters)
    # None serves after an interruption of this function.
    kept = [cluster for cluster in clusters if not current or int(cluster.version) < int(current.version)]
    if not kept:
        raise UpgradeError("there is no old cluster to go back to: compare `pg_lsclusters`")
    if current:
        run("pg_dropcluster", "--stop", current.version, NAME)
    _serve(kept[-1].version)
    return kept[-1].version


def size() -> int:
    """Return the size of all databases in bytes. Raises UpgradeError."""
    command = ["runuser", "--user=postgres", "--", "psql", "--no-psqlrc", "-At", f"--command={SIZE}", "postgres"]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)
    if done.returncode:
        raise UpgradeError(f"PostgreSQL: {done.stderr.strip()}")
    return int(done.stdout)


def _serve(version: str) -> None:
    """Have a cluster run at the usual port, at each boot too."""
    # An interrupted `pg_upgradecluster` leaves one running that admits nobody, and that systemd doesn't know.
    stop = ["pg_ctlcluster", "--skip-systemctl-redirect", version, NAME, "stop", "-m", "fast"]
    subprocess.run(stop, capture_output=True, check=False)  # mostly it doesn't run
    run("pg_conftool", version, NAME, "set", "port", PORT)
    # `pg_upgradecluster` writes `manual` there for the old cluster.
    (CONFIGURATION / version / NAME / "start.conf").write_text("auto\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", f"postgresql@{version}-{NAME}.service")

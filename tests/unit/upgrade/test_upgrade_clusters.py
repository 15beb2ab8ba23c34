"""PostgreSQL's clusters: the data moves, the old cluster stays, and each interruption is repaired."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from listkit.upgrade import clusters
from listkit.upgrade.clusters import Cluster
from listkit.upgrade.errors import UpgradeError

LISTING = """\
17  main   5433 down           postgres /var/lib/postgresql/17/main  /var/log/postgresql/postgresql-17-main.log
15  main   5432 online         postgres /var/lib/postgresql/15/main  /var/log/postgresql/postgresql-15-main.log
9.6 stats  5434 online,recovery postgres /var/lib/postgresql/9.6/s    /var/log/postgresql/postgresql-9.6-stats.log
"""


class Killed(Exception):
    """The program was killed."""


class Host:
    """PostgreSQL's clusters on a host: version → port, with the data in each, and what Debian's programs do to them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ports, self.data, self.start = {"15": "5432"}, {"15": "before"}, {"15": "auto"}
        self.running = {"15"}
        self.kill_at = ""
        (directory / "15" / "main").mkdir(parents=True)

    def present(self) -> list[Cluster]:
        found = [Cluster(version, port, version in self.running) for version, port in self.ports.items()]
        return sorted(found, key=lambda cluster: int(cluster.version))

    def run(self, *command: str) -> None:
        """Do what a program does."""
        match command:
            case ("pg_dropcluster", "--stop", version, "main"):
                for facts in (self.ports, self.data, self.start):
                    facts.pop(version)
                self.running.discard(version)
                self._killed("dropped")
            case ("pg_conftool", version, "main", "set", "port", port):
                self.ports[version] = port
            case ("systemctl", "restart", unit):
                version = unit.removeprefix("postgresql@").removesuffix("-main.service")
                self.start[version] = (self.directory / version / "main" / "start.conf").read_text().strip()
                self.running.add(version)
            case ("pg_upgradecluster", "-v", new, old, "main"):
                self._upgrade(old, new)
            case ("systemctl", "daemon-reload"):
                pass
            case _:
                raise AssertionError(command)

    def _upgrade(self, old: str, new: str) -> None:
        assert new not in self.ports and self.ports[old] == "5432" and old in self.running
        (self.directory / new / "main").mkdir(parents=True, exist_ok=True)
        self.ports[new], self.data[new], self.start[new] = "5433", "a part", self.start[old]
        self._killed("loading")
        self.data[new] = self.data[old]
        self.running.discard(old)
        self.start[old] = "manual"
        self.ports[old] = "5433"
        self._killed("exchanging")
        self.ports[new] = "5432"
        self.running.add(new)

    def _killed(self, moment: str) -> None:
        if self.kill_at == moment:
            self.kill_at = ""
            raise Killed

    @property
    def serves(self) -> tuple[str, str, str]:
        """Version, data and start mode of the one cluster that programs find."""
        [version] = [version for version, port in self.ports.items() if port == "5432" and version in self.running]
        return version, self.data[version], self.start[version]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path)
    monkeypatch.setattr(clusters, "run", made.run)
    monkeypatch.setattr(clusters, "present", made.present)
    monkeypatch.setattr(clusters, "newest_server", lambda: "17")
    monkeypatch.setattr(clusters, "CONFIGURATION", tmp_path)
    monkeypatch.setattr(clusters.subprocess, "run", lambda *_words, **_options: SimpleNamespace(returncode=2))
    return made


def test_the_clusters_of_the_kit_are_read_with_the_oldest_first():
    assert clusters.parse(LISTING) == [Cluster("15", "5432", True), Cluster("17", "5433", False)]


def test_the_newest_server_is_found_by_number(tmp_path: Path):
    for version in ("9", "15", "17", "18"):
        (tmp_path / version / "bin").mkdir(parents=True)
    for version in ("9", "15", "17"):
        (tmp_path / version / "bin" / "postgres").touch()
    assert clusters.newest_server(tmp_path) == "17"
    assert clusters.newest_server(tmp_path / "none") == ""


def test_the_data_moves_and_the_old_cluster_stays(host: Host):
    assert clusters.outdated()
    clusters.upgrade()
    assert host.serves == ("17", "before", "auto")
    assert host.data["15"] == "before" and host.start["15"] == "manual"
    assert not clusters.outdated()
    clusters.upgrade()
    assert host.serves == ("17", "before", "auto")


@pytest.mark.parametrize("moment", ["loading", "exchanging"])
def test_an_interrupted_upgrade_is_repaired(host: Host, moment: str):
    host.kill_at = moment
    with pytest.raises(Killed):
        clusters.upgrade()
    assert clusters.outdated()
    clusters.upgrade()
    assert host.serves == ("17", "before", "auto")
    assert host.data["15"] == "before"


def test_the_way_back_has_the_data_as_it_was_and_can_be_interrupted(host: Host):
    clusters.upgrade()
    host.data["17"] = "after"
    host.kill_at = "dropped"
    with pytest.raises(Killed):
        clusters.go_back()
    assert clusters.go_back() == "15"
    assert host.serves == ("15", "before", "auto")
    assert "17" not in host.ports
    # And forth again, running at boot too.
    clusters.upgrade()
    assert host.serves == ("17", "before", "auto")


def test_without_an_old_cluster_nothing_is_dropped(host: Host):
    with pytest.raises(UpgradeError, match="no old cluster"):
        clusters.go_back()
    assert host.serves == ("15", "before", "auto")

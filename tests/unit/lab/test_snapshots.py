"""A snapshot keeps the disks of a lab's hosts as layers, and restores them to the same network."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import deployment
from deployment import Deployment
from lab import Host, Lab, LabError, images, network, snapshots
from lab.network import Network


@pytest.fixture(autouse=True)
def idle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of our own, hosts that don't boot and networks that aren't made."""
    monkeypatch.setenv("LAB_CACHE", str(tmp_path))
    monkeypatch.setattr(Host, "stop", lambda host: None)
    monkeypatch.setattr(Host, "kill", lambda host: None)
    monkeypatch.setattr(Lab, "revive", lambda lab: None)
    monkeypatch.setattr(Network, "up", lambda net: None)
    monkeypatch.setattr(Network, "down", lambda net: None)
    monkeypatch.setattr(network, "is_free", lambda index, taken: index not in taken)
    monkeypatch.setattr(images, "layers", lambda name: [Path("/images") / name])


def lab_with_a_host(name: str) -> tuple[Lab, Host]:
    lab = Lab.create(name)
    host = Host(name, "mailman", "kit-trixie", 0, lab.network, lab.directory / "mailman")
    host.save()
    host._furnish()
    (host.disk / "written").write_text("before")
    (host.directory / "console.log").write_text("booted")
    (lab.directory / "sites.json").write_text("[]")
    return lab, host


def layers(host: Host) -> list[str]:
    return (host.directory / "layers").read_text().split()


def test_the_running_host_and_the_restored_one_build_on_the_same_disk(tmp_path: Path):
    lab, host = lab_with_a_host("mine")
    snapshots.take(lab, "key")
    disk = tmp_path / "snapshots/mine@key/mailman/disk"
    assert (disk / "written").read_text() == "before"
    assert layers(host) == [str(disk), "/images/kit-trixie"]
    (host.disk / "written").write_text("after")
    lab.down()

    restored = snapshots.restore("mine", "key")
    assert restored.network == lab.network
    assert (restored.directory / "sites.json").read_text() == "[]"
    host = restored.host("mailman")
    assert layers(host) == [str(disk), "/images/kit-trixie"]
    assert not any(host.disk.iterdir())
    assert not host.console.exists()


def test_another_key_restores_nothing():
    lab, _ = lab_with_a_host("mine")
    snapshots.take(lab, "key")
    lab.down()
    assert snapshots.restore("mine", "other") is None


def test_a_snapshot_whose_network_is_in_use_is_not_restored(tmp_path: Path):
    lab, _ = lab_with_a_host("mine")
    snapshots.take(lab, "key")
    lab.down()
    other = Lab.create("other")
    assert other.network == lab.network
    assert snapshots.restore("mine", "key") is None
    assert not (tmp_path / "labs/mine").exists()


def test_a_snapshot_that_was_not_restored_is_replaced(tmp_path: Path):
    for text in ("first", "second"):
        lab, host = lab_with_a_host("mine")
        (host.disk / "written").write_text(text)
        snapshots.take(lab, "key")
        lab.down()
    assert (tmp_path / "snapshots/mine@key/mailman/disk/written").read_text() == "second"


def test_the_snapshots_of_a_lab_with_a_longer_name_stay(tmp_path: Path):
    for name in ("mine-too", "mine"):
        lab, _ = lab_with_a_host(name)
        snapshots.take(lab, "key")
        lab.down()
    assert {path.name for path in (tmp_path / "snapshots").iterdir()} == {"mine@key", "mine-too@key"}


def test_an_older_snapshot_stays_as_long_as_a_host_builds_on_it(tmp_path: Path):
    lab, _ = lab_with_a_host("mine")
    kept = tmp_path / "snapshots"
    snapshots.take(lab, "one")
    snapshots.take(lab, "two")
    assert {path.name for path in kept.iterdir()} == {"mine@one", "mine@two"}
    lab.down()
    lab, _ = lab_with_a_host("mine")
    snapshots.take(lab, "three")
    assert {path.name for path in kept.iterdir()} == {"mine@three"}


@pytest.mark.parametrize("changed", ["hosts", "image", "source"])
def test_a_deployment_s_fingerprint_follows_what_it_is_made_from(tmp_path: Path, monkeypatch, changed: str):
    (tmp_path / "roles").mkdir()
    (tmp_path / "roles/main.yml").write_text("before")
    (tmp_path / "playbook.yml").write_text("---")
    monkeypatch.setattr(deployment, "ROOT", tmp_path)
    monkeypatch.setattr(images, "version", lambda name: f"{name} 1")
    hosts = {"mailman": "kit-trixie"}
    before = deployment.fingerprint(hosts, ["playbook.yml", "roles"])
    assert deployment.fingerprint(hosts, ["playbook.yml", "roles"]) == before
    match changed:
        case "hosts":
            hosts = {"mailman": "kit-bookworm"}
        case "image":
            monkeypatch.setattr(images, "version", lambda name: f"{name} 2")
        case "source":
            (tmp_path / "roles/main.yml").write_text("after")
    assert deployment.fingerprint(hosts, ["playbook.yml", "roles"]) != before


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `ready` does, with hosts that do nothing."""
    done: list[str] = []

    def up(name: str, hosts: dict[str, str]) -> Deployment:
        directory = tmp_path / "labs" / name
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "lab.json").write_text('{"network": 0}')
        return Deployment(Lab.load(name), None, {})

    monkeypatch.setattr(Deployment, "up", up)
    monkeypatch.setattr(Deployment, "deploy", lambda deployment: done.append("deploy"))
    monkeypatch.setattr(deployment, "fingerprint", lambda hosts, sources: f"{sources[0]}-1")
    monkeypatch.setattr(Lab, "down", lambda lab: [done.append("down"), shutil.rmtree(lab.directory)])
    monkeypatch.setattr(snapshots, "take", lambda lab, key: done.append("take"))
    monkeypatch.setattr(snapshots, "restore", lambda name, key: done.append("restore"))
    return done


def test_hosts_are_deployed_and_kept_once(steps: list[str]):
    Deployment.ready("mine", {})
    assert steps == ["restore", "deploy", "take"]
    steps.clear()
    Deployment.ready("mine", {})
    assert steps == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [(deployment.KIT, ["deploy"]), (deployment.AROUND, ["down", "restore", "deploy", "take"])],
    ids=["kit", "around"],
)
def test_a_change_is_deployed(steps: list[str], monkeypatch, changed: tuple[str, ...], expected: list[str]):
    Deployment.ready("mine", {})
    steps.clear()
    monkeypatch.setattr(deployment, "fingerprint", lambda hosts, sources: f"{sources[0]}-{1 + (sources == changed)}")
    Deployment.ready("mine", {})
    assert steps == expected


def test_a_deployment_that_failed_is_repeated_on_the_same_hosts(steps: list[str], monkeypatch):
    def fail(_deployment: Deployment) -> None:
        raise LabError("the playbook ended with 2")

    with monkeypatch.context() as patch, pytest.raises(LabError):
        patch.setattr(Deployment, "deploy", fail)
        Deployment.ready("mine", {})
    steps.clear()
    Deployment.ready("mine", {})
    assert steps == ["deploy"]

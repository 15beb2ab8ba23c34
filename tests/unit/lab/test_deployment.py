"""What an interrupted `up` left behind is made whole by the next one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import deployment
from deployment import Deployment
from infomaniak import StandIn
from tools import demo

SITES = {"mailman": "kit-trixie"}


class IdleHost:
    """A host that does nothing and remembers what it was told."""

    address = "198.51.100.2"

    def __init__(self, name: str, lab: IdleLab) -> None:
        self.name, self.lab = name, lab
        self.directory = lab.directory / name
        self.directory.mkdir()
        self.told: list[str] = []

    def run(self, command: str, stdin: str | None = None) -> str:
        self.told.append(command)
        return ""

    def wait_until(self, condition: str, what: str, seconds: float) -> None:
        pass

    def ssh_options(self) -> list[str]:
        return []

    def destroy(self) -> None:
        del self.lab.hosts[self.name]
        shutil.rmtree(self.directory)


class IdleLab:
    """A lab of such hosts."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.hosts: dict[str, IdleHost] = {}

    def up(self, name: str, hosts: dict[str, str]) -> IdleLab:
        self.add(hosts)
        return self

    def add(self, hosts: dict[str, str]) -> None:
        self.hosts.update({name: IdleHost(name, self) for name in hosts if name not in self.hosts})

    def host(self, name: str) -> IdleHost:
        return self.hosts[name]

    def resolve_with(self, name: str) -> None:
        pass


@pytest.fixture
def lab(tmp_path, monkeypatch) -> IdleLab:
    made = IdleLab(tmp_path)
    monkeypatch.setattr(deployment, "Lab", made)
    monkeypatch.setattr(StandIn, "_set_up", lambda stand_in: stand_in.service.run("set up"))
    return made


def interrupt(monkeypatch, step: str) -> None:
    """Let `up` begin, and end in a step of the stand-in's as Ctrl-C ends it."""

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(StandIn, step, interrupted)
        with pytest.raises(KeyboardInterrupt):
            Deployment.up("demo", SITES)


@pytest.mark.parametrize("step", ["_set_up", "add_mailbox", "add_list_aliases", "add_host"])
def test_the_stand_in_is_set_up_and_knows_the_site_after_an_interruption(lab, monkeypatch, step):
    interrupt(monkeypatch, step)
    Deployment.up("demo", SITES)
    told = lab.hosts["infomaniak"].told
    assert told.count("set up") == 1
    assert "stand-in mailbox mailman@mailman.test" in told
    assert any(command.startswith("stand-in alias mailman@mailman.test ") for command in told)
    assert "stand-in records host-record=lists.mailman.test,198.51.100.2" in told


def test_a_half_set_up_stand_in_gets_new_hosts_and_the_site_keeps_its_own(lab, monkeypatch):
    interrupt(monkeypatch, "_set_up")
    before = dict(lab.hosts)
    Deployment.up("demo", SITES)
    assert {name for name, host in lab.hosts.items() if host is before[name]} == {"mailman"}


def test_a_whole_stand_in_stays(lab):
    Deployment.up("demo", SITES)
    before = dict(lab.hosts)
    Deployment.up("demo", SITES)
    assert lab.hosts == before
    assert lab.hosts["infomaniak"].told.count("set up") == 1


def test_taking_down_a_demo_that_is_not_there_is_no_error(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LAB_CACHE", str(tmp_path))
    assert demo.main(["down"]) == 0
    assert capsys.readouterr().out == "There is no demo.\n"

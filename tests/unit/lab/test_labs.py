"""What a lab says to wrong names, and what it remembers."""

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from lab import Host, Lab, LabError, commands, images, places
from lab.__main__ import main
from lab.commands import run, wait_for
from lab.network import Network


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LAB_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", ["", "Upper", "1st", "a_b", "a/b", "x" * 40])
def test_wrong_names_are_refused(name):
    with pytest.raises(LabError, match="small letters"):
        Lab.up(name)


def test_an_unknown_lab_names_those_that_there_are(cache):
    (cache / "labs/other").mkdir(parents=True)
    (cache / "labs/other/lab.json").write_text('{"network": 1}')
    with pytest.raises(LabError, match="no lab is called 'mine'; there are: other"):
        Lab.load("mine")


def test_an_unknown_image_names_those_that_there_are():
    with pytest.raises(LabError, match="there are base-bookworm"):
        images.layers("base-sarge")


def test_an_image_s_key_follows_its_recipe_and_its_parent(tmp_path, monkeypatch):
    script, parent_script = tmp_path / "child.sh", tmp_path / "parent.sh"
    script.write_text("a")
    parent_script.write_text("a")
    recipes = {"parent": images.Recipe("trixie", parent_script), "child": images.Recipe("trixie", script, "parent")}
    monkeypatch.setattr(images, "ALL", recipes)
    first = images.key("child")
    script.write_text("b")
    second = images.key("child")
    parent_script.write_text("b")
    assert len({first, second, images.key("child")}) == 3


def test_the_kit_images_hold_what_the_roles_ask_for():
    kit = Path(__file__).resolve().parents[3]
    plays = yaml.safe_load((kit / "playbooks/site.yml").read_text())
    variables = [yaml.safe_load(path.read_text()) for path in kit.glob("roles/*/vars/main.yml")]
    groups = [value for play in plays for value in play.get("vars", {}).get("_packages", {}).values()]
    groups += [value for found in variables for name, value in (found or {}).items() if name.endswith("_packages")]
    # Asked for in a task, with Let's Encrypt only.
    certbot = {"certbot"}
    wanted = {package for group in groups for package in group} | certbot
    assert set((images.RECIPES / "kit-packages.txt").read_text().split()) == wanted


def test_a_host_is_remembered(cache):
    host = Host("mine", "mailman", "kit-trixie", 3, Network(2), cache / "labs/mine/mailman")
    host.save()
    assert Host.load(host.directory) == host
    assert host.address == Network(2).address(3)


def test_the_caller_of_sudo_owns_the_cache(monkeypatch):
    monkeypatch.delenv("LAB_CACHE")
    monkeypatch.setenv("SUDO_USER", "root")
    assert places.cache() == Path("~root/.cache/listkit-lab").expanduser()


def test_a_failing_command_reports_its_output():
    with pytest.raises(LabError, match=r"ended with 3:\nout\nerr"):
        run("sh", "-c", "echo out; echo err >&2; exit 3")


def test_waiting_ends():
    with pytest.raises(LabError, match=r"waited 0\.05 s in vain for spring"):
        wait_for(lambda: False, "spring", 0.05, every=0.01)
    assert wait_for(lambda: "yes", "an answer", 1) == "yes"


def test_a_long_wait_looks_less_and_less_often(monkeypatch):
    now, pauses = 0.0, []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        pauses.append(seconds)

    monkeypatch.setattr(commands, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: now))
    wait_for(lambda: now > 40, "a long time", 60, every=0.2)
    assert pauses[0] == 0.2
    assert 1.9 < pauses[-1] < 2


def test_waiting_on_a_host_continues_while_it_reboots(cache, monkeypatch):
    host = Host("mine", "mailman", "kit-trixie", 0, Network(0), cache / "mailman")
    statuses, commands_run = iter([255, 124, 0]), []

    def try_run(_host: Host, command: str) -> subprocess.CompletedProcess[str]:
        commands_run.append(command)
        return subprocess.CompletedProcess([], next(statuses), "", "")

    monkeypatch.setattr(Host, "try_run", try_run)
    host.wait_until("test -e /x", "x", 20)
    assert len(commands_run) == 3
    assert run("sh", "-c", commands_run[0].replace("/x", "/")) == ""
    with pytest.raises(LabError, match="in vain for x"):
        monkeypatch.setattr(Host, "try_run", lambda *_: subprocess.CompletedProcess([], 124, "", ""))
        host.wait_until("false", "x", 0)


def test_the_command_line_wants_an_image(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["lab", "up", "mine", "--host", "mailman"])
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert main() == 1
    assert "mailman=base-trixie" in capsys.readouterr().err


def test_the_command_line_wants_root(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["lab", "list"])
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main() == 1
    assert "sudo" in capsys.readouterr().err

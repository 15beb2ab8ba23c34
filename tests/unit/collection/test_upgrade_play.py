"""`playbooks/upgrade.yml` runs the steps in their order, and goes back with one command, by the snapshot if it must."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_run import KIT, ansible_playbook

ELSEWHERE = ("Check the variables", "Look for the configuration of the backup", "Require a backup", "Make a backup")
"""Tasks that look at more than the program."""
SERVER = ("-e", "upgrade_server=lists")
BACK = ("-e", "upgrade_back=true")
MADE = [
    "openstack image delete lists-before-upgrade",
    "openstack server image create --wait --name lists-before-upgrade lists",
]
NO_TYPO = 'case "$*" in *typo*) echo "No server found" >&2; exit 1;; esac'
REBUILT = "openstack server rebuild --wait --image lists-before-upgrade lists"


def plays() -> list[dict[str, Any]]:
    """Return the plays of the playbook."""
    return yaml.safe_load((KIT / "playbooks/upgrade.yml").read_text())


class Controller:
    """A machine that runs the steps of the play against itself, with programs that only record their command lines."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.record = directory / "record"
        play = plays()[0]
        play["become"] = False
        play["tasks"] = [task for task in play["tasks"] if task["name"] not in ELSEWHERE]
        for task in play["tasks"]:
            if "block" in task:
                task["block"] = [inner for inner in task["block"] if inner["name"] not in ELSEWHERE]
        (directory / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
        (directory / "inventory").write_text("mailman ansible_connection=local\n")

    def program(self, name: str, first: str) -> Path:
        """Make a program that records how it is called, after it has run this shell command."""
        path = self.directory / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/bin/sh\n{first}\necho "{name} $*" >> {self.record}\n')
        path.chmod(0o755)
        return path

    def run(self, status: str, *words: str) -> tuple[int, list[str], str]:
        """Run the play; return its exit status, the recorded command lines, and what it printed."""
        self.program("openstack", NO_TYPO)
        variables = {
            "_upgrade_program": [str(self.program("upgrade", f'[ "$1" != status ] || {{ {status}; }}'))],
            "ansible_python_interpreter": sys.executable,
        }
        path = f"{self.directory / 'bin'}:{os.environ['PATH']}"
        done = ansible_playbook(
            self.directory, "-i", "inventory", "play.yml", "-e", json.dumps(variables), *words,
            environment={"PATH": path},
        )  # fmt: skip
        lines = self.record.read_text().splitlines() if self.record.exists() else []
        return done.returncode, lines, done.output


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return Controller(tmp_path)


def at(step: str) -> str:
    """Return the shell command that answers as a host in this step does."""
    status = {"step": step, "left": ["stop", "packages", "database"]}
    return f"echo '{json.dumps(status)}'; exit 0"


def test_the_snapshot_is_made_when_mail_has_stopped(controller: Controller):
    status, ran, output = controller.run(at(""), *SERVER)
    assert status == 0, output
    before, after = (
        ["openstack server show --column=status lists", "upgrade check", "upgrade prepare", "upgrade stop"],
        ["upgrade packages", "upgrade database"],
    )
    assert ran == [*before, *MADE, *after]


@pytest.mark.parametrize(
    ("answer", "words", "expected"),
    [
        (at("stop"), SERVER, ["upgrade back"]),
        ("exit 1", SERVER, [REBUILT, "upgrade back"]),
        (at("packages"), ("-e", "upgrade_snapshot_back='openstack other'"), ["openstack other", "upgrade back"]),
    ],
    ids=["stopped", "unusable host", "another cloud"],
)
def test_one_command_goes_back(controller: Controller, answer: str, words: tuple[str, ...], expected: list[str]):
    status, ran, output = controller.run(answer, *BACK, *words)
    assert status == 0, output
    assert ran == expected


def test_a_server_that_the_cloud_does_not_have_is_refused_before_anything_changes(controller: Controller):
    status, ran, output = controller.run(at(""), "-e", "upgrade_server=typo")
    assert (status, ran) == (2, [])
    assert "the server typo" in output and "No server found" in output and "Nothing was changed." in output


def test_without_a_snapshot_an_unusable_host_is_an_error(controller: Controller):
    status, ran, output = controller.run("exit 1", *BACK)
    assert (status, ran) == (2, []) and "Nothing was changed." in output


@pytest.fixture
def last_play(controller: Controller) -> Controller:
    """A machine that runs the play after the deployment against itself; its programs are stubs."""
    tasks = [task for task in plays()[-1]["tasks"] if "ansible.builtin.debug" not in task]
    for task in tasks:
        if "ansible.builtin.command" in task:
            command = task["ansible.builtin.command"]
            command["argv"][0] = str(controller.directory / "bin" / "listkit")
            if "removes" in command:
                command["removes"] = str(controller.directory / Path(command["removes"]).name)
    play = {**plays()[-1], "become": False, "tasks": tasks}
    (controller.directory / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
    return controller


@pytest.mark.parametrize(
    ("canary", "words", "expected"),
    [
        (True, (), ["listkit canary now", "listkit upgrade done"]),
        (True, BACK, ["listkit canary now"]),
        (False, (), ["listkit upgrade done"]),
    ],
    ids=["forward", "back", "without a canary"],
)
def test_the_canary_is_sent_before_the_upgrade_is_done(
    last_play: Controller, canary: bool, words: tuple[str, ...], expected: list[str]
):
    last_play.program("listkit", "true")
    if canary:
        (last_play.directory / "canary.json").touch()
    status, ran, output = last_play.run("exit 1", *words)
    assert (status, ran) == (0, expected), output


def test_a_lost_canary_fails_the_upgrade_and_the_play_says_how_to_go_back(last_play: Controller):
    last_play.program("listkit", '[ "$1" != canary ] || { echo "<1@example.org>: lost"; exit 1; }')
    (last_play.directory / "canary.json").touch()
    status, ran, output = last_play.run("exit 1")
    assert (status, ran) == (2, [])
    assert "<1@example.org>: lost" in output and "run the same command again" in output
    assert "To go back: ansible-playbook playbooks/upgrade.yml -D -e upgrade_back=true" in output

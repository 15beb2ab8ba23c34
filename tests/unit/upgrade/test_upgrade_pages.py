"""The commands of the runbook are commands, and its steps are the program's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from listkit.upgrade import cli, preflight, progress

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/runbooks/upgrade.md").read_text()
MOVE = (ROOT / "docs/runbooks/move.md").read_text()
PLAY = ROOT / "playbooks/upgrade.yml"
TASKS = (ROOT / "playbooks/upgrade.yml").read_text()


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"listkit upgrade ([a-z]+(?: --[a-z]+)?)", PAGE + MOVE + TASKS)))
)
def test_a_command_is_known(command: str):
    assert cli._parser().parse_args(command.split()).run


def test_the_plays_steps_are_known():
    steps = re.findall(r"_upgrade_program \+ \['(\w+)'(?:, '(--\w+)')?\]", TASKS)
    assert {"status", "check", "prepare", "stop", "packages", "database", "back"} <= {step for step, _option in steps}
    for step, option in steps:
        assert cli._parser().parse_args([step, *([option] if option else [])]).run


def test_the_variables_of_the_page_are_the_plays():
    play = yaml.safe_load(PLAY.read_text())[0]
    named = set(re.findall(r"\bupgrade_\w+", PAGE + "".join(progress.WAYS.values())))
    assert named and named <= set(play["vars"])


def test_the_table_of_steps_names_those_in_which_the_playbook_refuses_to_run():
    steps = re.findall(r"^\| `(\w+)` \| ", PAGE, re.MULTILINE)
    assert steps == [progress.STOP, progress.PACKAGES, progress.DATABASE, progress.DEPLOY]
    preflight_tasks = (ROOT / "roles/base/tasks/preflight.yml").read_text()
    assert str([progress.STOP, progress.PACKAGES, progress.DATABASE]) in preflight_tasks


def test_the_room_of_the_page_is_what_the_check_wants():
    assert f"{preflight.PACKAGES_BYTES // preflight.GIB} GiB for the packages" in PAGE
    assert f"and {preflight.LOGS_BYTES // preflight.GIB} GiB more for PostgreSQL" in PAGE

"""A move refuses what can't work before it changes anything. tests/e2e/test_move_host.py moves a site."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_run import GUIDE, KIT, Run, ansible_playbook

LOCAL = {"ansible_connection": "local", "ansible_become": False}
PAIR = {"mailman": {"hosts": {"new": LOCAL}}, "mailman_old": {"hosts": {"old": LOCAL}}}
Move = Callable[..., Run]


@pytest.fixture
def move(tmp_path: Path) -> Move:
    """Run a part of the playbook on hosts that are this machine, never deployed: `move("forward", groups)`."""

    def run(part: str, groups: dict[str, object], **variables: object) -> Run:
        inventory = tmp_path / "inventory.json"
        inventory.write_text(json.dumps({**groups, "all": {"vars": {**GUIDE, **variables}}}))
        return ansible_playbook(KIT, "-i", str(inventory), f"playbooks/move/{part}.yml")

    return run


@pytest.mark.parametrize("part", ["forward", "back"])
def test_without_an_old_host_nothing_is_changed(move: Move, part: str):
    run = move(part, {"mailman": PAIR["mailman"]})
    assert run.returncode == 2 and "[mailman_old]" in run.output and "Nothing was changed." in run.output
    assert "changed=0" in run.output


def test_a_wrong_value_stops_it(move: Move):
    run = move("forward", PAIR, mailman_domain="example")
    assert run.returncode == 2 and "1 problem in the inventory; nothing was changed:" in run.output
    assert "TASK [Ask each host" not in run.output


def test_an_old_host_that_was_never_deployed_is_refused(move: Move):
    run = move("forward", PAIR)
    assert (
        run.returncode == 2 and "old is not backed up" in run.output and "TASK [Read what they know]" not in run.output
    )


def test_a_return_to_a_host_that_never_had_the_site_is_refused(move: Move):
    run = move("back", PAIR)
    assert run.returncode == 2 and "old never had the site. Nothing was changed." in run.output
    assert "changed=0" in run.output and "changed=1" not in run.output

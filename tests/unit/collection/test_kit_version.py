"""A run refuses a host that this version of the kit can't follow, and one in the middle of an upgrade."""

from __future__ import annotations

import json

import pytest
from ansible_run import KIT, Run

from listkit import __version__

BASE = KIT / "roles/base"


def preflight(playbooks, record: dict) -> Run:
    """Run the role's preflight on a host with this record."""
    file = playbooks.folder / "record.json"
    file.write_text(json.dumps(record) + "\n")
    variables = {"_base_records": [str(playbooks.folder / "missing"), str(file)], "_base_oldest_version": "0.1.0"}
    tasks = [
        {"name": "Read the role's constants", "ansible.builtin.include_vars": str(BASE / "vars/main.yml")},
        {"name": "Check", "ansible.builtin.include_tasks": str(BASE / "tasks/preflight.yml")},
    ]
    # The constants find the kit's version beside the roles.
    (playbooks.folder / "src").symlink_to(KIT / "src")
    return playbooks.run(tasks, "-e", json.dumps(variables))


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"kit": {"version": "99.0.0", "back_to": __version__}, "upgrade": {"step": "deploy"}},
    ],
    ids=lambda record: json.dumps(record),
)
def test_a_host_that_this_version_can_follow_is_accepted(playbooks, record):
    run = preflight(playbooks, record)
    assert run.returncode == 0, run.output


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (
            {"kit": {"version": "0.0.9", "back_to": "0.0.1"}},
            "deployed with version 0.0.9 of the kit. Version " + __version__ + " can update hosts from 0.1.0 on",
        ),
        (
            {"kit": {"version": "99.0.0", "back_to": "98.0.0"}},
            "there is no way back to " + __version__ + ", only to 98.0.0 or later",
        ),
        ({"upgrade": {"step": "packages"}}, "was interrupted (step packages). Continue it: ansible-playbook"),
    ],
)
def test_another_host_is_refused_with_the_reason(playbooks, record, reason):
    run = preflight(playbooks, record)
    assert run.returncode == 2
    assert reason in " ".join(run.output.split()), run.output

"""Each tag works alone: what it needs runs with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from ansible_run import KIT, ansible_playbook

ROLES = sorted(path.name for path in KIT.glob("roles/*") if (path / "tasks").is_dir())
CHECKS = {"See that they can be read and have the host", "Check the variables"}


def tasks(file: Path, tags: frozenset[str] = frozenset()) -> Iterator[tuple[dict, frozenset[str]]]:
    """Each task of a file with its tags, also of the files that it imports."""
    for task in yaml.safe_load(file.read_text()):
        own = tags | frozenset(task.get("tags", []))
        imported = task.get("ansible.builtin.import_tasks")
        if imported:
            yield from tasks(file.parent / imported, own)
        else:
            yield task, own


@pytest.mark.parametrize("role", ROLES)
def test_no_tag_needs_what_only_another_tag_finds_out(role):
    found = list(tasks(KIT / "roles" / role / "tasks/main.yml"))
    results = [task["register"] for task, _tags in found if "register" in task]
    for tag in {tag for _task, tags in found for tag in tags}:
        known = set()
        for task, tags in found:
            if tags & {tag, "always"}:
                needed = {name for name in results if re.search(rf"\b{name}\b(?!(\.\w+)* \| default)", str(task))}
                own = {task["register"]} if "register" in task else set()
                assert needed - known - own == set(), f"--tags {tag}: {task['name']}"
                known |= own


@pytest.mark.parametrize("role", ROLES)
def test_every_task_has_its_roles_tag(role):
    for task, tags in tasks(KIT / "roles" / role / "tasks/main.yml"):
        assert tags & {role, "always"}, task["name"]


@pytest.fixture(scope="module")
def listed(tmp_path_factory) -> dict[str, set[str]]:
    """The tasks of a run with every tag, by name, with their tags."""
    inventory = tmp_path_factory.mktemp("tags") / "inventory"
    inventory.write_text("mailman\n")
    run = ansible_playbook(KIT, "-i", str(inventory), str(KIT / "playbook.yml"), "--list-tasks", "--tags", "all,never")
    found = re.findall(r"^ {6}(.*?)\tTAGS: \[(.*)\]$", run.output, re.MULTILINE)
    return {name: set(tags.split(", ")) for name, tags in found}


@pytest.mark.parametrize(
    ("tag", "wanted"),
    [
        ("certificate_renew", {"certificate : Ask the authority for the certificate"}),
        ("web", {"web : Run the services"}),
        ("tunnel", {"tunnel : Read the secrets that other hosts made", "tunnel : Run the tunnels"}),
        ("check", {"check : Check every component", "Summarise the run"}),
        ("relay_report", {"Compare the lists with the accounts"}),
    ],
)
def test_a_tag_runs_its_tasks_and_the_checks(listed, tag, wanted):
    assert CHECKS | wanted <= {name for name, tags in listed.items() if tags & {tag, "always"}}, listed

"""What the web role's own variables must be is said before the role does anything."""

from __future__ import annotations

import pytest
import yaml
from ansible_run import KIT, Run

ROLE = KIT / "roles/web"
OPTIONS = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
THE_OPERATORS = {"web_database_port"}
"""Set from the operator's own variables, which are checked by then."""
VALIDATE = [{"ansible.builtin.import_tasks": str(ROLE / "tasks/validate.yml")}]
VALUES = yaml.safe_load((ROLE / "defaults/main.yml").read_text()) | {
    "web_domains": {"example.org": "lists.example.org"},
    "web_time_zone": "Europe/Zurich",
}


def told(run: Run) -> str:
    """What the run said, however its lines were broken."""
    return " ".join(run.output.split())


def test_right_values_pass(playbooks):
    run = playbooks.run(VALIDATE, variables=VALUES)
    assert run.returncode == 0, run.output


def test_numbers_that_leave_no_room_are_refused(playbooks):
    numbers = {name: 0 for name, option in OPTIONS.items() if option["type"] == "int" and name not in THE_OPERATORS}
    run = playbooks.run(VALIDATE, variables=VALUES | numbers)
    assert run.returncode == 2
    for name in numbers:
        least = 2 if name == "web_guest_burst" else 1
        assert f"{name} must be at least {least}, not 0: such as {VALUES[name]}." in told(run), run.output


@pytest.mark.parametrize(
    ("name", "wrong", "problem"),
    [
        ("web_guest_burst", 1, "must be at least 2, not 1: such as 20."),
        (
            "web_cache_size",
            "64 MB",
            "is 64 MB, which is not a size for nginx; write a number with k, m or g, such as 64m.",
        ),
        (
            "web_time_zone",
            "Zurich",
            "is Zurich, which this host doesn't know: write a name of the tz database, such as",
        ),
        ("web_time_zone", "Europe", "is Europe, which this host doesn't know"),
    ],
)
def test_a_wrong_value_is_refused(playbooks, name, wrong, problem):
    run = playbooks.run(VALIDATE, variables=VALUES | {name: wrong})
    assert run.returncode == 2
    assert f"{name} {problem}" in told(run), run.output

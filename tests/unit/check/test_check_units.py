"""Units: each state has its finding, with the command that helps."""

import pytest
from check_stand_ins import the

from listkit.check import units
from listkit.check.finding import Status
from listkit.check.units import check_units

UNIT = "listkit-bridge.service"


@pytest.mark.parametrize(
    ("properties", "status", "seen", "remedy"),
    [
        ({}, Status.OK, "active", ""),
        ({"UnitFileState": ""}, Status.OK, "active", ""),
        ({"LoadState": "not-found", "ActiveState": "inactive"}, Status.CRITICAL, "not installed", "ansible-playbook"),
        ({"LoadState": "masked", "ActiveState": "inactive"}, Status.CRITICAL, "masked", f"systemctl unmask {UNIT}"),
        (
            {"ActiveState": "inactive", "SubState": "dead"},
            Status.CRITICAL,
            "inactive (dead)",
            f"`systemctl start {UNIT}`",
        ),
        (
            {"ActiveState": "inactive", "SubState": "dead", "UnitFileState": "disabled"},
            Status.CRITICAL,
            "inactive (dead)",
            f"`systemctl enable --now {UNIT}`",
        ),
        (
            {"ActiveState": "failed", "SubState": "failed", "Result": "exit-code"},
            Status.CRITICAL,
            "failed (failed), exit-code; its last log line: no room",
            f"`systemctl restart {UNIT}`",
        ),
        (
            {"ActiveState": "activating", "SubState": "auto-restart", "Result": "exit-code"},
            Status.CRITICAL,
            "activating (auto-restart), exit-code",
            f"`systemctl restart {UNIT}`",
        ),
        ({"UnitFileState": "disabled"}, Status.WARNING, "not started at boot", f"`systemctl enable {UNIT}`"),
    ],
)
def test_each_state_has_its_finding(programs, properties, status, seen, remedy):
    programs.systemctl_show({UNIT: properties})
    programs.journal("no room")
    finding = the(check_units([UNIT]))
    assert (finding.name, finding.status) == (UNIT, status)
    assert seen in finding.seen
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    ("result", "status"), [("success", Status.OK), ("exit-code", Status.CRITICAL), ("timeout", Status.CRITICAL)]
)
def test_a_timer_is_judged_by_the_last_run_of_its_job(programs, result, status):
    programs.systemctl_show({"a.timer": {"Triggers": "a.service"}, "a.service": {"Result": result}})
    finding = the(check_units(["a.timer"]))
    assert finding.status is status
    assert status is Status.OK or "`systemctl start a.service`" in finding.remedy


def test_several_units_keep_their_names(programs):
    programs.systemctl_show({"a.service": {}, "b.service": {"ActiveState": "inactive", "SubState": "dead"}})
    assert [(finding.name, finding.status) for finding in check_units(["a.service", "b.service"])] == [
        ("a.service", Status.OK),
        ("b.service", Status.CRITICAL),
    ]


def test_without_units_nothing_is_asked(programs):
    programs.add("systemctl", "exit 1")
    assert list(check_units([])) == []


def test_all_jobs_are_asked_for_at_once(programs, monkeypatch):
    timers = {f"{name}.timer": {"Triggers": f"{name}.service"} for name in "abc"}
    programs.systemctl_show({**timers, **{f"{name}.service": {} for name in "abc"}})
    calls = []
    ask = units.output
    monkeypatch.setattr(units, "output", lambda *command: calls.append(command) or ask(*command))
    assert {finding.status for finding in check_units(list(timers))} == {Status.OK}
    assert len(calls) == 2

"""The checks that the confined unit of the regular checks leaves to another unit."""

from __future__ import annotations

from pathlib import Path

import pytest
from check_stand_ins import Programs, the

from listkit.check import inspection, runner
from listkit.check.finding import Check, Finding, Status

FOUND = [Finding.warning("restarts", "postfix.service runs with replaced files", "`systemctl restart postfix`")]


@pytest.fixture
def confined(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Root without the capabilities, on a host where the unit has recorded a finding."""
    monkeypatch.setattr(runner.os, "geteuid", lambda: 0)
    monkeypatch.setattr(inspection, "possible", lambda: False)
    monkeypatch.setattr(inspection, "PATH", tmp_path / "findings.json")
    inspection.record({"restarts": FOUND})


def check(**options: bool) -> Check:
    return Check("restarts", lambda: [Finding.ok("restarts", "seen by this process")], **options)


@pytest.mark.usefixtures("confined")
def test_root_without_the_capabilities_has_the_unit_look(programs: Programs):
    programs.add("systemctl", '[ "$*" = "start listkit-inspection.service" ]')
    assert runner.perform(check(needs_root=True, inspects=True)) == FOUND
    assert the(runner.perform(check(needs_root=True))).seen == "seen by this process"


@pytest.mark.usefixtures("confined")
def test_a_unit_that_fails_is_not_answered_for_by_its_last_findings(programs: Programs):
    programs.add("systemctl", "echo Job failed. >&2; exit 1")
    finding = the(runner.perform(check(inspects=True)))
    assert finding.status is Status.UNKNOWN and "Job failed." in finding.seen


@pytest.mark.parametrize(
    ("effective", "possible"),
    [("000001ffffffffff", True), ("0000000000081000", True), ("0000000000001000", False), ("0000000000000000", False)],
)
def test_both_capabilities_are_needed(tmp_path: Path, effective: str, possible: bool):
    (tmp_path / "status").write_text(f"Name:\tlistkit\nCapPrm:\t000001ffffffffff\nCapEff:\t{effective}\n")
    assert inspection.possible(tmp_path / "status") is possible


def test_without_root_the_capabilities_are_enough(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runner.os, "geteuid", lambda: 61234)
    monkeypatch.setattr(inspection, "possible", lambda: True)
    assert the(runner.perform(check(needs_root=True, inspects=True))).seen == "seen by this process"
    assert the(runner.perform(check(needs_root=True))).seen == "needs root"

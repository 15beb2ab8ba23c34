"""The regular run of the checks is checked itself."""

import os

import pytest

from listkit.check.components import alert
from listkit.check.finding import Status
from listkit.status import report
from listkit.status.report import Report

NOW = 2_000_000_000.0


@pytest.fixture
def configured(monkeypatch, tmp_path):
    """The configuration's file, which is old; there is no report."""
    monkeypatch.setattr(report, "PATH", tmp_path / "report.json")
    file = tmp_path / "alert.json"
    file.touch()
    os.utime(file, (0, 0))
    return file


def found(configured, since_boot=10**6, running=False):
    [finding] = alert.check_age(NOW, NOW - since_boot, configured, lambda: running)
    return finding


def ran(seconds_ago):
    report.PATH.write_text(Report("lists", NOW - seconds_ago, ()).as_json())


def test_a_recent_run_is_ok(configured):
    ran(300)
    assert found(configured).status is Status.OK


def test_runs_that_have_stopped_are_critical(configured):
    ran(1000)
    finding = found(configured)
    assert finding.status is Status.CRITICAL and "none since 2033-" in finding.seen
    assert "systemctl start listkit-alert" in finding.remedy


def test_checks_that_never_ran_are_critical_some_time_after_the_configuration(configured):
    assert found(configured).status is Status.CRITICAL
    os.utime(configured, (NOW - 60, NOW - 60))
    assert found(configured).status is Status.OK


@pytest.mark.parametrize("circumstance", [{"since_boot": 60}, {"running": True}])
def test_a_run_that_is_about_to_come_is_not_missing(configured, circumstance):
    ran(10**5)
    assert found(configured, **circumstance).status is Status.OK

"""Every failing finding of every check is an alert within five minutes; metrics and status page have the same ones."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest
import yaml

from listkit.alert import changes, cli, delivery
from listkit.alert.configuration import Destination, Page
from listkit.check import cli as check_cli
from listkit.check import metrics, probes, runner
from listkit.check.components import MODULES, web
from listkit.check.finding import Check, Finding, Status
from listkit.check.runner import Component
from listkit.common import rest
from listkit.status import publishing

ROOT = Path(__file__).resolve().parents[3]
TIMER = ROOT / "roles/alert/templates/etc/systemd/system/listkit-alert.timer.j2"
WITHIN_SECONDS = 300
START_SECONDS = 5
"""Until the program has started and has handed over the message."""
FAILING = [status for status in Status if status is not Status.OK]


def seconds(setting: str) -> int:
    """A time of the timer."""
    number, unit = re.search(rf"^{setting}=(\d+)(s|min)$", TIMER.read_text(), re.MULTILINE).groups()
    return int(number) * {"s": 1, "min": 60}[unit]


def test_a_problem_is_reported_within_five_minutes_of_its_beginning_and_of_a_boot():
    # The pages need a handshake and an answer.
    slowest = max(web.STATUS_SECONDS, 2 * web.FIRST_PAGE_SECONDS, 2 * probes.TIMEOUT_SECONDS, rest.TIMEOUT_SECONDS)
    # The checks run, and run again to confirm the problem.
    report_seconds = seconds("AccuracySec") + 2 * slowest + cli.CONFIRMATION_SECONDS + START_SECONDS
    for interval in ("OnUnitActiveSec", "OnStartupSec"):
        assert seconds(interval) + report_seconds <= WITHIN_SECONDS


def findings() -> dict[str, list[Finding]]:
    """A failing finding of each status, and one that is ok, for each component."""
    return {
        name: [
            *(
                Finding(f"{name} {status}", status, f"{name} <{status}>", f"`mend {name} {status}`")
                for status in FAILING
            ),
            Finding.ok(f"{name} ok", "works"),
        ]
        for name in MODULES
    }


@pytest.fixture
def sent(files, monkeypatch, tmp_path) -> list[str]:
    """The alerts of a host on which every component has `findings()`."""
    components = [
        Component(name, [Check(finding.name, lambda finding=finding: [finding]) for finding in found])
        for name, found in findings().items()
    ]
    texts: list[str] = []
    monkeypatch.setattr(runner, "components", lambda: components)
    monkeypatch.setattr(changes, "PATH", tmp_path / "reported.json")
    monkeypatch.setattr(metrics, "PATH", tmp_path / "metrics.prom")
    monkeypatch.setattr(runner.reuse, "PATH", tmp_path / "looks.json")
    monkeypatch.setattr(cli.record, "load", lambda: None)
    monkeypatch.setattr(cli.time, "sleep", lambda _: None)
    monkeypatch.setattr(delivery, "send", lambda message, *_: texts.append(message.text))
    return texts


def test_every_failing_finding_is_an_alert_with_its_cause_and_its_remedy(sent):
    cli.report(Destination("lists", "https://alerts.test/"), cli.CONFIRMATION_SECONDS)
    [text] = sent
    told = set(text.splitlines())
    for component, found in findings().items():
        for finding in found:
            line = f"{finding.status.upper()} {component}, {finding.name}: {finding.seen}"
            assert (line in told) is (finding.status is not Status.OK)
            assert f"→ {finding.remedy}" in told or finding.status is Status.OK


def test_command_alerts_metrics_and_status_page_have_the_same_findings(sent, files, tmp_path, capsys):
    expected = {(name, one.name, one.status) for name, found in findings().items() for one in found}
    cli.report(
        Destination("lists", "https://alerts.test/", page=Page("Lists", has_core=True)), cli.CONFIRMATION_SECONDS
    )

    assert check_cli.main(["--json"]) == Status.CRITICAL.exit_status
    printed = json.loads(capsys.readouterr().out)
    assert {(one["component"], one["name"], one["status"]) for one in printed} == expected

    page = unescape((publishing.ROOT / "details/en.html").read_text())
    rows = re.findall(r'<td class="(\w+)">\w+</td><td>([^<]+)</td><td>([^<]+)</td>', page)
    assert {(component, name, status) for status, component, name in rows} == expected

    samples = re.findall(r'component="(.+)",check="(.+)"} (\d)', (tmp_path / "metrics.prom").read_text())
    measured = {(component, name, int(value)) for component, name, value in samples}
    assert measured == {
        (component, name, status.exit_status) for component, name, status in expected if status is not Status.UNKNOWN
    }


def test_the_end_of_a_run_shows_what_the_command_prints():
    task, *_ = yaml.safe_load((ROOT / "roles/check/tasks/main.yml").read_text())
    assert task["ansible.builtin.command"]["argv"][:2] == ["/usr/local/bin/listkit", "check"]

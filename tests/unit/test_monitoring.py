"""The alerts and dashboards of `monitoring/`: promtool tests each alert, and every metric in them is one of ours."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from listkit.bridge.metrics import Metrics as BridgeMetrics
from listkit.budget import report
from listkit.canary import record
from listkit.canary.trip import RoundTrip
from listkit.check import metrics as check_metrics

ROOT = Path(__file__).parents[2]
RULES = ROOT / "monitoring/prometheus/listkit.rules.yml"
DASHBOARDS = sorted((ROOT / "monitoring/grafana").glob("*.json"))
RUNBOOK = "docs/runbooks/prometheus.md"
PROMTOOL = ROOT / ".cache/monitoring/usr/bin/promtool"
ALERTS = {rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
OF_NODE_EXPORTER = {"node_textfile_mtime_seconds"}
MINUTES = 1600
INSTANCE = {"instance": "lists"}
MAILBOX = {"mailbox": "lists@example.org", **INSTANCE}
ACCOUNT = {"account": "lists@example.org", **INSTANCE}
FILE = {"file": "/run/listkit-bridge/metrics.prom", **INSTANCE}
CHECK = {"component": "relay", "check": "outgoing mail", **INSTANCE}
FOLDER = {**MAILBOX, "folder": "Failed"}

# Metric → its labels, and its values, one a minute, while nothing is wrong.
HEALTHY = {
    "node_textfile_mtime_seconds": (FILE, f"0+60x{MINUTES}"),
    "listkit_check_timestamp_seconds": (INSTANCE, f"0+60x{MINUTES}"),
    "mailman3_lists": (INSTANCE, f"3x{MINUTES}"),
    "listkit_check_status": (CHECK, f"0x{MINUTES}"),
    "listkit_bridge_up": (MAILBOX, f"1x{MINUTES}"),
    "listkit_bridge_login_refused": (MAILBOX, f"0x{MINUTES}"),
    "listkit_bridge_certificate_refused": (MAILBOX, f"0x{MINUTES}"),
    "listkit_bridge_mailman_up": (INSTANCE, f"1x{MINUTES}"),
    "listkit_bridge_oldest_waiting_seconds": (MAILBOX, f"0x{MINUTES}"),
    "listkit_bridge_folder_messages": (FOLDER, f"3x{MINUTES}"),
    "listkit_budget_last_cycle_timestamp_seconds": (INSTANCE, f"0+60x{MINUTES}"),
    "listkit_budget_paused": ({**ACCOUNT, "reason": ""}, f"0x{MINUTES}"),
    "listkit_budget_refused_messages": (INSTANCE, f"0x{MINUTES}"),
    "listkit_budget_unreadable_messages": (INSTANCE, f"0x{MINUTES}"),
    # After a burst, mail may wait for nearly a day.
    "listkit_budget_queued_recipients": (ACCOUNT, "0x50 9x1300 0x300"),
    "listkit_canary_success": (INSTANCE, f"1x{MINUTES}"),
    "listkit_canary_in_spam": (INSTANCE, f"0x{MINUTES}"),
}


class Fault(NamedTuple):
    """From a minute on, a metric has other values (None: it is absent), and within `minutes` its alert fires."""

    alert: str
    metric: str
    values: str | None
    minutes: int
    labels: dict[str, str]
    summary: str
    series: dict[str, str] | None = None


FAULTS = (
    Fault("ListkitMetricsStale", "node_textfile_mtime_seconds", "6000x99", 20, FILE,
          "/run/listkit-bridge/metrics.prom was last written 20m 0s ago"),
    Fault("ListkitMetricsAbsent", "listkit_bridge_up", None, 20, {"metric": "listkit_bridge_up"},
          "No host has the metric listkit_bridge_up"),
    Fault("ListkitMetricsAbsent", "listkit_budget_last_cycle_timestamp_seconds", None, 20,
          {"metric": "listkit_budget_last_cycle_timestamp_seconds"},
          "No host has the metric listkit_budget_last_cycle_timestamp_seconds"),
    Fault("ListkitMetricsAbsent", "listkit_check_timestamp_seconds", None, 20,
          {"metric": "listkit_check_timestamp_seconds"}, "No host has the metric listkit_check_timestamp_seconds"),
    Fault("ListkitMetricVanished", "mailman3_lists", None, 20, {"metric": "mailman3_lists", **INSTANCE},
          "mailman3_lists isn't known any more"),
    Fault("ListkitMetricVanished", "listkit_bridge_up", None, 20, {"metric": "listkit_bridge_up", **INSTANCE},
          "listkit_bridge_up isn't known any more"),
    Fault("ListkitCheckFailed", "listkit_check_status", "2x99", 10, CHECK, "relay, outgoing mail: critical"),
    Fault("ListkitCheckWarning", "listkit_check_status", "1x99", 65, CHECK, "relay, outgoing mail: warning"),
    Fault("ListkitCheckUnknown", "listkit_check_status", None, 40, CHECK,
          "relay, outgoing mail: can't be checked any more"),
    Fault("ListkitBridgeDown", "listkit_bridge_up", "0x99", 10, MAILBOX,
          "The bridge isn't logged in to lists@example.org; incoming mail waits there"),
    Fault("ListkitBridgeLoginRefused", "listkit_bridge_login_refused", "1x99", 5, MAILBOX,
          "The mail service refuses the password of lists@example.org"),
    Fault("ListkitBridgeCertificateRefused", "listkit_bridge_certificate_refused", "1x99", 5, MAILBOX,
          "The mail service's certificate isn't valid"),
    Fault("ListkitMailmanDown", "listkit_bridge_mailman_up", "0x99", 10, INSTANCE,
          "Mailman doesn't accept mail; it waits in the mailbox"),
    Fault("ListkitIncomingMailWaits", "listkit_bridge_oldest_waiting_seconds", "960x99", 5, MAILBOX,
          "A message has waited in lists@example.org for 16m 0s"),
    Fault("ListkitMailSetAside", "listkit_bridge_folder_messages", "5x99", 20, FOLDER,
          "A message of the last hour wasn't delivered; it lies in Failed of lists@example.org"),
    Fault("ListkitAccountPaused", "listkit_budget_paused", "1x99", 5, {**ACCOUNT, "reason": "ban"},
          "The provider keeps lists@example.org from sending: ban", {**ACCOUNT, "reason": "ban"}),
    Fault("ListkitAccountRestsLong", "listkit_budget_paused", "1x99", 25, {**ACCOUNT, "reason": "content"},
          "lists@example.org hasn't sent for 20 minutes: content", {**ACCOUNT, "reason": "content"}),
    Fault("ListkitOutgoingMailStuck", "listkit_budget_last_cycle_timestamp_seconds", "6000x99", 5, INSTANCE,
          "No progress for 5m 0s; outgoing mail is stuck"),
    Fault("ListkitOutgoingMailRefused", "listkit_budget_refused_messages", "2x1999", 1445, INSTANCE,
          "The provider has refused 2 messages for a day"),
    Fault("ListkitOutgoingMailUnreadable", "listkit_budget_unreadable_messages", "1x99", 10, INSTANCE,
          "1 messages on hold are damaged"),
    Fault("ListkitQuotaTooSmall", "listkit_budget_queued_recipients", "9x1999", 1700, ACCOUNT,
          "Mail from lists@example.org has waited for quota all day"),
    Fault("ListkitCanaryLost", "listkit_canary_success", "0x99", 5, INSTANCE, "The last test message didn't return"),
    Fault("ListkitCanaryInSpam", "listkit_canary_in_spam", "1x99", 5, INSTANCE,
          "The provider takes the test message for spam"),
)  # fmt: skip
BEGINS = 100
"""The minute in which a fault begins."""
EVALUATION_MINUTES = 5
"""How often promtool evaluates the rules. Prometheus does so every minute; a test of days would take long."""


def test_promtool_finds_that_each_alert_fires_and_that_a_healthy_site_has_none(tmp_path: Path):
    silent = [{"eval_time": f"{minute}m", "alertname": alert} for minute in (30, 1300, 1500) for alert in ALERTS]
    tests = [{"interval": "1m", "input_series": list(series({})), "alert_rule_test": silent}, *map(scenario, FAULTS)]
    file = tmp_path / "tests.yml"
    file.write_text(
        json.dumps({"rule_files": [str(RULES)], "evaluation_interval": f"{EVALUATION_MINUTES}m", "tests": tests})
    )
    done = subprocess.run([PROMTOOL, "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested():
    assert {fault.alert for fault in FAULTS} == set(ALERTS)


# Without a waiting job there is none.
@pytest.mark.parametrize("name", sorted(check_metrics.FIGURES.keys() - {"listkit_web_oldest_job_timestamp_seconds"}))
def test_a_figure_of_the_checks_that_vanishes_is_missed(name: str):
    watched = re.search(r'__name__=~"([^"]+)"', ALERTS["ListkitMetricVanished"]["expr"])[1]
    assert re.fullmatch(watched, name)


def series(faulty: dict[str, tuple[dict[str, str], str | None]]) -> Iterator[dict[str, str]]:
    """Yield the series of a healthy site, some of them with other labels and, after the minute `BEGINS`, values."""
    for name, (labels, values) in HEALTHY.items():
        if name not in faulty:
            yield {"series": f"{name}{json_labels(labels)}", "values": values}
            continue
        other, rest = faulty[name]
        before = f"0+60x{BEGINS - 1}" if values.startswith("0+60") else f"{values.partition('x')[0]}x{BEGINS - 1}"
        yield {"series": f"{name}{json_labels(other or labels)}", "values": f"{before} {rest or ''}".strip()}


def json_labels(labels: dict[str, str]) -> str:
    """Labels, as PromQL writes them."""
    return "{" + ", ".join(f"{name}={json.dumps(value)}" for name, value in labels.items()) + "}"


def scenario(fault: Fault) -> dict[str, object]:
    """Promtool's test of one fault."""
    expected = {
        "exp_labels": {**fault.labels, "severity": ALERTS[fault.alert]["labels"]["severity"]},
        "exp_annotations": {"summary": fault.summary, "runbook_url": f"{RUNBOOK}#{fault.alert.lower()}"},
    }
    return {
        "interval": "1m",
        "input_series": list(series({fault.metric: (fault.series or {}, fault.values)})),
        "alert_rule_test": [
            {"eval_time": f"{BEGINS - EVALUATION_MINUTES}m", "alertname": fault.alert},
            {"eval_time": f"{BEGINS + fault.minutes}m", "alertname": fault.alert, "exp_alerts": [expected]},
        ],
    }


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_a_section_in_the_runbook(alert: str):
    assert ALERTS[alert]["annotations"]["runbook_url"] == f"{RUNBOOK}#{alert.lower()}"
    assert f"\n### {alert}\n" in (ROOT / RUNBOOK).read_text()


def ours() -> set[str]:
    """The names of the metrics that the kit's programs publish."""
    trip = RoundTrip("<x@example.org>", sent=0)
    nothing = {"time": 0, "accounts": [], "refused_messages": [], "unreadable_messages": [], "dropped_messages": []}
    published = (
        record.metrics(trip),
        check_metrics.metrics([], 0),
        report.metrics(nothing),
        BridgeMetrics().snapshot(),
    )
    return {metric.name for metrics in published for metric in metrics}


@pytest.mark.parametrize("file", [RULES, *DASHBOARDS], ids=lambda file: file.name)
def test_every_metric_exists(file: Path):
    text = file.read_text()
    assert set(re.findall(r"\b(?:listkit|mailman3|node)_\w+", text)) <= ours() | OF_NODE_EXPORTER


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.name)
def test_prometheus_understands_every_expression_of_a_dashboard(file: Path, tmp_path: Path):
    targets = [target for panel in json.loads(file.read_text())["panels"] for target in panel["targets"]]
    rules = [{"record": f"panel:{number}", "expr": target["expr"]} for number, target in enumerate(targets)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(
        [PROMTOOL, "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr

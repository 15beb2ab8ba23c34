"""A metric becomes an alert and a picture: node exporter, Prometheus with the kit's rules, Alertmanager, all real."""

from __future__ import annotations

import http.server
import json
import queue
import socket
import subprocess
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
import yaml
from test_monitoring import ALERTS, DASHBOARDS, ROOT, RULES, RUNBOOK

from lab.commands import wait_for
from lab.errors import LabError
from listkit.bridge.metrics import Metrics
from listkit.budget import report as budget
from listkit.canary import record
from listkit.canary.trip import LEGS, RoundTrip
from listkit.check import metrics as checks
from listkit.check.finding import Finding
from listkit.common import prometheus
from listkit.common.prometheus import Metric

PACKAGES = ROOT / ".cache/monitoring/usr"
IN_PLACE = ("unshare", "--map-root-user", "--mount", "sh", "-c")
BIND = f'mount --bind {PACKAGES}/share /usr/share && exec "$0" "$@"'
"""Runs a program as if its package were installed: Alertmanager reads its templates in /usr/share."""
SECONDS = 120
MAILBOX = "lists@example.org"
_LIST = dict.fromkeys(("used", "queued_recipients", "queued_messages", "next_release"), 1)
_FIGURES = (
    "limit reserve window_seconds used left left_for_posts in_delivery queued_recipients queued_messages next_release"
    " strangers_used strangers_limit"
)
BUDGET = {
    "time": 5,
    "accounts": [
        {
            **dict.fromkeys(_FIGURES.split(), 1),
            "address": MAILBOX,
            "pause": {"reason": "quota"},
            "lists": [{"list": "dev@example.org", **_LIST}],
        }
    ],
    "refused_messages": ["a"],
    "unreadable_messages": ["b"],
    "dropped_messages": [{"messages": 1}],
}
"""The budget's figures, each more than 0."""


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@contextmanager
def running(name: str, folder: Path, ready: str, *options: str) -> Iterator[None]:
    """A server that answers at `ready`, with its output in a file of its own."""
    with (folder / f"{name}.log").open("wb") as log:
        server = subprocess.Popen(
            [*IN_PLACE, BIND, PACKAGES / "bin" / name, *options], cwd=folder, stdout=log, stderr=log
        )
    try:
        wait_for(lambda: server.poll() is not None or answers(ready), f"{name} to answer", SECONDS)
        assert server.poll() is None, (folder / f"{name}.log").read_text()
        yield
    finally:
        server.kill()
        server.wait()


def answers(url: str) -> bool:
    """Whether a server is ready."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 -- this test's server
            return response.status == 200
    except OSError:
        return False


@pytest.fixture
def webhook() -> Iterator[tuple[str, queue.Queue[dict]]]:
    """The address of a webhook, and what it has received."""
    received: queue.Queue[dict] = queue.Queue()

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", received
    server.shutdown()
    server.server_close()


@pytest.fixture
def metrics(tmp_path: Path, webhook: tuple[str, queue.Queue[dict]]) -> Iterator[tuple[Path, str]]:
    """The file in which the bridge publishes its metrics, and the address of the Prometheus that watches it."""
    exporter, server, manager = (f"127.0.0.1:{free_port()}" for _ in range(3))
    written = tmp_path / "listkit-bridge" / "metrics.prom"
    written.parent.mkdir()
    watched = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "node", "static_configs": [{"targets": [exporter]}]}],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager]}]}]},
    }
    routed = {
        "route": {"receiver": "hook", "group_wait": "0s"},
        "receivers": [{"name": "hook", "webhook_configs": [{"url": webhook[0]}]}],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(watched))
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(routed))
    with ExitStack() as servers:
        servers.enter_context(
            running(
                "prometheus-node-exporter", tmp_path, f"http://{exporter}/metrics", f"--web.listen-address={exporter}",
                "--collector.disable-defaults", "--collector.textfile",
                f"--collector.textfile.directory={tmp_path}/listkit-*",
            )
        )  # fmt: skip
        servers.enter_context(
            running(
                "prometheus-alertmanager", tmp_path, f"http://{manager}/-/ready", "--config.file=alertmanager.yml",
                f"--web.listen-address={manager}", "--cluster.listen-address=", "--storage.path=alerts",
            )
        )  # fmt: skip
        servers.enter_context(
            running(
                "prometheus", tmp_path, f"http://{server}/-/ready", "--config.file=prometheus.yml",
                f"--web.listen-address={server}", "--storage.tsdb.path=data",
            )
        )  # fmt: skip
        yield written, f"http://{server}"


def rules(prometheus_url: str) -> list[dict]:
    """The alerts that Prometheus has, with their state."""
    with urllib.request.urlopen(f"{prometheus_url}/api/v1/rules", timeout=5) as response:  # noqa: S310 -- this test's server
        return [rule for group in json.load(response)["data"]["groups"] for rule in group["rules"]]


def test_a_refused_login_arrives_as_an_alert_with_its_runbook(metrics, webhook):
    file, prometheus_url = metrics
    figures = Metrics()
    figures.set("login_refused", 1, mailbox=MAILBOX)
    prometheus.write(file, figures.snapshot())
    (alert,) = webhook[1].get(timeout=SECONDS)["alerts"]
    assert alert["labels"]["alertname"] == "ListkitBridgeLoginRefused"
    assert alert["annotations"] == {
        "summary": f"The mail service refuses the password of {MAILBOX}",
        "runbook_url": f"{RUNBOOK}#listkitbridgeloginrefused",
    }
    assert {rule["name"]: rule["health"] for rule in rules(prometheus_url)} == dict.fromkeys(ALERTS, "ok")


def of_a_site_with_problems() -> dict[str, Iterable[Metric]]:
    """What the kit's programs publish, by program, on a site on which every panel has something to show."""
    bridge = Metrics()
    for name in ("up", "waiting_messages", "oldest_waiting_seconds"):
        bridge.set(name, 1, mailbox=MAILBOX)
    bridge.set("mailman_up", 1)
    bridge.set("folder_messages", 2, mailbox=MAILBOX, folder="Failed")
    for name in ("fetched_total", "delivered_total", "deferred_total"):
        bridge.add(name, 3, mailbox=MAILBOX)
    figures = {name: {"x": 1.0} if label else 1.0 for name, (label, _) in checks.FIGURES.items()}
    problem = Finding.critical("web interface", "no page", "`restart`").measured(**figures)
    return {
        "bridge": bridge.snapshot(),
        "budget": budget.metrics(BUDGET),
        "canary": record.metrics(RoundTrip("<x@example.org>", 5.0, dict.fromkeys(LEGS, 1.0))),
        "alert": list(checks.metrics([("web", problem)], 5.0)),
    }


def panels() -> Iterator[tuple[str, str]]:
    """Yield each expression of a dashboard with its place; a variable is any value."""
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel["targets"]:
                expression = target["expr"].replace("$instance", ".*").replace("$account", ".*")
                yield f"{file.name}: {panel['title']} {target['refId']}", expression


def answer(prometheus_url: str, expression: str) -> list[dict]:
    """The series that Prometheus returns."""
    query = urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(f"{prometheus_url}/api/v1/query?{query}", timeout=5) as response:  # noqa: S310 -- as above
        return json.load(response)["data"]["result"]


def test_every_panel_shows_what_the_programs_publish(metrics):
    file, prometheus_url = metrics
    for program, published in of_a_site_with_problems().items():
        target = file.parents[1] / f"listkit-{program}" / file.name
        target.parent.mkdir(exist_ok=True)
        prometheus.write(target, published)
    empty = dict(panels())
    assert len(empty) >= 30

    def all_have_data() -> bool:
        for place, expression in list(empty.items()):
            if answer(prometheus_url, expression):
                del empty[place]
        return not empty

    try:
        wait_for(all_have_data, "every panel to have data", SECONDS)
    except LabError:
        assert empty == {}

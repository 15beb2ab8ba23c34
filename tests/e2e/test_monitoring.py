"""The canary and the alerts on a deployed host, which the other tests' hosts don't have."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from deployment import SITE_OWNER, Deployment
from e2e import playbook
from e2e.mailing import MailingList
from infomaniak.service import SUFFIXES
from lab import Host

pytestmark = [pytest.mark.lab, pytest.mark.one_release, pytest.mark.same_site]

UNITS = "listkit-canary.timer listkit-alert.timer"
FILES = (
    "/etc/listkit/canary.json /etc/listkit/alert.json /etc/listkit/secrets/alert_* /etc/listkit/check.d/canary.json"
    " /etc/listkit/check.d/alert.json /etc/systemd/system/listkit-canary.* /etc/systemd/system/listkit-alert.*"
    " /var/lib/listkit/canary /var/lib/listkit/alert /run/listkit-canary /run/listkit-alert"
)
DECLARED = "/etc/listkit/check.d/lists.json"
RECEIVED = "/var/cache/alerts.jsonl"
RECEIVER = f"""
import http.server
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        with open("{RECEIVED}", "ab") as file:
            file.write(self.rfile.read(int(self.headers["Content-Length"])) + b"\\n")
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 8098), Receiver).serve_forever()
"""


@pytest.fixture(scope="module")
def host(deployment: Deployment, release: str) -> Iterator[Host]:
    """A host with a canary that is only sent on request, and with alerts."""
    site = deployment.sites[release]
    canaries = MailingList(deployment, site, "canary")
    deployment.stand_in.add_list_aliases(site.mailbox, "canary")
    site.host.run(f"cp -a {DECLARED} /var/cache/lists.json")
    try:
        variables = {"canary_interval": 600, "alert_to": "https://alerts.test/hook"}
        playbook.deploy(deployment, release, "--tags", "lists,canary,alert", **variables)
        # Nothing is due while the tests run, and nothing runs: the timer has been due at once.
        site.host.run("systemctl stop listkit-alert.timer listkit-alert.service")
        site.host.run("systemctl reset-failed listkit-alert.service")
        yield site.host
    finally:
        # After a deployment that failed, they may not be there.
        site.host.try_run(f"systemctl disable --now {UNITS}")
        site.host.run("systemctl start listkit-bridge")
        canaries.settle()
        if site.host.try_run(f"grep -q {canaries.address} {DECLARED}").returncode == 0:
            canaries.delete()
        site.host.run(f"rm -rf {FILES}; mv /var/cache/lists.json {DECLARED}; systemctl daemon-reload")
        deployment.stand_in.remove_aliases(site.mailbox, *(f"canary{suffix}" for suffix in SUFFIXES))


@pytest.fixture
def received(host: Host) -> Iterator[str]:
    """Where a program on the host writes the alerts that it receives."""
    host.run(f"cat > /var/cache/receiver.py; : > {RECEIVED}", stdin=RECEIVER)
    host.run("systemd-run --quiet --unit=alert-receiver python3 /var/cache/receiver.py")
    host.run("echo http://127.0.0.1:8098/hook > /etc/listkit/secrets/alert_to")
    try:
        host.wait_until("ss -Htln | grep -q 127.0.0.1:8098", "the receiver of alerts", 30)
        yield RECEIVED
    finally:
        host.run(f"systemctl stop alert-receiver; rm -f /var/cache/receiver.py {RECEIVED}")


def finding(host: Host) -> dict:
    """What `listkit check` says of the last canary."""
    findings = json.loads(host.try_run("listkit check --json --only canary").stdout)
    return next(finding for finding in findings if finding["name"] == "canary")


def test_the_canary_returns_and_is_found_where_it_waits(host: Host, deployment: Deployment):
    to_owner = len(deployment.stand_in.received(SITE_OWNER))
    assert "round trip" in host.run("listkit canary now --patience 120")
    assert finding(host)["status"] == "ok"

    # In the sandbox of its unit, too.
    host.run("systemctl start listkit-canary")
    assert "listkit_canary_success 1" in host.run("cat /run/listkit-canary/metrics.prom")

    host.run("systemctl stop listkit-bridge")
    answer = host.try_run("listkit canary now --patience 10")
    assert answer.returncode == 1 and "to the provider" in answer.stdout
    assert "waits in INBOX of mailman@" in finding(host)["seen"]

    host.run("systemctl start listkit-bridge")
    assert "round trip" in host.run("listkit canary now --patience 120")
    assert finding(host)["status"] == "ok"
    copies = deployment.stand_in.received(SITE_OWNER)[to_owner:]
    assert not [copy for copy in copies if copy["Subject"] == "Canary"]


def test_a_problem_is_reported_once_when_it_begins_and_once_when_it_ends(host: Host, received: str):
    def texts() -> list[str]:
        return [json.loads(line)["text"] for line in host.run(f"cat {received}").splitlines()]

    run = "listkit alert run --confirm 0"
    host.run(f"{run}; : > {received}")
    host.run("touch /run/reboot-required")
    try:
        host.run(run)
        [text] = texts()
        assert "WARNING base, reboot: required since" in text and "→ `systemctl reboot`" in text
        # The unit's sandbox hides nothing from the checks: what they couldn't see would be new.
        host.run("systemctl start listkit-alert")
        assert texts() == [text]
        assert 'listkit_check_status{component="base",check="reboot"} 1' in host.run("cat /run/listkit-alert/*.prom")
    finally:
        host.run("rm -f /run/reboot-required")
    host.run(run)
    assert "SOLVED base, reboot: after" in texts()[1]

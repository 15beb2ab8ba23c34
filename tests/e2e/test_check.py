"""`listkit check` on a deployed host: each thing it looks at, broken on purpose, is told with what to do about it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from deployment import Deployment
from e2e.mailing import MailingList
from lab import Host

pytestmark = pytest.mark.lab

BREAKAGES = {
    "a unit is stopped": ("systemctl stop listkit-bridge", "systemctl start listkit-bridge", "listkit-bridge.service"),
    "a timer is stopped": (
        "systemctl stop listkit-digests.timer",
        "systemctl start listkit-digests.timer",
        "listkit-digests.timer",
    ),
    "a job failed": (
        "systemd-run --quiet --wait --unit=listkit-broken false || true",  # it is meant to fail
        "systemctl reset-failed listkit-broken",
        "jobs",
    ),
    "a port is open": (
        "systemd-run --quiet --unit=surplus-port python3 -m http.server 8099;"
        " until ss -Htln | grep -q :8099; do sleep 0.1; done",
        "systemctl stop surplus-port",
        "ports open to the outside",
    ),
    "the web interface is down": (
        "systemctl kill -s KILL mailman3-web; systemctl stop mailman3-web",
        "systemctl start mailman3-web",
        "mailman3-web.service",
    ),
    "the database is down": (
        "systemctl stop 'postgresql@*'",
        "systemctl stop postgresql; systemctl start postgresql",
        "Mailman's REST API",
    ),
    "Mailman takes no mail": (
        "kill -STOP $(pgrep -x mailman-lmtp)",
        "kill -CONT $(pgrep -x mailman-lmtp)",
        "Mailman's LMTP server",
    ),
    "the relay is down": ("systemctl stop postfix", "systemctl start postfix", "the relay"),
    "a secret is open": (
        "chmod 0644 /etc/postfix/sasl_passwd",
        "chmod 0600 /etc/postfix/sasl_passwd",
        "secrets",
    ),
    "a disk is full": ("mount -t tmpfs -o size=1m none /var/log", "umount /var/log", "disks"),
    "a message was shunted": (
        "touch /var/lib/mailman3/queue/shunt/1+0.pck",
        "rm /var/lib/mailman3/queue/shunt/1+0.pck",
        "messages set aside",
    ),
}


@pytest.fixture
def host(deployment: Deployment, release: str) -> Iterator[Host]:
    """A deployed host that is well before the test, and after it."""
    host = deployment.sites[release].host
    assert failing(host, wait=180) == {}
    yield host
    assert failing(host, wait=180) == {}


def failing(host: Host, wait: int = 0) -> dict[str, dict]:
    """What `listkit check` finds wrong, by what it is; its exit status and its words for people agree with that."""
    answer = host.try_run(f"listkit check --json --wait {wait}")
    findings = {finding["what"]: finding for finding in json.loads(answer.stdout) if not finding["well"]}
    assert answer.returncode == bool(findings)
    return findings


def check_told(host: Host, what: str) -> dict:
    """The finding is there, with what to do about it, also for people."""
    found = failing(host)
    assert what in found
    assert found[what]["fix"]
    text = host.try_run("listkit check").stdout
    assert f"FAIL {what}: " in text
    assert "→" in text
    return found[what]


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_breakage_is_told(host: Host, breakage: str):
    harm, repair, what = BREAKAGES[breakage]
    host.run(harm)
    try:
        check_told(host, what)
    finally:
        host.run(repair)


def test_another_name_s_certificate_is_told(host: Host):
    live, saved = "/var/lib/listkit/certificate/live", "/var/cache/live-certificate"
    host.run(f"systemctl stop listkit-certificate.timer && cp -a $(readlink -f {live}) {saved}")
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=other.test"
    try:
        host.run(f"{make} -addext subjectAltName=DNS:other.test -keyout {live}/privkey.pem -out {live}/fullchain.pem")
        shown = "openssl s_client -connect 127.0.0.1:443 < /dev/null 2> /dev/null"
        host.run(f"systemctl reload nginx; until {shown} | grep -q other.test; do sleep 0.2; done")
        assert "not for lists." in check_told(host, "certificate")["seen"]
    finally:
        host.run(f"cp -a {saved}/. {live}/ && rm -r {saved} && systemctl reload nginx")
        host.run("systemctl start listkit-certificate.timer")


def test_a_declared_list_that_changed_or_went_is_told(host: Host, declared_list: MailingList):
    declared_list.configure(dmarc_mitigate_action="no_mitigation")
    try:
        assert declared_list.address in check_told(host, "settings of the declared lists")["seen"]
    finally:
        declared_list.configure(dmarc_mitigate_action="munge_from")
    host.run('sed -i \'s/"lists": {/&"gone@example.test": {}, /\' /etc/listkit/check.json')
    try:
        assert "gone@example.test" in check_told(host, "declared lists")["seen"]
    finally:
        host.run("sed -i 's/\"gone@example.test\": {}, //' /etc/listkit/check.json")

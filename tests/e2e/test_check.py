"""`listkit check` on a deployed host: each thing it looks at, broken on purpose, is told with what to do about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from deployment import Deployment, Site
from e2e.mailing import MailingList
from lab import Host

pytestmark = pytest.mark.lab


class Breakage(NamedTuple):
    """What is broken, where, and what is told."""

    harm: str
    repair: str
    told: str
    at: str = "host"
    """The host of a site where it is broken."""
    by: str = "host"
    """The host of a site whose check tells of it."""


BREAKAGES = {
    "a unit is stopped": Breakage(
        "systemctl stop listkit-bridge", "systemctl start listkit-bridge", "listkit-bridge.service"
    ),
    "a timer is stopped": Breakage(
        "systemctl stop listkit-digests.timer", "systemctl start listkit-digests.timer", "listkit-digests.timer"
    ),
    "a job failed": Breakage(
        "systemd-run --quiet --wait --unit=listkit-broken false || true",  # it is meant to fail
        "systemctl reset-failed listkit-broken",
        "jobs",
    ),
    "a port is open": Breakage(
        "systemd-run --quiet --unit=surplus-port python3 -m http.server 8099;"
        " until ss -Htln | grep -q :8099; do sleep 0.1; done",
        "systemctl stop surplus-port",
        "ports open to the outside",
    ),
    "the web interface is down": Breakage(
        "systemctl kill -s KILL mailman3-web; systemctl stop mailman3-web",
        "systemctl start mailman3-web",
        "mailman3-web.service",
        at="web",
        by="web",
    ),
    "the database is down": Breakage(
        "systemctl stop 'postgresql@*'",
        "systemctl stop postgresql; systemctl start postgresql",
        "the database",
        at="database",
        by="database",
    ),
    "the database of Mailman is down": Breakage(
        "systemctl stop 'postgresql@*'",
        "systemctl stop postgresql; systemctl start postgresql",
        "Mailman's REST API",
        at="database",
    ),
    "Mailman takes no mail": Breakage(
        "kill -STOP $(pgrep -x mailman-lmtp)", "kill -CONT $(pgrep -x mailman-lmtp)", "Mailman's LMTP server"
    ),
    "the relay is down": Breakage("systemctl stop postfix", "systemctl start postfix", "the relay"),
    "a secret is open": Breakage(
        "chmod 0644 /etc/postfix/sasl_passwd", "chmod 0600 /etc/postfix/sasl_passwd", "secrets"
    ),
    "a disk is full": Breakage("mount -t tmpfs -o size=1m none /var/log", "umount /var/log", "disks"),
    "a message was shunted": Breakage(
        "touch /var/lib/mailman3/queue/shunt/1+0.pck",
        "rm /var/lib/mailman3/queue/shunt/1+0.pck",
        "messages set aside",
    ),
}


@pytest.fixture
def site(deployment: Deployment, release: str) -> Iterator[Site]:
    """A deployed site that is well before the test, and after it."""
    site = deployment.sites[release]
    assert [failing(host, wait=180) for host in site.hosts] == [{} for _ in site.hosts]
    yield site
    assert [failing(host, wait=180) for host in site.hosts] == [{} for _ in site.hosts]


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


@pytest.mark.parametrize(
    "breakage",
    [
        # Where the web interface or the database is broken depends on the topology.
        pytest.param(name, marks=[] if breakage.at == "host" else pytest.mark.split)
        for name, breakage in BREAKAGES.items()
    ],
)
def test_a_breakage_is_told(site: Site, breakage: str):
    harm, repair, told, at, by = BREAKAGES[breakage]
    broken: Host = getattr(site, at)
    broken.run(harm)
    try:
        check_told(getattr(site, by), told)
    finally:
        broken.run(repair)


def test_another_name_s_certificate_is_told(site: Site):
    host = site.web
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


def test_a_declared_list_that_changed_or_went_is_told(site: Site, declared_list: MailingList):
    host = site.host
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

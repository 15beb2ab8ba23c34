"""`listkit check` on a deployed host: each thing that is broken on purpose is found, with a remedy that works."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from deployment import Deployment, Site
from e2e.mailing import MailingList
from lab import Host

pytestmark = pytest.mark.lab


class Breakage(NamedTuple):
    """A fault, and the finding that it leads to."""

    harm: str
    finding: str
    """Its component and name, separated by a slash."""
    repair: str = ""
    """Without one, the command of the finding's remedy is the repair."""
    at: str = "host"
    """The host of a site where it is broken."""
    by: str = "host"
    """The host of a site whose check finds it."""
    seen: str = ""
    """A part of the cause that is named."""


MANAGE = "python3 /usr/share/mailman3-web/manage.py"
QUEUE_A_JOB = """
from django.db import connection
row = "('default', 'signed in 2023:1r31eq:', '2000-01-01')"
connection.cursor().execute(f"insert into django_q_ormq (key, payload, lock) values {row}")
"""

BREAKAGES = {
    "a unit is stopped": Breakage("systemctl stop listkit-bridge", "bridge/listkit-bridge.service", seen="inactive"),
    "the bridge is stopped": Breakage("systemctl stop listkit-bridge", "bridge/incoming mail", seen="does not run"),
    "a timer is stopped": Breakage("systemctl stop listkit-digests.timer", "core/listkit-digests.timer"),
    "a timer is disabled": Breakage(
        "systemctl disable listkit-digests.timer", "core/listkit-digests.timer", seen="at boot"
    ),
    "apt's timer is off": Breakage("systemctl disable --now apt-daily.timer", "base/apt-daily.timer"),
    "a job failed": Breakage(
        "systemd-run --quiet --wait --unit=listkit-broken false || true",  # it is meant to fail
        "base/jobs",
        "systemctl reset-failed listkit-broken",
    ),
    "a port is open": Breakage(
        "systemd-run --quiet --unit=surplus-port python3 -m http.server 8099;"
        " until ss -Htln | grep -q :8099; do sleep 0.1; done",
        "base/open ports",
        "systemctl stop surplus-port",
        seen="8099",
    ),
    "the web interface is down": Breakage(
        "systemctl kill -s KILL mailman3-web; systemctl stop mailman3-web",
        "web/mailman3-web.service",
        at="web",
        by="web",
    ),
    "the database is down": Breakage(
        "systemctl stop 'postgresql@*'", "database/database", at="database", by="database"
    ),
    "the database of Mailman is down": Breakage(
        "systemctl stop 'postgresql@*'", "core/Mailman's REST API", "systemctl restart postgresql", at="database"
    ),
    "Mailman accepts no mail": Breakage("kill -STOP $(pgrep -x mailman-lmtp)", "core/Mailman's LMTP server"),
    "a runner of Mailman hangs": Breakage(
        "kill -STOP $(pgrep -x mailman-command);"
        " install -o list -g list /dev/null /var/lib/mailman3/queue/command/1.pck;"
        " touch -d '1 hour ago' /var/lib/mailman3/queue/command/1.pck",
        "core/Mailman's queues",
        "rm -f /var/lib/mailman3/queue/command/1.*; kill -CONT $(pgrep -x mailman-command)",
        seen="1 in the queue command",
    ),
    "no name server answers": Breakage(
        "echo 'nameserver 127.0.0.99' > /run/resolv.conf; mount --bind /run/resolv.conf /etc/resolv.conf",
        "bridge/DNS",
        "umount /etc/resolv.conf",
        seen="no address for mail.infomaniak.com",
    ),
    "the job queue hangs": Breakage(
        f"kill -STOP $(pgrep -f '^uWSGI mule 1$'); runuser -u www-data -- {MANAGE} shell -c {shlex.quote(QUEUE_A_JOB)}",
        "web/background jobs",
        "kill -CONT $(pgrep -f '^uWSGI mule 1$')",
        at="web",
        by="web",
        seen="the oldest since 2023-11-1",
    ),
    "the relay is down": Breakage("systemctl stop postfix", "relay/Postfix", "systemctl start postfix", seen="refused"),
    "the budget is stopped": Breakage("systemctl stop listkit-budget", "relay/listkit-budget.service"),
    "the archiver's key is wrong": Breakage(
        "sed -i.saved 's/^api_key: ./&x/' /etc/mailman3/listkit-hyperkitty.cfg",
        "core/archive",
        "mv /etc/mailman3/listkit-hyperkitty.cfg.saved /etc/mailman3/listkit-hyperkitty.cfg",
        seen="refuses the archiver's key (401)",
    ),
    "a post waits for the archive": Breakage(
        "install -o list -g list /dev/null /var/lib/mailman3/archives/hyperkitty/spool/1.pck",
        "core/unarchived posts",
        "rm /var/lib/mailman3/archives/hyperkitty/spool/1.pck",
    ),
    "a secret is open": Breakage(
        "chmod 0644 /etc/postfix/sasl_passwd", "base/secrets", seen="/etc/postfix/sasl_passwd"
    ),
    "the secrets' folder is open": Breakage(
        "chmod 0755 /etc/listkit/secrets", "base/secrets", seen="/etc/listkit/secrets"
    ),
    "a disk is full": Breakage(
        "mount -t tmpfs -o size=1m none /var/log", "base/disks", "umount /var/log", seen="/var/log"
    ),
    "a message was shunted": Breakage(
        "touch /var/lib/mailman3/queue/shunt/1+0.pck",
        "core/shunted messages",
        "rm /var/lib/mailman3/queue/shunt/1+0.pck",
        seen="1 in /var/lib/mailman3/queue/shunt",
    ),
    "a reboot is required": Breakage("touch /run/reboot-required", "base/reboot", "rm /run/reboot-required"),
    "settings are broken": Breakage(
        "echo '{' > /etc/listkit/check.d/x.json",
        "x/settings",
        "rm /etc/listkit/check.d/x.json",
        seen="check.d/x.json",
    ),
    "the bridge hangs": Breakage(
        "systemctl kill -s STOP listkit-bridge; touch -d '5 minutes ago' /run/listkit-bridge/metrics.prom",
        "bridge/incoming mail",
        seen="no progress for",
    ),
    "the budget hangs": Breakage(
        "systemctl kill -s STOP listkit-budget;"
        ' sed -i \'s/"time": [0-9.]*/"time": 1/\' /run/listkit-budget/status.json',
        "relay/outgoing mail",
        seen="no progress for",
    ),
    "Postfix hangs": Breakage(
        "kill -STOP $(pgrep -x 'master|smtpd')",
        "relay/Postfix",
        "kill -CONT $(pgrep -x 'master|smtpd')",
        seen="timed out",
    ),
    "Mailman's REST API hangs": Breakage(
        "kill -STOP $(pgrep -x mailman-rest)",
        "core/Mailman's REST API",
        "kill -CONT $(pgrep -x mailman-rest)",
        seen="timed out",
    ),
    "Mailman's password is wrong": Breakage(
        "cp -a /etc/listkit/secrets/rest_password /root/ && echo wrong > /etc/listkit/secrets/rest_password",
        "core/Mailman's REST API",
        "cp -a /root/rest_password /etc/listkit/secrets/ && rm /root/rest_password",
        seen="is not that of the password file",
    ),
    "Mailman can't read a message": Breakage(
        "touch /var/lib/mailman3/queue/bad/1+0.psv",
        "core/shunted messages",
        "rm /var/lib/mailman3/queue/bad/1+0.psv",
        seen="Mailman cannot read them",
    ),
    "a job of a timer failed": Breakage(
        "install -d /run/systemd/system/listkit-digests.service.d;"
        " printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\n'"
        " > /run/systemd/system/listkit-digests.service.d/broken.conf;"
        " systemctl daemon-reload; systemctl start listkit-digests || true",  # it is meant to fail
        "core/listkit-digests.timer",
        "rm -r /run/systemd/system/listkit-digests.service.d; systemctl daemon-reload;"
        " systemctl reset-failed listkit-digests.service",
        seen="the last run of listkit-digests.service failed",
    ),
    "a unit is not installed": Breakage(
        "systemctl stop listkit-digests.timer; mv /etc/systemd/system/listkit-digests.timer /root/;"
        " systemctl daemon-reload",
        "core/listkit-digests.timer",
        "mv /root/listkit-digests.timer /etc/systemd/system/; systemctl daemon-reload;"
        " systemctl start listkit-digests.timer",
        seen="not installed",
    ),
    "the archive does not answer": Breakage(
        "sed -i.saved 's/^base_url: http:..127.0.0.1:8000/base_url: http:\\/\\/127.0.0.1:8009/'"
        " /etc/mailman3/listkit-hyperkitty.cfg",
        "core/archive",
        "mv /etc/mailman3/listkit-hyperkitty.cfg.saved /etc/mailman3/listkit-hyperkitty.cfg",
        seen="does not answer",
    ),
    "the search index is damaged": Breakage(
        "printf damaged > /var/lib/mailman3/web/xapian_index/iamglass",
        "web/search index",
        at="web",
        by="web",
        seen="the index is damaged",
    ),
    "nginx is stopped": Breakage(
        "systemctl stop nginx", "web/web interface", "systemctl start nginx", at="web", by="web", seen="refused"
    ),
    "no certificate is sent": Breakage(
        "systemctl stop nginx",
        "certificate/certificate",
        "systemctl start nginx",
        at="web",
        by="web",
        seen="sends none",
    ),
    "the database hangs": Breakage(
        "kill -STOP $(pgrep -x postgres)",
        "database/database",
        "kill -CONT $(pgrep -x postgres)",
        at="database",
        by="database",
        seen="no response",
    ),
    "a disk has no inodes left": Breakage(
        "mount -t tmpfs -o size=1g,nr_inodes=1 none /var/log",
        "base/disks",
        "umount /var/log",
        seen="/var/log: no inode free",
    ),
    "the packet filter was removed": Breakage("nft delete table inet listkit", "access/packet filter", seen="missing"),
    "a patch does not fit": Breakage(
        "install -d /run/listkit/patches/test;"
        ' echo \'{"failed": [{"patch": "broken", "upstream": "x", "reason": "changed"}]}\''
        " > /run/listkit/patches/test/test.json",
        "patches/patches",
        "rm -r /run/listkit/patches/test",
        seen="without the patch broken",
    ),
}
MOST_SECONDS = 5
EXIT_STATUSES = {"warning": 1, "critical": 2, "unknown": 3}


@pytest.fixture(scope="module")
def healthy_site(deployment: Deployment, release: str) -> Site:
    """A deployed site without a failure, and without the messages that other tests have led to `Failed`."""
    site = deployment.sites[release]
    deployment.stand_in.service.run(f"cd /var/vmail/{site.mailbox.login}/Maildir/.Failed && rm -f cur/* new/*")
    # It counts what is in the folders when it has logged in.
    site.host.run("systemctl restart listkit-bridge")
    site.host.wait_until("listkit check --only bridge", "a bridge without messages that were set aside", 120)
    assert_healthy(site)
    return site


@pytest.fixture
def site(healthy_site: Site) -> Iterator[Site]:
    """The site, which has no failure after the test either."""
    yield healthy_site
    assert_healthy(healthy_site)


def assert_healthy(site: Site) -> None:
    """Fail if a check still fails after three minutes."""
    assert [failing(host, wait=180) for host in site.hosts] == [{} for _ in site.hosts]


def failing(host: Host, wait: int = 0) -> dict[str, dict]:
    """The findings of `listkit check` that are not ok, by name; its exit status and its words for people agree."""
    answer = host.try_run(f"listkit check --json --wait {wait}")
    findings = {finding["name"]: finding for finding in json.loads(answer.stdout) if finding["status"] != "ok"}
    statuses = {finding["status"] for finding in findings.values()}
    expected = next((status for status in ("critical", "warning", "unknown") if status in statuses), None)
    assert answer.returncode == EXIT_STATUSES.get(expected, 0)
    return findings


@pytest.mark.parametrize(
    "breakage",
    [
        # Where the web interface or the database is broken depends on the topology.
        pytest.param(name, marks=[] if breakage.at == "host" else pytest.mark.split)
        for name, breakage in BREAKAGES.items()
    ],
)
def test_a_breakage_is_found_and_its_remedy_works(site: Site, breakage: str):
    harm, name, repair, at, by, seen = BREAKAGES[breakage]
    broken, checking = getattr(site, at), getattr(site, by)
    broken.run(harm)
    try:
        component, _, name = name.partition("/")
        finding = failing(checking)[name]
        assert finding["component"] == component
        assert seen in finding["seen"]
        assert "`" in finding["remedy"]
        repair = repair or finding["remedy"].split("`")[1]
    finally:
        # Without a finding, start again what is enabled.
        broken.run(repair or "systemctl start default.target")


def test_an_ordinary_user_sees_what_needs_root(site: Site):
    seconds = []
    for _ in range(3):
        began = time.monotonic()
        answer = site.host.try_run("runuser -u nobody -- listkit check --json")
        seconds.append(time.monotonic() - began)
    # Other hosts may be busy meanwhile.
    assert min(seconds) < MOST_SECONDS
    statuses = {finding["name"]: finding for finding in json.loads(answer.stdout)}
    assert answer.returncode == EXIT_STATUSES["unknown"]
    assert statuses["mailman3.service"]["status"] == "ok"
    assert statuses["secrets"]["remedy"] == "`sudo listkit check`"
    assert not answer.stderr


def test_another_name_s_certificate_is_found(site: Site):
    host = site.web
    live, saved = "/var/lib/listkit/certificate/live", "/var/cache/live-certificate"
    host.run(f"systemctl stop listkit-certificate.timer && cp -a $(readlink -f {live}) {saved}")
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=other.test"
    try:
        host.run(f"{make} -addext subjectAltName=DNS:other.test -keyout {live}/privkey.pem -out {live}/fullchain.pem")
        shown = "openssl s_client -connect 127.0.0.1:443 < /dev/null 2> /dev/null"
        host.run(f"systemctl reload nginx; until {shown} | grep -q other.test; do sleep 0.2; done")
        assert "not for lists." in failing(host)["certificate"]["seen"]
    finally:
        host.run(f"cp -a {saved}/. {live}/ && rm -r {saved} && systemctl reload nginx")
        host.run("systemctl start listkit-certificate.timer")


def test_a_declared_list_that_changed_or_went_is_found(site: Site, declared_list: MailingList):
    host = site.host
    declared_list.configure(dmarc_mitigate_action="no_mitigation")
    try:
        assert declared_list.address in failing(host)["settings of the declared lists"]["seen"]
    finally:
        declared_list.configure(dmarc_mitigate_action="munge_from")
    host.run('sed -i \'s/"lists": {/&"gone@example.test": {}, /\' /etc/listkit/check.d/lists.json')
    try:
        finding = failing(host)["declared lists"]
        assert "gone@example.test" in finding["seen"]
        text = host.try_run("listkit check").stdout
        assert f"declared lists: {finding['seen']}" in text
        assert f"→ {finding['remedy']}" in text
    finally:
        host.run("sed -i 's/\"gone@example.test\": {}, //' /etc/listkit/check.d/lists.json")


def test_a_list_without_dmarc_mitigation_is_found(site: Site, mailing_list: MailingList):
    mailing_list.configure(dmarc_mitigate_action="no_mitigation")
    try:
        assert mailing_list.address in failing(site.host)["DMARC mitigation"]["seen"]
    finally:
        mailing_list.configure(dmarc_mitigate_action="munge_from")


def test_the_dns_is_seen_from_the_host(site: Site):
    host, files = site.host, ("/etc/listkit/dns.json", "/etc/listkit/check.d/dns.json")

    def statuses(domain: str) -> dict[str, str]:
        names = {"domains": [domain], "hosts": [site.fqdn], "reports": site.address("members"), "signs": domain}
        for path, content in zip(files, (names, {}), strict=True):
            host.write(path, json.dumps(content))
        findings = json.loads(host.try_run("listkit check --json --only dns").stdout)
        return {finding["name"]: finding["status"] for finding in findings}

    web = "addresses of the web interface"
    try:
        assert statuses(site.domain) == dict.fromkeys((web, "MX", "SPF", "DMARC"), "ok")
        # It gets its mail elsewhere, and has no DMARC record.
        assert statuses("plain.test") == {web: "ok", **dict.fromkeys(("MX", "SPF", "DMARC"), "warning")}
    finally:
        host.run(f"rm -f {' '.join(files)}")


@pytest.mark.parametrize("program", ["bridge", "budget"])
def test_a_program_that_stops_leaves_no_metrics(site: Site, program: str):
    host, metrics = site.host, f"/run/listkit-{program}/metrics.prom"
    host.run(f"test -s {metrics} && systemctl stop listkit-{program}")
    try:
        assert host.try_run(f"test -e {metrics}").returncode
    finally:
        host.run(f"systemctl start listkit-{program}")

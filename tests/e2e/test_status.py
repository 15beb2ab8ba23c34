"""The canary, the alerts and the status page on a deployed host, which the other tests' hosts don't have."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator

import pytest

from deployment import ORGANISATION, SITE_OWNER, Deployment
from e2e import exposure, playbook, rest, watching
from e2e.mailing import MailingList
from e2e.watching import PAGES
from e2e.website import WebSite, in_django, wait_for
from infomaniak.service import SUFFIXES
from lab import Host

pytestmark = [pytest.mark.lab, pytest.mark.one_release, pytest.mark.same_site]

VARIABLES = {"canary_interval": 600, "alert_to": "https://alerts.test/hook", "status_page": True}
STARTED_WITHIN_SECONDS = 120
FIRST_CHECK_SECONDS = 200
_ASK_FOR_DETAILS = """
def act(fqdn):
    statuses = []
    for is_superuser in (False, True):
        client = Client(SERVER_NAME=fqdn)
        client.force_login(users.create(username=f"status{is_superuser}", is_superuser=is_superuser))
        statuses.append(client.get("/status/", secure=True).status_code)
    return statuses
"""
RUN_WITH_A_REPLACED_FILE = """
cp /usr/bin/sleep /usr/local/bin/kit-sleep
systemd-run --quiet --collect --property=Type=exec --unit=kit-sleep /usr/local/bin/kit-sleep 600
rm /usr/local/bin/kit-sleep
"""
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
    """A host with a canary that is only sent on request, with alerts and a status page."""
    site = deployment.sites[release]
    canaries = MailingList(deployment, site, "canary")
    deployment.stand_in.add_list_aliases(site.mailbox, "canary")
    site.host.run(f"cp -a {DECLARED} /var/cache/lists.json")
    try:
        playbook.deploy(deployment, release, "--tags", "lists,canary,alert", **VARIABLES)
        watching.pause(site.host)
        yield site.host
    finally:
        watching.stop(site.host)
        site.host.run("systemctl start listkit-bridge")
        canaries.settle()
        if site.host.try_run(f"grep -q {canaries.address} {DECLARED}").returncode == 0:
            canaries.delete()
        site.host.run(f"mv /var/cache/lists.json {DECLARED}")
        watching.remove(site.host)
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


def findings(host: Host) -> dict[tuple[str, str], str]:
    """What the last regular run found: the status by component and check."""
    report = json.loads(host.run("cat /var/lib/listkit/status/report.json"))
    return {(found["component"], found["name"]): found["status"] for found in report["findings"]}


def signature(host: Host, domain: str) -> str:
    """What `listkit check` says of DKIM, when it looks at the DNS of this domain."""
    names = {"domains": [domain], "hosts": [], "reports": f"a@{domain}", "signs": domain, "canary": True}
    try:
        host.write("/etc/listkit/dns.json", json.dumps(names))
        host.write("/etc/listkit/check.d/dns.json", "{}")
        found = json.loads(host.try_run("listkit check --json --only dns").stdout)
    finally:
        host.run("rm -f /etc/listkit/dns.json /etc/listkit/check.d/dns.json")
    return next(f"{finding['status']}: {finding['seen']}" for finding in found if finding["name"] == "DKIM")


def test_the_canary_returns_and_is_found_where_it_waits(host: Host, deployment: Deployment, release: str):
    to_owner = len(deployment.stand_in.received(SITE_OWNER))
    assert "round trip" in host.run("listkit canary now --patience 120")
    assert finding(host)["status"] == "ok"
    domain = deployment.sites[release].domain
    signed = rf"ok: the last canary was signed with \S+\._domainkey\.{re.escape(domain)}, 2048 bits"
    assert re.fullmatch(signed, signature(host, domain))

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
    host.run(f"touch /run/reboot-required; {RUN_WITH_A_REPLACED_FILE}")
    try:
        host.run(run)
        [text] = texts()
        assert "WARNING base, reboot: required since" in text and "→ `systemctl reboot`" in text
        assert "replaced: kit-sleep.service" in text
        seen = findings(host)
        # The unit's sandbox hides nothing from the checks.
        host.run("systemctl start listkit-alert")
        assert texts() == [text]
        assert findings(host) == seen
        assert 'listkit_check_status{component="base",check="reboot"} 1' in host.run("cat /run/listkit-alert/*.prom")
    finally:
        host.run("rm -f /run/reboot-required")
        host.try_run("systemctl stop kit-sleep")  # it may not have started
    host.run(run)
    assert "SOLVED base, reboot: after" in texts()[1]


def test_the_regular_checks_are_confined(host: Host):
    assert exposure.loose(host) == {}


def test_the_status_page_shows_visitors_whether_it_works_and_administrators_why_not(
    host: Host, received: str, website: WebSite
):
    run = "listkit alert run --confirm 0"
    guest, superuser = website.browser(), website.superuser()
    host.run(run)
    # In the sandbox of its unit, too; nothing is new, so nothing is confirmed.
    host.run(f"rm -r {PAGES}/public {PAGES}/details; systemctl start listkit-alert")
    page = guest.get("/status/", **{"Accept-Language": "it-CH,it;q=0.9"})
    assert page.status == 200 and '<html lang="it">' in page.text and ORGANISATION in page.text
    assert page.headers["Content-Security-Policy"] and "Accept-Language" in page.headers["Vary"]
    assert page.loaded == [] and 'class="stale"' not in page.text

    assert guest.get("/mailman3/status/").url.startswith(guest.url("/mailman3/accounts/login/"))
    assert [guest.get(path).status for path in ("/status-details", "/status-pages/details/en.html")] == [404, 404]
    details = superuser.get("/mailman3/status/")
    assert details.status == 200 and "regular checks" in details.text and page.headers["Cache-Control"]
    assert in_django(website, _ASK_FOR_DETAILS, website.site.fqdn) == [403, 200]
    assert host.try_run(f"runuser -u nobody -- cat {PAGES}/details/en.html").returncode

    # The hosts of a split site ask each other.
    findings = rest.call(website.site, "GET", "plugins/listkit/report")["findings"]
    assert "alert" in {finding["component"] for finding in findings}

    host.run(f"sed -i 's/\\^([0-9|]*)/^(0)/' {PAGES}/*/en.html")
    for browser, path in ((guest, "/status/"), (superuser, "/mailman3/status/")):
        assert 'class="stale"' in browser.get(path, **{"Accept-Language": "en"}).text

    host.run("systemctl stop mailman3-web")
    try:
        host.run(run)
        page = guest.get("/status/", **{"Accept-Language": "fr"})
        assert page.status == 200 and "Un service est perturbé" in page.text
        assert "mailman3-web" not in page.text
        page = superuser.get("/mailman3/status/", **{"Accept-Language": "de"})
        assert page.status == 502 and "Die Weboberfläche" in page.text and "sudo listkit check" in page.text
    finally:
        host.run("systemctl start mailman3-web")
        wait_for(
            "application",
            STARTED_WITHIN_SECONDS,
            lambda: superuser.get("/mailman3/status/"),
            lambda page: page.status == 200,
        )
    assert "mailman3-web.service" in superuser.get("/mailman3/status/", **{"Accept-Language": "en"}).text


def test_an_ordinary_deploy_and_a_reboot_send_no_alert(host: Host, received: str, deployment: Deployment, release: str):
    # The timer is due at once.
    stop_the_run = "systemctl stop listkit-alert.service && systemctl reset-failed 'listkit-alert.*'"
    host.run(f"systemctl start listkit-alert.timer && {stop_the_run}")
    host.wait_until("listkit check", "a site without a failure", FIRST_CHECK_SECONDS)
    host.run(f"listkit alert run --confirm 0; : > {received}")
    # As after an update of the kit, all services restart.
    host.run("echo >> /usr/local/lib/listkit/listkit.pyz")
    loop = f"alert-loop-{secrets.token_hex(3)}"
    host.run(f"systemd-run --quiet --unit={loop} sh -c 'while :; do listkit alert run; done'")
    try:
        playbook.deploy(deployment, release, **VARIABLES)
        said = host.run(f"journalctl -q -o cat _SYSTEMD_UNIT={loop}.service")
    finally:
        host.run(f"systemctl stop {loop} listkit-alert.timer; {stop_the_run}")
    # From some task on, an alert had nowhere to go, which the program would say.
    assert host.run(f"cat {received}") == "" and "was not sent" not in said
    assert host.try_run("test -e /run/listkit-deployment").returncode

    host.reboot()
    host.wait_until("listkit check", "the site to work after a boot, before the regular checks", FIRST_CHECK_SECONDS)
    host.run(f"systemctl stop listkit-alert.timer; {stop_the_run}")
    assert host.run("cat /var/lib/listkit/alert/reported.json").strip() == "[]"

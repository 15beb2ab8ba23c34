"""Certificates from a real ACME authority (pebble): the first, its renewal, what goes wrong, other names; and own ones.

A host `acme` joins the lab for a while: the authority, and the DNS of the host under test. The lab's own DNS stays as
it is, and the host gets its certificate back afterwards.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployment import Deployment, Site
from e2e import playbook
from lab import Host
from lab.commands import wait_for
from listkit.certificate.files import Certificate, make_self_signed, parse

pytestmark = pytest.mark.same_site

AUTHORITY = "acme.authority.example"
STAGING = "staging.authority.example"
SECOND = "second.example.org"
THIRD = "third.example.org"
RECORDS = "/etc/dnsmasq.records"
CONFIGURATION = "/etc/listkit/certificate.json"
AUTHORITY_CERTIFICATE = "/etc/listkit/test-authority.pem"
RESOLVER = "/run/listkit-test/resolv.conf"
UNIT = "listkit-certificate.service"
LATER = f"/run/systemd/system/{UNIT}.d/later.conf"
RENEW = "/run/listkit-test/renew.py"
BROKEN = "/etc/nginx/conf.d/broken.conf"
LINEAGE = "/var/lib/listkit/acme/live/listkit"
RELOADED_WITHIN_SECONDS = 120
YEARS = 365 * 86_400
PEBBLE = {
    "pebble": {
        "listenAddress": "0.0.0.0:14000",
        "managementListenAddress": "0.0.0.0:15000",
        "certificate": "/etc/pebble.pem",
        "privateKey": "/etc/pebble.key",
        "httpPort": 80,
        "tlsPort": 443,
        "certificateValidityPeriod": 5 * YEARS,
    }
}


_RENEW = """
import sys, time
sys.path.insert(0, "/usr/local/lib/listkit/listkit.pyz")
now, later = time.time, float(sys.argv[1])
time.time = lambda: now() + later
from listkit.certificate import cli
sys.exit(cli.main(["renew"]))
"""


@dataclass(frozen=True)
class Authority:
    """Pebble, under two names, and a DNS server that knows the names which the tests give it and asks the lab's for all
    others.
    """

    host: Host
    certificate: str

    def lead(self, names: dict[str, str], reachable: bool = True) -> None:
        """Let exactly these names lead to these addresses; `reachable`: the authority has a name, too."""
        names = {**names, **dict.fromkeys((AUTHORITY, STAGING), self.host.address)} if reachable else names
        self.host.write(RECORDS, "".join(f"{address} {name}\n" for name, address in names.items()))
        # dnsmasq looks at its signals before it answers the next question.
        self.host.run("systemctl kill --signal=HUP dnsmasq")


@pytest.fixture(scope="module")
def authority(deployment: Deployment) -> Iterator[Authority]:
    """A running authority."""
    deployment.lab.add({"acme": "kit-trixie"})
    host = deployment.lab.host("acme")
    try:
        yield _start(host, deployment)
    finally:
        host.destroy()


def _start(host: Host, deployment: Deployment) -> Authority:
    host.run(
        "apt-get update -qq &&"
        "DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends pebble dnsmasq"
    )
    pair = make_self_signed([AUTHORITY, STAGING])
    host.write("/etc/pebble.pem", pair.chain.decode())
    host.write("/etc/pebble.key", pair.key.decode(), mode="0600")
    host.write("/etc/pebble.json", json.dumps(PEBBLE))
    ours = "".join(f"local=/{name}/\n" for name in ("example", "example.org", *_names(deployment)))
    others = f"server={deployment.stand_in.service.address}\n"
    host.write("/etc/dnsmasq.d/lab.conf", f"no-resolv\nno-hosts\naddn-hosts={RECORDS}\n{ours}{others}")
    authority = Authority(host, pair.chain.decode())
    host.write(RECORDS, "")
    host.run("systemctl restart dnsmasq")
    authority.lead({})
    environment = "--setenv=PEBBLE_VA_NOSLEEP=1 --setenv=PEBBLE_WFE_NONCEREJECT=0 --setenv=PEBBLE_AUTHZREUSE=0"
    pebble = "/usr/bin/pebble -config /etc/pebble.json -dnsserver 127.0.0.1:53"
    host.run(f"systemd-run --unit=pebble {environment} {pebble}")
    wait_for(lambda: ":14000" in host.run("ss -Htln"), "pebble", seconds=60)
    return authority


def _names(deployment: Deployment) -> list[str]:
    return [site.fqdn for site in deployment.sites.values()]


@dataclass(frozen=True)
class Client:
    """The host under test, which wants certificates."""

    host: Host
    fqdn: str

    def configure(self, *names: str, authority: str = AUTHORITY, **changes: object) -> None:
        """Want a certificate for `names` from the authority."""
        wanted = {
            "mode": "letsencrypt",
            "names": names,
            "email": "admin@example.org",
            "directory": f"https://{authority}:14000/dir",
            "ca_file": AUTHORITY_CERTIFICATE,
            **changes,
        }
        self.host.write(CONFIGURATION, json.dumps(wanted))

    def renew(self, later: float = 0):
        """Run `listkit certificate renew` as it would run in `later` seconds."""
        return self.host.try_run(f"python3 -I - {later}", stdin=_RENEW)

    def fails(self, *reasons: str, later: float = 0) -> None:
        """Run the unit as it would run in `later` seconds: it must be a failed one, whose journal has these reasons."""
        self.host.write(RENEW, _RENEW)
        self.host.write(LATER, f"[Service]\nExecStart=\nExecStart=/usr/bin/python3 -I {RENEW} {later}\n")
        try:
            self.host.run("systemctl daemon-reload")
            assert self.host.try_run(f"systemctl start {UNIT}").returncode != 0
        finally:
            self.host.run(f"rm {LATER} && systemctl daemon-reload")
        assert self.host.try_run(f"systemctl is-failed {UNIT}").stdout.strip() == "failed"
        run = self.host.run(f"systemctl show --property=InvocationID --value {UNIT}").strip()

        def told() -> bool:
            said = self.host.run(f"journalctl --output=cat _SYSTEMD_INVOCATION_ID={run}")
            return all(reason in said for reason in reasons)

        wait_for(told, f"{reasons} in the journal of {UNIT}", seconds=60)

    def serves(self, wanted: Callable[[Certificate], bool] = lambda certificate: True, name: str = "") -> Certificate:
        """Wait until nginx shows who asks for `name` a certificate that is `wanted`, and return it."""
        asked = f"openssl s_client -connect 127.0.0.1:443 -servername {name or self.fqdn}"

        def shown() -> Certificate | None:
            certificate = parse(self.host.run(f"{asked} </dev/null 2>/dev/null | openssl x509").encode())
            return certificate if wanted(certificate) else None

        # While nginx reloads, its old processes still answer.
        return wait_for(shown, f"another certificate from nginx for {name or self.fqdn}", RELOADED_WITHIN_SECONDS)

    def headers(self) -> str:
        """Return the headers of a page."""
        script = textwrap.dedent(
            f"""
            import http.client, ssl
            context = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection("127.0.0.1", context=context)
            connection.request("GET", "/robots.txt", headers={{"Host": "{self.fqdn}"}})
            print(connection.getresponse().headers)
            """
        )
        return self.host.run("python3 -", stdin=script)


@pytest.fixture(scope="module")
def client(deployment: Deployment, release: str, authority: Authority) -> Iterator[Client]:
    """One of the hosts, ready to ask the authority; afterwards it is what it was."""
    site = deployment.sites[release]
    with _borrowed(site), _certbot(site.web), _dns(site.web, authority):
        site.web.write(AUTHORITY_CERTIFICATE, authority.certificate)
        authority.lead({})
        yield Client(site.web, site.fqdn)


@contextmanager
def _borrowed(site: Site) -> Iterator[None]:
    """Put the certificate and its configuration aside."""
    kept, host = "/var/lib/listkit-test", site.web
    host.run(
        f"systemctl stop listkit-certificate.timer && mkdir {kept} &&"
        f"cp -a /var/lib/listkit/certificate {CONFIGURATION} {kept}/"
    )
    yield
    host.run(
        "systemctl stop listkit-certificate.timer &&"
        f"rm -rf /var/lib/listkit/acme {AUTHORITY_CERTIFICATE} /var/lib/listkit/certificate &&"
        f"cp -a {kept}/certificate /var/lib/listkit/ && cp -a {kept}/certificate.json {CONFIGURATION} &&"
        f"rm -r {kept} &&"
        "systemctl reload nginx && systemctl reset-failed 'listkit-certificate*' &&"
        "systemctl start listkit-certificate.timer"
    )


@contextmanager
def _certbot(host: Host) -> Iterator[None]:
    """Install what a host that was deployed with another kind of certificate lacks."""
    installed = "dpkg-query --show --showformat='${Package}\\n'"
    before = host.run(installed).split()
    host.run("DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends certbot")
    yield
    more = set(host.run(installed).split()) - set(before)
    if more:
        host.run(f"DEBIAN_FRONTEND=noninteractive apt-get purge -qq -y {' '.join(sorted(more))}")


@contextmanager
def _dns(host: Host, authority: Authority) -> Iterator[None]:
    """Let this host, and no other of the lab, ask the authority's DNS."""
    host.write(RESOLVER, f"nameserver {authority.host.address}\n")
    host.run(f"mount --bind {RESOLVER} /etc/resolv.conf")
    yield
    host.run("umount /etc/resolv.conf")


class TestTheLifeOfACertificate:
    """Each test goes on where the one before it ended."""

    def test_before_the_name_leads_here_a_temporary_one_stands_in(self, client: Client):
        client.configure(client.fqdn)
        answer = client.renew()
        assert answer.returncode == 0
        assert f"create {client.fqdn}. A {client.host.address}" in answer.stderr
        assert client.serves().self_signed
        assert "Strict-Transport-Security" not in client.headers()

    def test_a_name_that_leads_elsewhere_is_no_reason_to_ask(self, client: Client, authority: Authority):
        authority.lead({client.fqdn: authority.host.address})
        answer = client.renew()
        assert answer.returncode == 0
        assert f"{client.fqdn} leads to {authority.host.address}" in answer.stderr

    def test_the_first_certificate_comes_by_itself(self, client: Client, authority: Authority):
        authority.lead({client.fqdn: client.host.address})
        client.host.run("systemctl start listkit-certificate.service")
        assert client.serves(lambda shown: not shown.self_signed).names == {client.fqdn}
        strict = "Strict-Transport-Security: max-age=63072000"
        wait_for(lambda: strict in client.headers(), strict, RELOADED_WITHIN_SECONDS)

    def test_it_is_left_alone_until_it_is_time(self, client: Client):
        before = client.serves()
        assert client.renew().returncode == 0
        assert client.serves() == before

    def test_a_renewal_that_fails_fails_the_unit_which_says_why(self, client: Client, authority: Authority):
        before = client.serves()
        authority.lead({client.fqdn: client.host.address}, reachable=False)
        refusal = f"the authority at https://{AUTHORITY}:14000/dir issued none: "
        client.fails("the old certificate stays in place", refusal, later=4 * YEARS)
        authority.lead({client.fqdn: client.host.address})
        assert client.serves() == before

    def test_it_is_remembered_without_asking_again(self, client: Client):
        before = client.serves()
        client.fails("(attempts: 1; ", later=4 * YEARS)
        assert client.serves() == before

    def test_it_is_renewed_when_it_is_time(self, client: Client):
        before = client.serves()
        answer = client.renew(later=4 * YEARS + 3600)
        assert (answer.returncode, answer.stderr) == (0, "")
        assert client.serves(lambda shown: shown.fingerprint != before.fingerprint).names == {client.fqdn}

    def test_a_name_more_that_does_not_lead_here_fails_the_unit_which_says_why(self, client: Client):
        before = client.serves()
        client.configure(client.fqdn, SECOND)
        client.fails("the old certificate stays in place", f"create {SECOND}. A {client.host.address}")
        assert client.serves() == before

    def test_it_costs_the_main_name_no_renewal(self, client: Client):
        before = client.serves()
        reason = f"create {SECOND}. A {client.host.address}"
        client.fails("a new certificate is in place", reason, later=4 * YEARS)
        after = client.serves(lambda shown: shown.fingerprint != before.fingerprint)
        assert after.names == {client.fqdn}
        client.fails("the old certificate stays in place", reason)
        assert client.serves() == after

    def test_several_names_share_one_certificate(self, client: Client, authority: Authority):
        authority.lead({client.fqdn: client.host.address, SECOND: client.host.address})
        client.host.run("systemctl start listkit-certificate.service")
        client.serves(lambda shown: shown.names == {client.fqdn, SECOND})

    def test_a_name_that_the_authority_refuses_costs_the_others_nothing(self, client: Client):
        client.configure(client.fqdn, SECOND, THIRD, check_reachable=False)
        before = client.serves()
        client.fails("a new certificate is in place", f"Domain: {THIRD}", later=4 * YEARS)
        after = client.serves(lambda shown: shown.fingerprint != before.fingerprint)
        assert after.names == {client.fqdn, SECOND}
        client.fails("(attempts: 1; ", later=4 * YEARS)
        assert client.serves() == after

    def test_another_authority_is_asked_at_once(self, client: Client):
        for authority in (STAGING, AUTHORITY):
            before = client.serves()
            client.configure(client.fqdn, authority=authority)
            assert client.renew().returncode == 0
            after = client.serves(lambda shown, old=before: shown.fingerprint != old.fingerprint)
            assert client.renew().returncode == 0
            assert client.serves() == after

    @pytest.mark.parametrize("file", ["privkey.pem", "fullchain.pem", "../../renewal/listkit.conf"])
    def test_what_certbot_left_half_written_is_asked_for_anew(self, client: Client, file: str):
        before = client.serves()
        client.host.run(f"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {LINEAGE}/{file}")
        client.host.run("listkit certificate ensure && nginx -t && systemctl reload nginx")
        assert client.serves() == before
        answer = client.renew()
        assert (answer.returncode, answer.stderr) == (0, "")
        client.serves(lambda shown: shown.fingerprint != before.fingerprint)

    def test_a_web_server_that_refuses_is_offered_the_certificate_again(self, client: Client):
        before = client.serves()
        client.host.write(BROKEN, "nonsense;\n")
        try:
            client.fails("nginx rejects its configuration", later=4 * YEARS)
        finally:
            client.host.run(f"rm {BROKEN}")
        assert client.serves() == before
        client.host.run(f"systemctl start {UNIT}")
        client.serves(lambda shown: shown.fingerprint != before.fingerprint)

    def test_another_name_gets_another_certificate(self, client: Client):
        client.configure(SECOND)
        assert client.renew().returncode == 0
        client.configure(THIRD)
        answer = client.renew()
        assert answer.returncode == 1
        assert client.serves(lambda shown: shown.names == {THIRD}, name=THIRD).self_signed


class TestTheDefault:
    """What a run of the playbook does about a certificate when nobody sets `tls_mode`."""

    @pytest.mark.one_release
    def test_a_run_says_which_record_is_missing_and_once_it_is_there_gets_the_certificate(
        self, deployment: Deployment, release: str, authority: Authority, client: Client, tmp_path: Path
    ):
        root = tmp_path / "authority.pem"
        root.write_text(authority.certificate)
        letsencrypt = {
            "tls_mode": "letsencrypt",
            "acme_directory_url": f"https://{AUTHORITY}:14000/dir",
            "acme_ca_file": str(root),
        }
        for records in ({}, {client.fqdn: client.host.address}):
            authority.lead(records)
            output = playbook.deploy(deployment, release, "--tags", "certificate,certificate_renew", **letsencrypt)
            warned = f"{client.fqdn} has no DNS record: create" in output
            assert warned == (not records), output[-4000:]
            assert client.serves(lambda shown, certified=bool(records): shown.self_signed != certified)


class TestYourOwnFiles:
    """What an operator's playbook brings."""

    @pytest.mark.one_release
    def test_a_renewed_one_is_served_after_the_run_that_brings_it(
        self, deployment: Deployment, release: str, client: Client, tmp_path: Path
    ):
        certificate, key = tmp_path / "fullchain.pem", tmp_path / "privkey.pem"
        own = {"tls_mode": "files", "tls_certificate_file": str(certificate), "tls_key_file": str(key)}
        try:
            # The second run is one for the certificate alone.
            for words in ((), ("--tags", "certificate,certificate_renew")):
                pair = make_self_signed([client.fqdn])
                certificate.write_bytes(pair.chain)
                key.write_bytes(pair.key)
                playbook.deploy(deployment, release, *words, tls_email="tls@example.org", **own)
                client.serves(lambda shown, brought=pair.certificate: shown == brought)
            # Of what only an authority gets, this shows that it would get it.
            assert json.loads(client.host.run(f"cat {CONFIGURATION}"))["email"] == "tls@example.org"
        finally:
            client.host.run("rm -f /etc/listkit/tls-certificate.pem /etc/listkit/tls-key.pem")

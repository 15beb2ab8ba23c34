"""Certificates from a real ACME authority (pebble): the first, its renewal, what goes wrong, other names.

A host `acme` joins the lab for a while: the authority, and the DNS of the host under test. The lab's own DNS stays as
it is, and the host gets its certificate back afterwards.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from deployment import Deployment, Site
from lab import Host
from lab.commands import wait_for
from listkit.certificate_files import Certificate, make_self_signed, parse

AUTHORITY = "acme.authority.example"
SECOND = "second.example.org"
THIRD = "third.example.org"
RECORDS = "/etc/dnsmasq.records"
CONFIGURATION = "/etc/listkit/certificate.json"
AUTHORITY_CERTIFICATE = "/etc/listkit/test-authority.pem"
RESOLVER = "/run/listkit-test/resolv.conf"
RELOADED_WITHIN_SECONDS = 30
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


@dataclass(frozen=True)
class Authority:
    """Pebble, and a DNS server that knows the names which the tests give it and asks the lab's for all others."""

    host: Host
    certificate: str

    def lead(self, names: dict[str, str], reachable: bool = True) -> None:
        """Let exactly these names lead to these addresses; `reachable`: the authority has a name, too."""
        names = {**names, AUTHORITY: self.host.address} if reachable else names
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
    pair = make_self_signed([AUTHORITY])
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
    environment = "--setenv=PEBBLE_VA_NOSLEEP=1 --setenv=PEBBLE_WFE_NONCEREJECT=0"
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

    def configure(self, *names: str) -> None:
        """Want a certificate for `names` from the authority."""
        wanted = {
            "mode": "letsencrypt",
            "names": names,
            "email": "admin@example.org",
            "directory": f"https://{AUTHORITY}:14000/dir",
            "ca_file": AUTHORITY_CERTIFICATE,
        }
        self.host.write(CONFIGURATION, json.dumps(wanted))

    def renew(self, later: float = 0):
        """Run `listkit certificate renew` as it would run in `later` seconds."""
        script = textwrap.dedent(
            """
            import sys, time
            sys.path.insert(0, "/usr/local/lib/listkit/listkit.pyz")
            now, later = time.time, float(sys.argv[1])
            time.time = lambda: now() + later
            from listkit import certificate
            sys.exit(certificate.main(["renew"]))
            """
        )
        return self.host.try_run(f"python3 -I - {later}", stdin=script)

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
    with _borrowed(site), _certbot(site.host), _dns(site.host, authority):
        site.host.write(AUTHORITY_CERTIFICATE, authority.certificate)
        authority.lead({})
        yield Client(site.host, site.fqdn)


@contextmanager
def _borrowed(site: Site) -> Iterator[None]:
    """Put the certificate and its configuration aside."""
    kept, host = "/var/lib/listkit-test", site.host
    host.run(
        f"systemctl stop listkit-certificate.timer && mkdir {kept} &&"
        f"cp -a /var/lib/listkit/certificate {CONFIGURATION} {kept}/"
    )
    yield
    host.run(
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
        assert f"leads {client.fqdn} to {authority.host.address}" in answer.stderr

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

    def test_a_renewal_that_fails_leaves_it_and_is_remembered(self, client: Client, authority: Authority):
        before = client.serves()
        authority.lead({client.fqdn: client.host.address}, reachable=False)
        answer = client.renew(later=4 * YEARS)
        authority.lead({client.fqdn: client.host.address})
        assert answer.returncode == 1
        assert "the old certificate stays in place" in answer.stderr
        again = client.renew(later=4 * YEARS)
        assert again.returncode == 1
        assert "asked 1 times" in again.stderr
        assert client.serves() == before

    def test_it_is_renewed_when_it_is_time(self, client: Client):
        before = client.serves()
        answer = client.renew(later=4 * YEARS + 3600)
        assert (answer.returncode, answer.stderr) == (0, "")
        assert client.serves(lambda shown: shown.fingerprint != before.fingerprint).names == {client.fqdn}

    def test_a_name_more_that_does_not_lead_here_fails_the_unit_which_says_why(self, client: Client):
        before = client.serves()
        client.configure(client.fqdn, SECOND)
        assert client.host.try_run("systemctl start listkit-certificate.service").returncode != 0
        assert "failed" in client.host.try_run("systemctl is-failed listkit-certificate.service").stdout
        reason = f"create {SECOND}. A {client.host.address}"
        wait_for(lambda: reason in client.host.journal(unit="listkit-certificate"), reason, seconds=10)
        assert client.serves() == before

    def test_several_names_share_one_certificate(self, client: Client, authority: Authority):
        authority.lead({client.fqdn: client.host.address, SECOND: client.host.address})
        client.host.run("systemctl start listkit-certificate.service")
        client.serves(lambda shown: shown.names == {client.fqdn, SECOND})

    def test_another_name_gets_another_certificate(self, client: Client):
        client.configure(SECOND)
        assert client.renew().returncode == 0
        client.configure(THIRD)
        answer = client.renew()
        assert answer.returncode == 1
        assert client.serves(lambda shown: shown.names == {THIRD}, name=THIRD).self_signed

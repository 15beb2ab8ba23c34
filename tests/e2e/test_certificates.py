"""Certificates from a real ACME authority (pebble): the first, its renewal, what goes wrong, other names.

Needs a deployed host of a lab (see `test_web`). Adds a host `acme` to the lab: the authority, and the lab's DNS.
"""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pytest

from lab import Lab
from lab.commands import wait_for
from listkit.certificate_files import Certificate, make_self_signed, parse

AUTHORITY = "acme.authority.example"
SECOND = "second.example.org"
CONFIGURATION = "/etc/listkit/certificate.json"
YEARS = 365 * 86_400
DNSMASQ = """\
no-resolv
no-hosts
addn-hosts={records}
local=/example/
local=/example.org/
"""
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


@dataclass
class Authority:
    """Pebble and a DNS server on a host of the lab."""

    lab: Lab
    records: ClassVar[str] = "/etc/dnsmasq.records"

    @property
    def host(self):
        """The lab's host."""
        return self.lab.host("acme")

    def start(self) -> None:
        """Answer ACME requests."""
        environment = "--setenv=PEBBLE_VA_NOSLEEP=1 --setenv=PEBBLE_WFE_NONCEREJECT=0"
        self.host.run(f"systemd-run --unit=pebble {environment} /usr/bin/pebble -config /etc/pebble.json")
        wait_for(lambda: "14000" in self.host.run("ss -Htln"), "pebble", seconds=20)

    def lead(self, names: dict[str, str], reachable: bool = True) -> None:
        """Let exactly these names lead to these addresses; `reachable`: the authority has a name, too."""
        names = {**names, AUTHORITY: self.host.address} if reachable else names
        self.host.write(self.records, "".join(f"{address} {name}\n" for name, address in names.items()))
        self.host.run("systemctl kill --signal=HUP dnsmasq")


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
    """A running authority, to which the lab's hosts turn for names too."""
    lab = Lab.load(os.environ["LISTKIT_LAB"])
    lab.add({"acme": "base-trixie"})
    authority = Authority(lab)
    host = authority.host
    host.run(
        "apt-get update -qq &&"
        "DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends pebble dnsmasq"
    )
    pair = make_self_signed([AUTHORITY])
    host.write("/etc/pebble.pem", pair.chain.decode())
    host.write("/etc/pebble.key", pair.key.decode(), mode="0600")
    host.write("/etc/pebble.json", json.dumps(PEBBLE))
    host.write("/etc/dnsmasq.d/lab.conf", DNSMASQ.format(records=authority.records))
    authority.lead({})
    host.run("systemctl restart dnsmasq")
    authority.start()
    lab.resolve_with("acme")
    lab.host(os.environ["LISTKIT_HOST"]).write("/etc/listkit/test-authority.pem", pair.chain.decode())
    yield authority
    lab.resolve_with(None)
    host.run("systemctl stop pebble")


@dataclass
class Site:
    """The deployed host."""

    host: object
    fqdn: str

    def configure(self, *names: str) -> None:
        """Want a certificate for `names` from the authority."""
        wanted = {
            "mode": "letsencrypt",
            "names": names,
            "email": "admin@example.org",
            "directory": f"https://{AUTHORITY}:14000/dir",
            "ca_file": "/etc/listkit/test-authority.pem",
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

    def served(self, name: str) -> Certificate:
        """Return the certificate that nginx shows who asks for `name`."""
        command = f"openssl s_client -connect 127.0.0.1:443 -servername {name} </dev/null 2>/dev/null | openssl x509"
        return parse(self.host.run(command).encode())

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
def site() -> Iterator[Site]:
    """The deployed host; its own configuration comes back afterwards."""
    host = Lab.load(os.environ["LISTKIT_LAB"]).host(os.environ["LISTKIT_HOST"])
    host.run("systemctl stop listkit-certificate.timer")
    before = host.run(f"cat {CONFIGURATION}")
    host.run("rm -rf /var/lib/listkit/acme /var/lib/listkit/certificate/attempts.json")
    # A host that was deployed with another kind of certificate lacks it.
    host.run("DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends certbot")
    yield Site(host, os.environ["LISTKIT_FQDN"])
    host.write(CONFIGURATION, before)
    host.run("rm -rf /var/lib/listkit/acme /etc/listkit/test-authority.pem; listkit certificate renew")
    host.run("systemctl reset-failed 'listkit-certificate*'; systemctl start listkit-certificate.timer")


class TestTheLifeOfACertificate:
    """Each test goes on where the one before it ended."""

    def test_before_the_name_leads_here_a_temporary_one_stands_in(self, site: Site, authority: Authority):
        site.configure(site.fqdn)
        answer = site.renew()
        assert answer.returncode == 0
        assert f"create {site.fqdn}. A {site.host.address}" in answer.stderr
        assert site.served(site.fqdn).self_signed
        assert "Strict-Transport-Security" not in site.headers()

    def test_a_name_that_leads_elsewhere_is_no_reason_to_ask(self, site: Site, authority: Authority):
        authority.lead({site.fqdn: authority.host.address})
        answer = site.renew()
        assert answer.returncode == 0
        assert f"leads {site.fqdn} to {authority.host.address}" in answer.stderr

    def test_the_first_certificate_comes_by_itself(self, site: Site, authority: Authority):
        authority.lead({site.fqdn: site.host.address})
        site.host.run("systemctl start listkit-certificate.service")
        served = site.served(site.fqdn)
        assert not served.self_signed
        assert served.names == {site.fqdn}
        assert "Strict-Transport-Security: max-age=63072000" in site.headers()

    def test_it_is_left_alone_until_it_is_time(self, site: Site):
        before = site.served(site.fqdn)
        assert site.renew().returncode == 0
        assert site.served(site.fqdn) == before

    def test_a_renewal_that_fails_leaves_it_and_is_remembered(self, site: Site, authority: Authority):
        before = site.served(site.fqdn)
        authority.lead({site.fqdn: site.host.address}, reachable=False)
        answer = site.renew(later=4 * YEARS)
        authority.lead({site.fqdn: site.host.address})
        assert answer.returncode == 1
        assert "the old certificate stays in place" in answer.stderr
        again = site.renew(later=4 * YEARS)
        assert again.returncode == 1
        assert "asked 1 times" in again.stderr
        assert site.served(site.fqdn) == before

    def test_it_is_renewed_when_it_is_time(self, site: Site):
        before = site.served(site.fqdn)
        answer = site.renew(later=4 * YEARS + 3600)
        assert (answer.returncode, answer.stderr) == (0, "")
        assert site.served(site.fqdn).fingerprint != before.fingerprint

    def test_a_name_more_that_does_not_lead_here_fails_the_unit_which_says_why(self, site: Site):
        before = site.served(site.fqdn)
        site.configure(site.fqdn, SECOND)
        assert site.host.try_run("systemctl start listkit-certificate.service").returncode != 0
        assert "failed" in site.host.try_run("systemctl is-failed listkit-certificate.service").stdout
        assert f"create {SECOND}. A {site.host.address}" in site.host.journal(unit="listkit-certificate")
        assert site.served(site.fqdn) == before

    def test_several_names_share_one_certificate(self, site: Site, authority: Authority):
        authority.lead({site.fqdn: site.host.address, SECOND: site.host.address})
        site.host.run("systemctl start listkit-certificate.service")
        assert site.served(site.fqdn).names == {site.fqdn, SECOND}

    def test_another_name_gets_another_certificate(self, site: Site):
        site.configure(SECOND)
        assert site.renew().returncode == 0
        site.configure("third.example.org")
        answer = site.renew()
        assert answer.returncode == 1
        assert site.served("third.example.org").names == {"third.example.org"}
        assert site.served("third.example.org").self_signed

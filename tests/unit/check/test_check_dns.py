"""The DNS as the host sees it: a name server on this machine, and a canary that has returned."""

from __future__ import annotations

import base64
import json
import time

import pytest
from check_stand_ins import all_of, the
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infomaniak_api.name_server import NameServer
from listkit.canary import record
from listkit.canary.trip import LEGS, RoundTrip
from listkit.check import runner, settings
from listkit.check.components import dns
from listkit.check.finding import Finding, Status
from listkit.common import configuration

SETTINGS = {
    "domains": ["example.org", "news.example.org"],
    "hosts": ["lists.example.org"],
    "addresses": ["192.0.2.1"],
    "reports": "admin@example.org",
    "zone": None,
    "signs": "example.org",
    "canary": True,
    "selector": None,
}
SPF = "v=spf1 include:spf.infomaniak.ch -all"
KEY = "20251103._domainkey.example.org"
HEALTHY = {
    ("spf.infomaniak.ch", "TXT"): ["v=spf1 ip4:192.0.2.0/24 -all"],
    **{(domain, "MX"): ["5 mta-gw.infomaniak.ch"] for domain in SETTINGS["domains"]},
    **{(domain, "TXT"): [SPF] for domain in SETTINGS["domains"]},
    ("_dmarc.example.org", "TXT"): ["v=DMARC1; p=none; rua=mailto:admin@example.org"],
    ("lists.example.org", "A"): ["192.0.2.1"],
}
MOST_SECONDS = 5


def public_key(bits: int) -> str:
    """A TXT record with a key of this length."""
    key = (
        rsa.generate_private_key(65537, bits).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    return f"v=DKIM1; k=rsa; p={base64.b64encode(key).decode()}"


@pytest.fixture
def server():
    """A name server with healthy domains, one of which inherits its DMARC record."""
    with NameServer(dict(HEALTHY)) as started:
        yield started


@pytest.fixture
def check(server, tmp_path):
    """Check the records as the role's settings say: `check(keys=[…], zone="example.org")`."""

    def run(keys: list[str] | None = None, **changes: object) -> list[Finding]:
        raw = {**SETTINGS, "name_servers": ["{}:{}".format(*server.address)], **changes}
        names = configuration.read(raw, dns.read, "FILE")
        if keys is not None:
            trip = RoundTrip("<1@x>", 1.0, dict.fromkeys(LEGS, 1.0), keys=keys)
            record.save(trip, tmp_path / "last.json", tmp_path / "metrics.prom")
        return all_of(dns.check_records(names, tmp_path / "last.json"))

    return run


def named(findings: list[Finding], name: str) -> Finding:
    return the([finding for finding in findings if finding.name == name])


def test_healthy_records_are_ok_and_a_signature_that_is_not_known_is_not_ok(check):
    found = check()
    assert {(one.name, one.status) for one in found} == {
        (name, Status.OK) for name in ("addresses of the web interface", "MX", "SPF", "DMARC")
    }
    assert named(found, "SPF").seen == "right for example.org, news.example.org"


@pytest.mark.parametrize(
    ("records", "name", "seen", "remedy"),
    [
        (
            {("lists.example.org", "A"): []},
            "addresses of the web interface",
            "lists.example.org: the A record for 192.0.2.1 is missing",
            "At the DNS provider: `lists.example.org. 3600 IN A 192.0.2.1`; then `listkit check --only dns`",
        ),
        ({("example.org", "MX"): ["10 mx.example.net"]}, "MX", "goes to mx.example.net", "make it the only MX record"),
        ({("news.example.org", "TXT"): []}, "SPF", "news.example.org: the domain has no SPF", f'TXT "{SPF}"`'),
        (
            {("example.org", "TXT"): ["v=spf1 a ~all"]},
            "SPF",
            "doesn't include spf.infomaniak.ch",
            '`example.org. 3600 IN TXT "v=spf1 a include:spf.infomaniak.ch ~all"`',
        ),
        ({("_dmarc.example.org", "TXT"): ["v=DMARC1; p=maybe"]}, "DMARC", "p=maybe is not valid", "correct the record"),
    ],
)
def test_a_wrong_record_is_a_warning_with_the_right_one(check, server, records, name, seen, remedy):
    server.records |= records
    found = check()
    warning = named(found, name)
    assert warning.status is Status.WARNING and seen in warning.seen and remedy in warning.remedy
    assert {one.status for one in found if one.name != name} == {Status.OK}


def test_what_the_playbook_changes_in_the_zone_is_left_to_it(check, server):
    server.records |= {("news.example.org", "TXT"): []}
    assert "`ansible-playbook playbook.yml --tags dns`" in named(check(zone="example.org"), "SPF").remedy
    assert "At the DNS provider" in named(check(zone="example.net"), "SPF").remedy


class TestNoAnswer:
    def test_a_silent_name_server_is_one_finding_within_five_seconds(self, check, server):
        server.silent = True
        began = time.monotonic()
        unknown = the(check(keys=[KEY]))
        assert time.monotonic() - began < MOST_SECONDS
        assert (unknown.name, unknown.status) == ("name servers", Status.UNKNOWN)
        assert "it could not be checked: no answer about" in unknown.seen and "/etc/resolv.conf" in unknown.remedy

    def test_a_host_without_name_servers(self, check, monkeypatch, tmp_path):
        monkeypatch.setattr(dns, "RESOLV_CONF", tmp_path / "resolv.conf")
        unknown = the(check(name_servers=[]))
        assert unknown.status is Status.UNKNOWN and "can't be read" in unknown.seen

    def test_what_is_not_known_of_one_domain_is_not_ok(self, check, server):
        server.failing = {"news.example.org"}
        found = check()
        assert {(one.name, one.status) for one in found} == {
            ("addresses of the web interface", Status.OK),
            ("name servers", Status.UNKNOWN),
        }


class TestSignature:
    def test_the_key_of_the_last_canary_is_looked_up(self, check, server):
        server.records |= {(KEY, "TXT"): [public_key(2048)]}
        found = named(check(keys=["mail._domainkey.example.net", KEY]), "DKIM")
        assert (found.status, found.seen) == (Status.OK, f"the last canary was signed with {KEY}, 2048 bits")

    def test_a_list_below_the_signing_domain_is_aligned(self, check, server):
        server.records |= {(KEY, "TXT"): [public_key(2048)]}
        assert named(check(keys=[KEY], signs="news.example.org"), "DKIM").status is Status.OK

    @pytest.mark.parametrize(
        ("keys", "records", "seen", "remedy"),
        [
            ([], [], "the last canary was not signed", "Global security > DKIM"),
            (["mail._domainkey.example.net"], [], "another domain's name, with mail._domainkey.example.net", "DKIM"),
            (["mail._domainkey.ample.org"], [], "another domain's name", "DKIM"),
            ([KEY], [], f"signed with {KEY}, which has no key", "add the record that the Manager shows"),
            (
                [KEY],
                ["v=DKIM1; p="],
                f"signed with {KEY}, which has no valid key",
                "add the record that the Manager shows",
            ),
            ([KEY], [1024], f"signed with {KEY}, which has 1024 bits", "Infomaniak's support"),
        ],
    )
    def test_a_faulty_one_is_a_warning(self, check, server, keys, records, seen, remedy):
        server.records |= {(KEY, "TXT"): [public_key(one) if isinstance(one, int) else one for one in records]}
        warning = named(check(keys=keys), "DKIM")
        assert warning.status is Status.WARNING and seen in warning.seen and remedy in warning.remedy
        assert "`listkit canary now`" in warning.remedy

    @pytest.mark.parametrize("canary", [False, True])
    def test_without_a_canary_or_before_it_has_returned_nothing_is_said(self, check, canary, tmp_path):
        assert "DKIM" not in {one.name for one in check(canary=canary)}
        record.save(RoundTrip("<1@x>", 1.0, failure="not back"), tmp_path / "last.json", tmp_path / "metrics.prom")
        assert "DKIM" not in {one.name for one in check(canary=canary)}

    def test_until_a_canary_returns_the_selector_of_the_probe_is_looked_up(self, check, server):
        gone = named(check(selector="20251103"), "DKIM")
        assert gone.status is Status.WARNING and f"the probe's message was signed with {KEY}, which has no" in gone.seen
        assert "`ansible-playbook playbooks/probe.yml`" in gone.remedy
        server.records |= {(KEY, "TXT"): [public_key(2048)]}
        assert named(check(selector="20251103"), "DKIM").status is Status.OK
        # One that was switched off has left its record.
        assert named(check(keys=[], canary=False, selector="20251103"), "DKIM").status is Status.OK

    def test_a_canary_is_newer_than_the_probe(self, check, server):
        server.records |= {(KEY, "TXT"): [public_key(2048)]}
        assert "not signed" in named(check(keys=[], selector="20251103"), "DKIM").seen


def test_the_regular_checks_ask_once_an_hour_and_a_person_asks_each_time(server, tmp_path, monkeypatch):
    monkeypatch.setattr(runner.reuse, "PATH", tmp_path / "looks.json")
    monkeypatch.setattr(dns, "CONFIGURATION", tmp_path / "dns.json")
    raw = {**SETTINGS, "name_servers": ["{}:{}".format(*server.address)], "canary": False}
    dns.CONFIGURATION.write_text(json.dumps(raw))
    checks = configuration.read({}, lambda table: dns.checks(settings.read(table, settings.Host())), "FILE")
    component = runner.Component("dns", checks)

    def questions(run) -> int:
        before = len(server.asked)
        assert {finding.status for _, finding in run([component])} == {Status.OK}
        return len(server.asked) - before

    assert questions(runner.run_regularly) > 5
    assert questions(runner.run_regularly) == 0
    assert questions(runner.run) > 5

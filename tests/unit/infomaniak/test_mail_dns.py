"""The module mail_dns_info, with answers of a name server on this machine."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.listkit.infomaniak.plugins.module_utils import dmarc, spf
from ansible_collections.listkit.infomaniak.plugins.module_utils.resolver import DnsError, Resolver
from ansible_collections.listkit.infomaniak.plugins.modules import dns_record, mail_dns_info
from dns import rcode

from infomaniak_api.name_server import NameServer

APEX, HOST, DMARC = "example.org", "lists.example.org", "_dmarc.example.org"
RIGHT_SPF = "v=spf1 include:spf.infomaniak.ch -all"
RIGHT_DMARC = "v=DMARC1; p=none; rua=mailto:admin@example.org"
PROVIDER = {
    ("spf.infomaniak.ch", "TXT"): [
        "v=spf1 include:spf1.infomaniak.ch include:spf2.infomaniak.ch include:spf3.infomaniak.ch -all"
    ],
    ("spf1.infomaniak.ch", "TXT"): ["v=spf1 ip4:192.0.2.0/25 -all"],
    ("spf2.infomaniak.ch", "TXT"): ["v=spf1 ip4:192.0.2.128/25 -all"],
    ("spf3.infomaniak.ch", "TXT"): ["v=spf1 ip6:2001:db8::/32 -all"],
}
HEALTHY = {
    (APEX, "MX"): ["5 mta-gw.infomaniak.ch"],
    (APEX, "TXT"): ["google-site-verification=x", RIGHT_SPF],
    (DMARC, "TXT"): [RIGHT_DMARC],
    (HOST, "A"): ["198.51.100.1"],
    (HOST, "AAAA"): ["2001:db8::1"],
}
ADDRESSES = ["198.51.100.1", "2001:db8::1"]


@pytest.fixture
def server():
    """A name server with a healthy domain."""
    with NameServer({**PROVIDER, **HEALTHY}) as started:
        yield started


@pytest.fixture
def check(server, monkeypatch, capsys):
    """Run the module on the healthy domain's names: `check(addresses=[…])`."""

    def run(**options) -> dict:
        usual = {"domains": [APEX], "hosts": [HOST], "addresses": ADDRESSES, "reports": "admin@example.org"}
        options = {**usual, "name_servers": ["{}:{}".format(*server.address)], **options}
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", None)
        with patch_module_args(options), pytest.raises(SystemExit):
            mail_dns_info.main()
        return json.loads(capsys.readouterr().out)

    return run


def test_a_healthy_domain_has_no_problems(check):
    found = check()
    assert (found["problems"], found["records"], found["lines"], found["changed"]) == ([], [], [], False)


A_LOT = [f"include:{name}.example.net" for name in "abcdefg"]
MANY = {(f"{name}.example.net", "TXT"): ["v=spf1 ip4:203.0.113.1 ?all"] for name in "abcdefg"}
SENDERS = [f"ip4:203.0.113.{number}" for number in range(10, 24)]

# Records instead of the healthy ones, words of the problem or the fix, and the lines to paste.
BROKEN = {
    "no address": (
        {(HOST, "A"): [], (HOST, "AAAA"): []},
        "The A record for 198.51.100.1 is missing",
        [f"{HOST}. 3600 IN A 198.51.100.1", f"{HOST}. 3600 IN AAAA 2001:db8::1"],
    ),
    "no IPv6 address": (
        {(HOST, "AAAA"): []},
        "The AAAA record for 2001:db8::1 is missing",
        [f"{HOST}. 3600 IN AAAA 2001:db8::1"],
    ),
    "another address": (
        {(HOST, "A"): ["198.51.100.9"]},
        "The name leads to 198.51.100.9, and the web interface is at",
        [f"{HOST}. 3600 IN A 198.51.100.1"],
    ),
    "an address too many": ({(HOST, "A"): ["198.51.100.1", "198.51.100.9"]}, "The name leads to 198.51.100.9", []),
    "an alias to another host": (
        {(HOST, "A"): [], (HOST, "CNAME"): ["web.example.net"], ("web.example.net", "A"): ["203.0.113.7"]},
        "leads to 203.0.113.7",
        None,
    ),
    "no MX": ({(APEX, "MX"): []}, "has no MX record", [f"{APEX}. 3600 IN MX 5 mta-gw.infomaniak.ch"]),
    "another MX": ({(APEX, "MX"): ["10 mx.example.net"]}, "goes to mx.example.net, and not only to Infomaniak", []),
    "a second MX": ({(APEX, "MX"): ["5 mta-gw.infomaniak.ch", "10 mx.example.net"]}, "only MX record: 5 mta-gw", []),
    "no SPF": ({(APEX, "TXT"): []}, "has no SPF record", [f'{APEX}. 3600 IN TXT "{RIGHT_SPF}"']),
    "SPF of another provider": (
        {(APEX, "TXT"): ["v=spf1 a mx ~all"]},
        "doesn't include spf.infomaniak.ch",
        [f'{APEX}. 3600 IN TXT "v=spf1 a mx include:spf.infomaniak.ch ~all"'],
    ),
    "SPF without all": (
        {(APEX, "TXT"): ["v=spf1 mx"]},
        "doesn't include spf.infomaniak.ch",
        [f'{APEX}. 3600 IN TXT "v=spf1 mx include:spf.infomaniak.ch"'],
    ),
    "SPF with a redirect": (
        {(APEX, "TXT"): ["v=spf1 redirect=a.example.net"], **MANY},
        "doesn't include spf.infomaniak.ch",
        [f'{APEX}. 3600 IN TXT "v=spf1 include:spf.infomaniak.ch redirect=a.example.net"'],
    ),
    "the include behind all": (
        {(APEX, "TXT"): ["v=spf1 -all include:spf.infomaniak.ch"]},
        "doesn't include",
        [f'{APEX}. 3600 IN TXT "{RIGHT_SPF}"'],
    ),
    "two SPF records": (
        {(APEX, "TXT"): ["v=spf1 mx ?all", "v=spf1 include:spf.infomaniak.ch -all"]},
        "has 2 SPF records",
        [f'{APEX}. 3600 IN TXT "v=spf1 include:spf.infomaniak.ch mx ?all"'],
    ),
    "SPF in quotes": ({(APEX, "TXT"): [f'"{RIGHT_SPF}"']}, "a record begins with v=spf1 and a space", []),
    "SPF with a semicolon": (
        {(APEX, "TXT"): ["v=spf1; include:spf.infomaniak.ch -all"]},
        "don't read 'v=spf1; inc",
        [],
    ),
    "SPF without version": ({(APEX, "TXT"): ["spf1 include:spf.infomaniak.ch -all"]}, "don't read 'spf1 include", []),
    "SPF with +all": ({(APEX, "TXT"): ["v=spf1 include:spf.infomaniak.ch +all"]}, "lets everybody send", []),
    "a misspelt mechanism": (
        {(APEX, "TXT"): ["v=spf1 includes:spf.infomaniak.ch include:spf.infomaniak.ch -all"]},
        "'includes:spf.infomaniak.ch' is not valid SPF in the record of example.org",
        [],
    ),
    "an include without value": (
        {(APEX, "TXT"): ["v=spf1 include: include:spf.infomaniak.ch -all"]},
        "'include:' lacks a value",
        [],
    ),
    "an address as ip": (
        {(APEX, "TXT"): ["v=spf1 ip:192.0.2.1 include:spf.infomaniak.ch -all"]},
        "'ip:192.0.2.1' is",
        [],
    ),
    "an impossible address": (
        {(APEX, "TXT"): ["v=spf1 ip4:192.0.2.300 include:spf.infomaniak.ch -all"]},
        "'ip4:192.0.2.300' has no valid IPv4 address or network",
        [],
    ),
    "an include of nothing": (
        {(APEX, "TXT"): ["v=spf1 include:gone.example.net include:spf.infomaniak.ch -all"]},
        "gone.example.net, which it includes, has no SPF record",
        [],
    ),
    "an include of two": (
        {
            (APEX, "TXT"): ["v=spf1 include:two.example.net include:spf.infomaniak.ch -all"],
            ("two.example.net", "TXT"): ["v=spf1 -all", "v=spf1 ?all"],
        },
        "which it includes, has 2 SPF record",
        [],
    ),
    "a loop": (
        {
            (APEX, "TXT"): ["v=spf1 include:loop.example.net include:spf.infomaniak.ch -all"],
            ("loop.example.net", "TXT"): ["v=spf1 include:example.org -all"],
        },
        "example.org includes loop.example.net includes example.org, without end",
        [],
    ),
    "too many lookups": (
        {(APEX, "TXT"): [f"v=spf1 {' '.join(A_LOT)} include:spf.infomaniak.ch -all"], **MANY},
        "receivers need 11 DNS lookups, and stop at 10",
        [],
    ),
    "no room for the include": (
        {(APEX, "TXT"): [f"v=spf1 {' '.join(A_LOT)} ~all"], **MANY},
        "Add include:spf.infomaniak.ch to it by hand; with it, receivers need 11 DNS lookups",
        [],
    ),
    "an SPF record that becomes too long": (
        {(APEX, "TXT"): [f"v=spf1 {' '.join(SENDERS)} -all"]},
        "by hand, in parts of at most 255 characters",
        [],
    ),
    "no DMARC": ({(DMARC, "TXT"): []}, "has no DMARC record", [f'{DMARC}. 3600 IN TXT "{RIGHT_DMARC}"']),
    "two DMARC records": ({(DMARC, "TXT"): [RIGHT_DMARC, "v=DMARC1; p=reject"]}, "has 2 DMARC records", []),
    "DMARC in small letters": ({(DMARC, "TXT"): ["v=dmarc1; p=none"]}, "don't read 'v=dmarc1; p=none' as DMARC", []),
    "an unknown policy": ({(DMARC, "TXT"): ["v=DMARC1; p=block"]}, "p=block is not valid; use none, quarantine", []),
    "reports without mailto": (
        {(DMARC, "TXT"): ["v=DMARC1; p=none; rua=admin@example.org"]},
        "rua: 'admin@example.org' must begin with mailto:",
        [],
    ),
    "no policy": ({(DMARC, "TXT"): ["v=DMARC1; adkim=s"]}, "it lacks p, such as p=none", []),
    "an unknown alignment": (
        {(DMARC, "TXT"): ["v=DMARC1; p=none; aspf=strict"]},
        "aspf=strict is not valid; use r, s",
        [],
    ),
    "a tag of the former standard": ({(DMARC, "TXT"): ["v=DMARC1; p=none; pct=50"]}, "RFC 9989 has removed, pct:", []),
    "a tag without value": ({(DMARC, "TXT"): ["v=DMARC1; p=none; rua"]}, "'rua' lacks =", []),
}


@pytest.mark.parametrize(("records", "words", "lines"), BROKEN.values(), ids=BROKEN)
def test_each_problem_is_named_with_its_fix(check, server, records, words, lines):
    server.records |= records
    found = check()
    problems = found["problems"]
    assert [problem for problem in problems if words in f"{problem['problem']} {problem['fix']}"], problems
    assert len(problems) == 1 or words.startswith("The A record") or lines is None, problems
    assert lines is None or found["lines"] == lines


def test_what_is_proposed_is_right(check, server):
    """Apply every proposal; then nothing is wrong."""
    for records, _words, lines in BROKEN.values():
        server.records = {**PROVIDER, **HEALTHY, **records}
        if not lines:
            continue
        for record in check()["records"]:
            key = (record["source"], record["type"])
            kept = [target for target in server.records[key] if target not in record["replaces"]]
            server.records[key] = [*kept, record["target"]]
        assert check()["problems"] == [], lines


def test_addresses_are_compared_only_in_the_families_that_are_known(check, server):
    assert check(addresses=["198.51.100.1"])["problems"] == []
    assert check(addresses=[])["problems"] == []
    server.records |= {(HOST, "A"): [], (HOST, "AAAA"): []}
    (problem,) = check(addresses=[])["problems"]
    assert problem["problem"].startswith("The name has no address") and problem["records"] == []


@pytest.mark.parametrize(
    ("parent", "problems"), [("v=DMARC1; p=reject; sp=none", 0), ("v=DMARC1; p=none; psd=y", 1), ("something", 1)]
)
def test_a_parents_dmarc_record_holds_for_a_subdomain(check, server, parent, problems):
    server.records |= {
        ("sub.example.org", "MX"): ["5 mta-gw.infomaniak.ch"],
        ("sub.example.org", "TXT"): [RIGHT_SPF],
        (DMARC, "TXT"): [parent],
    }
    assert len(check(domains=["sub.example.org"])["problems"]) == problems


def test_the_walk_up_the_tree_is_short():
    asked = []
    deep = ".".join(["a"] * 30 + ["example", "org"])
    assert dmarc.inherited_from(deep, lambda name: asked.append(name) or []) is None
    assert len(asked) == 7 and asked[-1] == "_dmarc.org"


def test_the_includes_of_the_provider_cost_four_lookups(server):
    resolver = Resolver([server.address])
    found = spf.evaluate(APEX, RIGHT_SPF, lambda name: resolver.lookup(name, "TXT"))
    assert (found.lookups, found.errors, found.passes_all) == (4, [], False)


@pytest.mark.parametrize(("silent", "answer"), [(True, "timed out"), (False, "SERVFAIL")])
def test_a_dns_that_does_not_answer_is_one_problem(server, check, monkeypatch, silent, answer):
    monkeypatch.setattr(Resolver.__init__, "__defaults__", (0.05, 2))
    server.silent, server.rcode = silent, rcode.SERVFAIL
    (problem,) = check()["problems"]
    assert problem["subject"] == "DNS" and answer in problem["problem"] and HOST in problem["problem"]
    assert "resolv.conf" in problem["fix"]


def test_a_long_answer_is_asked_for_by_tcp(server):
    texts = [f"{number}{'x' * 300}" for number in range(8)]
    server.records[APEX, "TXT"] = texts
    assert sorted(Resolver([server.address]).lookup(APEX, "TXT")) == texts
    assert server.asked == [f"udp {APEX} TXT", f"tcp {APEX} TXT"]


def test_aliases_are_followed_and_answers_remembered(server):
    server.records |= {("www.example.org", "CNAME"): [HOST]}
    resolver = Resolver([server.address])
    assert resolver.lookup("WWW.example.org.", "A") == resolver.lookup("www.example.org", "A") == ["198.51.100.1"]
    assert len(server.asked) == 1


def test_the_second_name_server_is_asked_when_the_first_is_silent(server):
    with NameServer() as silent:
        silent.silent = True
        assert Resolver([silent.address, server.address], timeout=0.1).lookup(HOST, "A") == ["198.51.100.1"]


@pytest.mark.parametrize(
    ("text", "error"), [(None, "can't be read: No such file"), ("search example.org\n", "names no name server")]
)
def test_a_system_without_name_servers(tmp_path, text, error):
    if text is not None:
        (tmp_path / "resolv.conf").write_text(text)
    with pytest.raises(DnsError, match=error):
        Resolver.of_system(tmp_path / "resolv.conf")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"addresses": ["lists.example.org"]}, "addresses: 'lists.example.org' isn't an IP address, such as 192.0.2.1"),
        ({"name_servers": ["dns.example.org"]}, "name_servers: 'dns.example.org' isn't an IP address"),
        ({"reports": "admin"}, "reports: 'admin' isn't a full address, such as ana@example.org"),
    ],
)
def test_wrong_options(check, server, options, message):
    assert message in check(**options)["msg"] and server.asked == []


def zone_records(records: dict) -> list[dict]:
    """Return records as dns_record_info answers them."""
    return [
        {"source": name.removesuffix(APEX).rstrip(".") or ".", "type": kind, "target": target, "ttl": 300}
        for (name, kind), targets in records.items()
        for target in targets
    ]


def test_the_zones_own_records_hold_before_the_public_dns_has_them(check, server):
    server.records |= {(APEX, "TXT"): ["v=spf1 mx ~all"]}
    found = check(zone=APEX, zone_records=zone_records(HEALTHY))
    assert found["records"] == []
    (problem,) = found["problems"]
    assert problem["name"] == APEX and "doesn't have the records of the zone yet" in problem["problem"]


def test_names_that_the_zone_delegates_are_asked_of_the_public_dns(check, server):
    zone = {key: targets for key, targets in HEALTHY.items() if key[0] != HOST} | {(HOST, "NS"): ["ns.example.net"]}
    assert check(zone=APEX, zone_records=zone_records(zone))["problems"] == []


def test_the_proposals_are_carried_out_through_the_api(check, server, run, api):
    """A second SPF record is never made: the one that is there is changed."""
    zone = api.account.zones[APEX]
    zone.records = {
        1: {"id": 1, "source": ".", "type": "TXT", "target": '"v=spf1 mx ~all"', "ttl": 300},
        2: {"id": 2, "source": ".", "type": "TXT", "target": '"google-site-verification=x"', "ttl": 300},
    }
    server.records |= {(APEX, "TXT"): ["v=spf1 mx ~all"], (DMARC, "TXT"): [], (HOST, "AAAA"): []}
    records = check()["records"]
    assert run(dns_record, check=True, zone=APEX, records=records)["changed"] and len(zone.records) == 2
    result = run(dns_record, zone=APEX, records=records)
    assert zone.records[1]["target"] == '"v=spf1 mx include:spf.infomaniak.ch ~all"'
    assert sorted((record["source"], record["type"]) for record in zone.records.values()) == [
        (".", "TXT"), (".", "TXT"), ("_dmarc", "TXT"), ("lists", "AAAA"),
    ]  # fmt: skip
    assert result["changed"] and not run(dns_record, zone=APEX, records=records)["changed"]
    assert not [request for request in api.requests if request.startswith("DELETE")]

"""The modules dns_record and dns_record_info."""

from __future__ import annotations

import pytest
from ansible_collections.listkit.infomaniak.plugins.module_utils import records
from ansible_collections.listkit.infomaniak.plugins.modules import dns_record, dns_record_info
from module_run import Failed

SPF = "v=spf1 include:spf.infomaniak.ch -all"
WANTED = [
    {"source": "lists", "type": "A", "target": "192.0.2.1"},
    {"source": "lists", "type": "AAAA", "target": "2001:db8::1"},
    {"type": "TXT", "target": SPF},
    {"source": "_dmarc", "type": "TXT", "target": "v=DMARC1; p=none"},
]


class ZoneKeeper:
    """The zone at the provider."""

    def __init__(self, zone):
        self.zone = zone

    def add(self, source, kind, target, ttl=3600):
        """Add a record without asking the API."""
        number = len(self.zone.records) + 1
        self.zone.records[number] = {
            "id": number, "source": source, "type": kind, "target": target, "ttl": ttl, "updated_at": 1
        }  # fmt: skip

    def lines(self):
        """Return the records as lines, in order."""
        found = self.zone.records.values()
        return sorted(f"{record['source']} {record['type']} {record['target']}" for record in found)


@pytest.fixture
def zone(api):
    return ZoneKeeper(api.account.zones["example.org"])


def test_new_records_and_a_second_run(run, zone):
    result = run(dns_record, zone="example.org", records=WANTED)
    assert zone.lines() == sorted(
        ["lists A 192.0.2.1", "lists AAAA 2001:db8::1", f'. TXT "{SPF}"', '_dmarc TXT "v=DMARC1; p=none"']
    )
    assert result["changed"] and result["requests"] == 6
    assert {"source": ".", "type": "TXT", "target": SPF, "ttl": 3600} in result["records"]
    again = run(dns_record, zone="example.org", records=WANTED)
    assert not again["changed"] and again["requests"] == 1


def test_others_stay(run, zone):
    zone.add("lists", "A", "192.0.2.9")
    zone.add(".", "TXT", '"google-site-verification=abc"')
    run(dns_record, zone="example.org", records=WANTED)
    assert {"lists A 192.0.2.9", '. TXT "google-site-verification=abc"'} < set(zone.lines())


def test_exclusive_changes_the_one_there_and_removes_others_of_its_name_and_type(run, zone, api):
    zone.add("lists", "A", "192.0.2.8")
    zone.add("lists", "A", "192.0.2.9")
    zone.add("www", "A", "192.0.2.9")
    zone.add("lists", "TXT", '"text"')
    result = run(dns_record, zone="example.org", records=WANTED[:1], exclusive=True)
    assert zone.lines() == ["lists A 192.0.2.1", 'lists TXT "text"', "www A 192.0.2.9"]
    assert [request for request in api.requests if not request.startswith("GET")] == [
        "DELETE /2/zones/example.org/records/2",
        "PUT /2/zones/example.org/records/1",
    ]
    assert "lists 3600 A 192.0.2.8" in result["diff"]["before"]


def test_exclusive_changes_each_old_one_once(run, zone):
    zone.add("lists", "A", "192.0.2.9")
    both = [WANTED[0], {**WANTED[0], "target": "192.0.2.2"}]
    run(dns_record, zone="example.org", records=both, exclusive=True)
    assert zone.lines() == ["lists A 192.0.2.1", "lists A 192.0.2.2"]


def test_exclusive_with_several_of_one_set(run, zone):
    zone.add("lists", "A", "192.0.2.2")
    zone.add("lists", "A", "192.0.2.9")
    both = [WANTED[0], {**WANTED[0], "target": "192.0.2.2"}]
    run(dns_record, zone="example.org", records=both, exclusive=True)
    assert zone.lines() == ["lists A 192.0.2.1", "lists A 192.0.2.2"]


def test_what_is_there_twice_stays_twice(run, zone):
    zone.add("lists", "MX", "5 mx.example.net")
    zone.add("lists", "MX", "5 MX.example.net.")
    run(dns_record, zone="example.org", records=WANTED)
    assert [line for line in zone.lines() if " MX " in line] == [
        "lists MX 5 MX.example.net.",
        "lists MX 5 mx.example.net",
    ]


def test_a_cname_makes_room_first(run, zone):
    zone.add("lists", "CNAME", "old.example.net")
    declared = [{"source": "lists", "type": "CNAME", "target": "new.example.net."}]
    run(dns_record, zone="example.org", records=declared, exclusive=True)
    assert zone.lines() == ["lists CNAME new.example.net"]
    with pytest.raises(Failed, match="a CNAME must be the only record of its name"):
        run(dns_record, zone="example.org", records=WANTED[:1])


def test_the_time_to_live(run, zone):
    zone.add("lists", "A", "192.0.2.1", ttl=300)
    assert run(dns_record, zone="example.org", records=WANTED[:1])["changed"]
    assert zone.zone.records[1]["ttl"] == 3600


def test_absent(run, zone):
    zone.add("lists", "A", "192.0.2.1")
    zone.add("lists", "A", "192.0.2.9")
    run(dns_record, zone="example.org", records=WANTED, state="absent")
    assert zone.lines() == ["lists A 192.0.2.9"]
    assert not run(dns_record, zone="example.org", records=WANTED, state="absent")["changed"]


def test_a_removal_whose_answer_was_lost(run, zone, api):
    zone.add("lists", "A", "192.0.2.1")
    api.switches.lost_answers = 1
    assert run(dns_record, zone="example.org", records=WANTED[:1], state="absent")["changed"]


def test_an_addition_whose_answer_was_lost(run, zone, api):
    api.switches.lost_answers = 1
    assert run(dns_record, zone="example.org", records=WANTED[:1])["changed"]
    assert zone.lines() == ["lists A 192.0.2.1"]


@pytest.mark.parametrize(
    ("kept", "declared"),
    [
        ((".", "TXT", f'"{SPF}"'), {"source": "@", "type": "TXT", "target": SPF}),
        (("", "TXT", f'"{SPF[:9]}" "{SPF[9:]}"'), {"source": "example.org", "type": "TXT", "target": SPF}),
        ((".", "TXT", r'"say \"hi\""'), {"type": "TXT", "target": 'say "hi"'}),
        (
            ("LISTS", "AAAA", "2001:db8:0:0::1"),
            {"source": "lists.example.org.", "type": "AAAA", "target": "2001:DB8::1"},
        ),
        ((".", "MX", "5 MTA-gw.infomaniak.ch."), {"type": "MX", "target": "5  mta-gw.infomaniak.ch"}),
    ],
)
def test_the_same_record_written_differently(run, zone, kept, declared):
    zone.add(*kept)
    assert not run(dns_record, zone="Example.org.", records=[declared])["changed"]


def test_check_mode(run, zone):
    result = run(dns_record, check=True, zone="example.org", records=WANTED)
    assert result["changed"] and len(result["records"]) == 4 and zone.lines() == []


def test_success_that_changed_nothing(run, api):
    api.switches.ignore_writes = True
    with pytest.raises(Failed, match=r"records to add: lists 3600 A 192\.0\.2\.1"):
        run(dns_record, zone="example.org", records=WANTED[:1])


def test_changes_that_come_later(run, api, zone):
    api.switches.writes_done_after_reads = 3
    assert run(dns_record, zone="example.org", records=WANTED)["changed"] and len(zone.lines()) == 4


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"ttl": 59}, "records: lists A: 59 is not a valid ttl (60 to 86400 seconds)"),
        ({"target": "2001:db8::1"}, "'2001:db8::1' isn't an IPv4 address, such as 192.0.2.1"),
        ({"type": "AAAA"}, "'192.0.2.1' isn't an IPv6 address, such as 2001:db8::1"),
        (
            {"type": "MX", "target": "mx.example.org"},
            "isn't a priority and a host name, such as 5 mta",
        ),
        ({"type": "TXT", "target": " "}, "' ' is empty"),
    ],
)
def test_wrong_records_are_refused_before_anything_is_asked(run, api, declared, message):
    with pytest.raises(Failed) as caught:
        run(dns_record, zone="example.org", records=[{**WANTED[0], **declared}])
    assert message in caught.value.result["msg"] and api.requests == []


def test_a_zone_elsewhere(run):
    with pytest.raises(Failed, match="no such thing, or hides it from this API token"):
        run(dns_record, zone="example.net", records=WANTED)


def test_types_are_the_providers():
    assert list(records.TYPES) == sorted(records.TYPES) and len(records.TYPES) == 13


def test_info(run, zone):
    zone.add("", "TXT", f'"{SPF}"')
    assert run(dns_record_info, zone="example.org")["records"] == [
        {"source": ".", "type": "TXT", "target": SPF, "ttl": 3600}
    ]

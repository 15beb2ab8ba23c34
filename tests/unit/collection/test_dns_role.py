"""The play that checks the DNS, and changes a zone at the provider, against a name server and the stand-in API."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.listkit.kit.plugins.plugin_utils.dns_report import public_addresses, report, zone_changes
from ansible_run import GUIDE, KIT, Run, ansible_playbook

from infomaniak_api import StandInApi
from infomaniak_api.account import Account, Hosting, Mailbox, Zone
from infomaniak_api.name_server import NameServer
from infomaniak_api.server import TOKEN

PLAYS = (
    "Check the DNS",
    "Look at the hosts, only when asked to",
    "Log in to the mail service, only when asked to",
    "Summarise the run",
)
SPF = "v=spf1 include:spf.infomaniak.ch -all"
PUBLIC = {
    ("spf.infomaniak.ch", "TXT"): ["v=spf1 ip4:192.0.2.0/24 -all"],
    ("example.org", "MX"): ["5 mta-gw.infomaniak.ch"],
    ("example.org", "TXT"): ["v=spf1 mx ~all"],
    ("lists.example.org", "A"): ["203.0.113.9"],
}
IN_ZONE = [("MX", ".", "5 mta-gw.infomaniak.ch"), ("TXT", ".", '"v=spf1 mx ~all"'), ("A", "lists", "203.0.113.9")]
SETTINGS = {**GUIDE, "fqdn_addresses": ["198.51.100.1"], "tls_mode": "selfsigned"}
WITH_API = {"infomaniak_token": TOKEN, "infomaniak_mail_hosting": 1, "infomaniak_zone": "example.org"}


@pytest.fixture
def api():
    """A customer with a zone that has the records of PUBLIC."""
    records = {
        number: {"id": number, "type": kind, "source": source, "target": target, "ttl": 3600}
        for number, (kind, source, target) in enumerate(IN_ZONE, start=1)
    }
    with StandInApi(Account(zones={"example.org": Zone("example.org", records)})) as stand_in:
        yield stand_in


@pytest.fixture
def server():
    """The public DNS: SPF without the provider, no DMARC, and a name that leads to another host."""
    with NameServer(dict(PUBLIC)) as started:
        yield started


@pytest.fixture
def play(api, server, tmp_path: Path):
    """Run plays: `play(plays, groups, "--check", infomaniak_zone="example.org")`."""
    no_archive = tmp_path / "apt.conf"
    no_archive.write_text('Dir::Etc::SourceList "/dev/null"; Dir::Etc::SourceParts "/dev/null";')

    def run_plays(plays: list[dict], groups: dict, *arguments: str, **variables: object) -> Run:
        (tmp_path / "play.yml").write_text(yaml.safe_dump(plays))
        values = {**SETTINGS, "dns_name_servers": ["{}:{}".format(*server.address)], **variables}
        (tmp_path / "inventory.yml").write_text(yaml.safe_dump({**groups, "all": {"vars": values}}))
        command = ("-i", str(tmp_path / "inventory.yml"), "play.yml", "-vvv", "-D", *arguments)
        return ansible_playbook(
            tmp_path, *command, environment={"INFOMANIAK_HOST": api.url, "APT_CONFIG": str(no_archive)}
        )

    return run_plays


@pytest.fixture
def run(play):
    """Run the plays of a deployment that are about the DNS: `run("--check", infomaniak_zone="example.org")`."""
    plays = [each for each in yaml.safe_load((KIT / "playbooks/site.yml").read_text()) if each["name"] in PLAYS]
    groups = {"ungrouped": {"hosts": {"mailman": {"ansible_host": "192.0.2.1", "ansible_connection": "local"}}}}
    return partial(play, plays, groups)


def summary_of(run: Run) -> str:
    """Return the summary on one line."""
    return " ".join(run.output.partition("PLAY [Summarise")[2].split())


def targets(api: StandInApi) -> list[str]:
    return sorted(record["target"] for record in api.account.zones["example.org"].records.values())


def test_without_a_zone_the_records_are_printed(run, api):
    shown = run()
    assert shown.returncode == 0, shown.output
    for text in (
        "DKIM: unknown how the lists' mail is signed",
        "lists.example.org: The name leads to 203.0.113.9, and the web interface is at 198.51.100.1.",
        "Records to add or change at the DNS provider:",
        "lists.example.org. 3600 IN A 198.51.100.1",
        'example.org. 3600 IN TXT "v=spf1 mx include:spf.infomaniak.ch ~all"',
        '_dmarc.example.org. 3600 IN TXT "v=DMARC1; p=none; rua=mailto:admin@example.org"',
    ):
        assert text in summary_of(shown)
    assert api.requests == [] and "changed=0" in shown.output
    assert "mail.infomaniak.com:587" not in shown.output, "no login without the tag"


def test_the_zone_is_changed_but_no_host_moves_unless_wanted(run, api):
    before = targets(api)
    assert "+. 3600 TXT v=spf1 mx include:spf.infomaniak.ch ~all" in run("--check", **WITH_API).output
    assert targets(api) == before
    first = run(**WITH_API)
    assert first.returncode == 0 and TOKEN not in first.output
    spf = '"v=spf1 mx include:spf.infomaniak.ch ~all"'
    dmarc = '"v=DMARC1; p=none; rua=mailto:admin@example.org"'
    assert targets(api) == sorted([dmarc, spf, "203.0.113.9", "5 mta-gw.infomaniak.ch"])
    assert "Added or changed in the zone example.org: example.org. 3600 IN TXT" in summary_of(first)
    second = run(infomaniak_fix=True, **WITH_API)
    assert targets(api) == sorted([dmarc, spf, "198.51.100.1", "5 mta-gw.infomaniak.ch"])
    assert "example.org: The public DNS doesn't have the records of the zone yet." in summary_of(second)


OLD, NEW = "203.0.113.9", "198.51.100.1"


@pytest.fixture
def move(play):
    """Run the play that changes the DNS in a move: `move(move_target="new")`. The name leads to the old host."""
    plays = yaml.safe_load((KIT / "playbooks/move/name.yml").read_text())
    groups = {
        group: {"hosts": {name: {"ansible_connection": "local", "fqdn_addresses": [address]}}}
        for group, name, address in (("mailman", "new", NEW), ("mailman_old", "old", OLD))
    }
    return partial(play, plays, groups)


def test_a_deployment_in_a_move_leaves_the_name_where_it_leads(play, api):
    plays = [each for each in yaml.safe_load((KIT / "playbooks/site.yml").read_text()) if each["name"] == PLAYS[0]]
    groups = {
        "mailman": {"hosts": {"new": {"ansible_connection": "local"}}},
        "mailman_old": {"hosts": {"old": {"ansible_connection": "local"}}},
    }
    done = play(plays, groups, infomaniak_fix=True, **WITH_API)
    assert done.returncode == 0, done.output
    assert OLD in targets(api) and NEW not in targets(api)


@pytest.mark.parametrize("fixes", [True, False])
def test_a_move_leads_the_name_to_the_new_host_when_wanted(move, api, fixes):
    done = move(move_target="new", infomaniak_fix=fixes, **WITH_API)
    assert done.returncode == 0, done.output
    assert (NEW in targets(api)) == fixes and (OLD in targets(api)) != fixes


def test_the_return_leads_it_back(move, server, api):
    server.records["lists.example.org", "A"] = [NEW]
    for record in api.account.zones["example.org"].records.values():
        record["target"] = record["target"].replace(OLD, NEW)
    done = move(move_target="old", infomaniak_fix=True, **WITH_API)
    assert done.returncode == 0, done.output
    assert OLD in targets(api) and NEW not in targets(api)


def test_a_move_that_cannot_change_the_dns_fails_and_names_the_host(move, api):
    api.account.zones.clear()
    done = move(move_target="new", infomaniak_fix=True, **WITH_API)
    assert done.returncode == 2
    assert "DNS: Infomaniak has no such thing" in done.output
    assert "lists.example.org must lead to new." in done.output


def test_preflight_finds_an_unknown_zone_and_a_mail_service_that_does_not_answer_and_changes_nothing(run, api):
    api.account.zones.clear()
    failed = run("--tags", "preflight", mail_host="mail.invalid", **WITH_API)
    assert failed.returncode == 2
    assert "DNS: Infomaniak has no such thing, or hides it from this API token. Check" in summary_of(failed)
    assert "Records to add or change at the DNS provider:" in summary_of(failed)
    assert "- mailman: mail.invalid:587: the name has no address." in summary_of(failed)
    assert "- mailman: mail.invalid:993: the name has no address." in summary_of(failed)
    login = failed.output.partition("TASK [Log in to each mailbox once]")[2].partition("PLAY")[0]
    assert "skipping: [mailman]" in login and "ok: [mailman]" not in login
    assert SETTINGS["mail_password"] not in failed.output
    assert {request.partition(" ")[0] for request in api.requests} == {"GET"}


@pytest.mark.parametrize(
    ("closed", "logs_in"),
    [
        (None, True),
        (["acme.example.org:443"], True),
        (["mail.example.org:587"], False),
        (["mail.example.org:993"], False),
    ],
)
def test_a_login_needs_open_ports(closed, logs_in):
    play = next(play for play in yaml.safe_load((KIT / "playbooks/site.yml").read_text()) if play["name"] == PLAYS[2])
    login = play["tasks"][0]
    values = {"mail_host": "mail.example.org", "mail_imap_host": "mail.example.org", "mail_port": 587}
    values["_service"] = [trust_as_template(text) for text in login["vars"]["_service"]]
    values |= {} if closed is None else {"site_readiness": {"closed": closed}}
    assert Templar(DataLoader(), values).evaluate_conditional(trust_as_template(login["when"])) is logs_in


def test_the_check_can_be_switched_off(run, server):
    assert run(mail_dns_check="no").returncode == 0
    assert server.asked == []


def record(source: str, kind: str = "A", replaces: tuple[str, ...] = ()) -> dict:
    return {"source": source, "type": kind, "target": "x", "replaces": list(replaces)}


def test_only_names_in_the_zone_are_changed():
    inside = [record("example.org"), record("a.example.org"), record("example.org", "TXT", ("old",))]
    moved = record("b.example.org", replaces=("203.0.113.9",))
    records = [*inside, moved, record("notexample.org"), record("example.net")]
    assert zone_changes(records, "example.org") == inside
    assert zone_changes(records, "example.org", moves=True) == [*inside, moved]


def test_a_quiet_dns_is_not_mentioned():
    assert report({}, {"skipped": True}, {"skipped": True}, "") == ("", [])


GOOD_SIGNATURE = {"signed": True, "aligned": True, "key_bits": 2048}


@pytest.mark.parametrize(
    ("signed", "words"),
    [
        (GOOD_SIGNATURE, ""),
        (GOOD_SIGNATURE | {"key_bits": None}, ""),
        (GOOD_SIGNATURE | {"key_bits": 1024}, "DKIM: the key has 1024 bits"),
        (GOOD_SIGNATURE | {"aligned": False, "key_bits": None}, "in another domain's name"),
        ({"signed": False, "aligned": False, "key_bits": None}, "Global security > DKIM"),
    ],
)
def test_the_signature_that_the_probe_has_seen_is_part_of_the_dns(signed, words):
    text = report({"records": [], "lines": []}, {}, {}, "", signed=signed).text
    assert words in text and bool(words) == bool(text)


@pytest.mark.parametrize(
    ("signing", "words"),
    [
        ([], "DKIM: unknown how the lists' mail is signed; a selector shows only in a signed message. Run playbooks/"),
        ([None], "DKIM: unknown how the lists' mail is signed"),
        ([True, True], "DKIM: Infomaniak says that it signs the lists' mail, but not with which key. Run playbooks/"),
        ([True, None], "DKIM: unknown"),
        ([True, False], ""),
    ],
)
def test_without_a_probe_the_signature_is_what_the_provider_says_of_it(signing, words):
    text = report({"records": [], "lines": []}, {}, {}, "", signing=signing).text
    assert words in text and bool(words) == bool(text)
    assert report({"records": [], "lines": []}, {}, {}, "", signed=GOOD_SIGNATURE, signing=signing).text == ""


@pytest.mark.parametrize("signs", [True, False])
def test_preflight_asks_the_api_whether_mail_is_signed(run, api, signs):
    hosting = Hosting(1, "example.org", mailboxes={"mailman": Mailbox("mailman", dkim=signs)})
    hosting.preferences |= {"promotion_filter_enabled": False, "external_mail_flag_enabled": False}
    api.account.hostings[1] = hosting
    text = summary_of(run("--tags", "preflight", mail_host="mail.invalid", **WITH_API))
    assert ("DKIM: Infomaniak says that it signs the lists' mail" in text) == signs
    assert ("mailman@example.org: Outgoing messages aren't signed with DKIM" in text) != signs
    assert {request.partition(" ")[0] for request in api.requests} == {"GET"}


def test_private_addresses_and_names_are_not_compared():
    texts = ["192.0.2.1", "10.0.0.1", "lists.example.org", "", "185.181.160.1", "2a00:1450::1", "fe80::1"]
    assert public_addresses(texts) == ["185.181.160.1", "2a00:1450::1"]

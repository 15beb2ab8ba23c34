"""Where the components of a site are, what its hosts say to each other, and which inventories can't be a site."""

from __future__ import annotations

import pytest
from ansible_collections.listkit.kit.plugins.plugin_utils import topology

SPLIT = {"all": ["a", "b", "c"], "mailman": ["a"], "mailman_web": ["b"], "database": ["c"]}
ADDRESSES = {
    "a": {"ansible_host": "192.0.2.1", "private_address": "10.0.0.1"},
    "b": {"ansible_host": "10.0.0.2"},
    "c": {"ansible_host": "10.0.0.3", "private_address": ""},
}

REST, SMTP, ARCHIVE, DATABASE = (
    topology.ENDPOINTS[name]["port"] for name in ("core_rest", "relay_smtp", "archive", "database")
)


def ends(groups: dict, host: str, managed: bool = False) -> tuple[dict, dict]:
    """Return what `host` accepts, {port: [(address, key), …]}, and where it connects to, {port: (address, key)}."""
    accept, connect = topology.tunnel_ends(topology.components_of(groups, ADDRESSES, host, managed), host)
    return (
        {end["port"]: [(peer["address"], peer["key"]) for peer in end["peers"]] for end in accept},
        {end["port"]: (end["address"], end["key"]) for end in connect},
    )


@pytest.mark.parametrize(
    "groups",
    [
        {"all": ["mailman"]},
        {"all": ["mailman"], "mailman": ["mailman"]},
        {"all": ["mailman"], "mailman": ["mailman"], "mailman_web": ["mailman"], "database": ["mailman"]},
    ],
)
def test_one_host_has_every_component_and_no_tunnel(groups):
    components = topology.components_of(groups, ADDRESSES, "mailman")
    assert {component.host for component in components.values()} == {"mailman"}
    assert list(components) == ["core", "web", "database"]
    assert ends(groups, "mailman") == ({}, {})
    assert topology.needed_secrets(components, "mailman") == []
    assert topology.problems(groups, ADDRESSES) == []


def test_several_hosts_in_the_main_group_are_sites_of_their_own():
    groups = {"all": ["a", "b"], "mailman": ["a", "b"]}
    assert {component.host for component in topology.components_of(groups, ADDRESSES, "b").values()} == {"b"}
    assert topology.problems(groups, ADDRESSES) == []


def test_three_hosts_reach_what_they_need_and_nothing_else():
    assert ends(SPLIT, "a") == (
        {
            REST: [("10.0.0.2", "tunnel_core_web"), ("10.0.0.3", "tunnel_core_database")],
            SMTP: [("10.0.0.2", "tunnel_core_web")],
        },
        {ARCHIVE: ("10.0.0.2", "tunnel_core_web"), DATABASE: ("10.0.0.3", "tunnel_core_database")},
    )
    assert ends(SPLIT, "b") == (
        {ARCHIVE: [("10.0.0.1", "tunnel_core_web")]},
        {
            REST: ("10.0.0.1", "tunnel_core_web"),
            SMTP: ("10.0.0.1", "tunnel_core_web"),
            DATABASE: ("10.0.0.3", "tunnel_web_database"),
        },
    )
    assert ends(SPLIT, "c") == (
        {DATABASE: [("10.0.0.1", "tunnel_core_database"), ("10.0.0.2", "tunnel_web_database")]},
        {REST: ("10.0.0.1", "tunnel_core_database")},
    )


def test_a_host_gets_only_the_secrets_that_it_needs():
    components = topology.components_of(SPLIT, ADDRESSES, "a")
    assert topology.needed_secrets(components, "a") == []
    assert topology.needed_secrets(components, "b") == [
        {"host": "a", "names": ["rest_password", "archiver_key", "trace_key", "tunnel_core_web"]}
    ]
    assert topology.needed_secrets(components, "c") == [
        {"host": "a", "names": ["rest_password", "trace_key", "database_core_password", "tunnel_core_database"]},
        {"host": "b", "names": ["database_web_password", "tunnel_web_database"]},
    ]


def test_two_components_on_one_host_share_what_both_need():
    groups = {"all": ["a", "b"], "mailman": ["a"], "mailman_web": ["b"], "database": ["b"]}
    assert ends(groups, "b")[1][REST] == ("10.0.0.1", "tunnel_core_web")
    assert ends(groups, "a")[0][REST] == [("10.0.0.2", "tunnel_core_web")]
    [needed] = topology.needed_secrets(topology.components_of(groups, ADDRESSES, "b"), "b")
    assert sorted(needed["names"]) == sorted(set(needed["names"]))


def test_both_ends_of_a_tunnel_have_its_key():
    for host in "abc":
        components = topology.components_of(SPLIT, ADDRESSES, host)
        made = {secret.name for secret in topology.SHARED if components[secret.maker].host == host}
        taken = {name for source in topology.needed_secrets(components, host) for name in source["names"]}
        accept, connect = ends(SPLIT, host)
        used = {key for peers in accept.values() for _address, key in peers} | {
            key for _address, key in connect.values()
        }
        assert used <= made | taken


@pytest.mark.parametrize("group", ["mailman_web", "database"])
def test_two_hosts_are_linked_one_way_for_each_daemon(group):
    groups = {"all": ["a", "b"], "mailman": ["a"], group: ["b"]}
    for host, other in (("a", "10.0.0.2"), ("b", "10.0.0.1")):
        accept, connect = ends(groups, host)
        assert all([address for address, _key in peers] == [other] for peers in accept.values())
        assert all(address == other for address, _key in connect.values())
        assert set(accept) & set(connect) == set()


def test_a_managed_database_has_no_tunnel():
    groups = {"all": ["a", "b"], "mailman": ["a"], "mailman_web": ["b"]}
    for host in "ab":
        accept, connect = ends(groups, host, managed=True)
        assert DATABASE not in {**accept, **connect}
        assert "database" not in topology.components_of(groups, ADDRESSES, host, True)


@pytest.mark.parametrize(
    ("groups", "addresses", "wrong"),
    [
        ({"mailman_web": ["b", "c"]}, {}, "mailman_web: has 2 hosts, b, c;"),
        ({"mailman": ["a", "d"]}, {}, "mailman: has 2 hosts, a, d;"),
        ({"database": []}, {}, "database: is an empty group;"),
        ({"mailman": ...}, {}, "mailman: is missing"),
        (
            {},
            {"b": {"ansible_host": "web.example.org"}},
            "private_address of b: is required: 'web.example.org' is a name",
        ),
        ({}, {"b": {}}, "private_address of b: is required: 'b' is a name"),
        ({}, {"b": {"ansible_host": "10.0.0.3"}}, "private_address of c: 10.0.0.3 is already the address of b"),
        (
            {},
            {"b": {"ansible_host": "127.0.0.1"}},
            "private_address of b: 127.0.0.1 can't be reached",
        ),
        ({}, {"b": {"private_address": "2001:db8::1"}}, "private_address: is IPv4 on one host and IPv6 on another"),
    ],
)
def test_an_impossible_inventory_is_refused(groups, addresses, wrong):
    groups = {name: hosts for name, hosts in {**SPLIT, **groups}.items() if hosts is not ...}
    found = [str(problem) for problem in topology.problems(groups, {**ADDRESSES, **addresses})]
    assert [text for text in found if text.startswith(wrong)], found


def test_the_split_inventory_is_right():
    assert topology.problems(SPLIT, ADDRESSES) == []

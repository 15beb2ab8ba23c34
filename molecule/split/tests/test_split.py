"""What the hosts of a split site are to each other, and to everybody else."""

from __future__ import annotations

import json
import secrets
import shlex

import pytest

from deployment import Deployment, Site
from lab import Host

CHECK_SECONDS = 120
# What only one component needs, so that nobody has it for nothing.
PACKAGES = {
    "core": {"mailman3", "postfix"},
    "web": {"mailman3-web", "nginx-light"},
    "database": {"postgresql"},
}
_REST = {"rest_password", "trace_key"}
SECRETS = {
    "core": {*_REST, "archiver_key", "database_core_password", "tunnel_core_web", "tunnel_core_database"},
    "web": {*_REST, "archiver_key", "database_web_password", "tunnel_core_web", "tunnel_web_database"},
    "database": {
        *_REST,
        "database_core_password",
        "database_web_password",
        "tunnel_core_database",
        "tunnel_web_database",
    },
}
_CONNECT = """
import socket, sys
for place in sys.argv[1:]:
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 3).close()
        print(place)
    except OSError:
        pass
"""
_STATUS = """
import http.client
connection = http.client.HTTPConnection("127.0.0.1", 8001, timeout=10)
connection.request("GET", "/3.1/lists")
print(connection.getresponse().status)
"""


def clients(node: Host) -> list[dict]:
    """The links that a host uses, as its own check knows them."""
    return json.loads(node.run("cat /etc/listkit/check.d/tunnel.json"))["links"]


def reached(client: Host, places: list[str]) -> list[str]:
    """Those of the places, each `address:port`, that take a connection from `client`."""
    return client.run(shlex.join(["python3", "-", *places]), stdin=_CONNECT).split()


@pytest.fixture(scope="module")
def whole() -> Site:
    """The site."""
    [site] = Deployment.load("molecule-split").sites.values()
    return site


@pytest.fixture(scope="module")
def links(whole: Site) -> dict[str, list[Host]]:
    """Every link, as `address:port`, and the hosts that use it."""
    found: dict[str, list[Host]] = {}
    for node in whole.hosts:
        for link in clients(node):
            found.setdefault(f"{link['address']}:{link['tunnel_port']}", []).append(node)
    return found


def assert_open(links: dict[str, list[Host]]) -> None:
    """Fail if a host does not reach a link that it uses."""
    for place, users in links.items():
        assert [reached(client, [place]) for client in users] == [[place] for _ in users]


def test_a_host_has_its_own_packages_and_nobody_elses(machine, components: list[str]):
    installed = set(machine.check_output("dpkg-query -W -f '${Package} ${db:Status-Status}\\n'").splitlines())
    for component, packages in PACKAGES.items():
        found = {package for package in packages if f"{package} installed" in installed}
        assert found == (packages if component in components else set())


def test_a_host_has_the_secrets_that_it_needs(node: Host, components: list[str]):
    listing = node.run("stat -c '%U %a %n' /etc/listkit/secrets /etc/listkit/secrets/*").splitlines()
    assert {line.rpartition(" ")[0] for line in listing} == {"root 700", "root 600"}
    shared = {name for names in SECRETS.values() for name in names}
    assert {line.rpartition("/")[2] for line in listing} & shared == set().union(
        *(SECRETS[name] for name in components)
    )


@pytest.mark.parametrize("name", sorted({name for names in SECRETS.values() for name in names}))
def test_a_shared_secret_is_the_same_on_both_hosts(whole: Site, name: str):
    hosts = [host for component, host in zip(SECRETS, whole.hosts, strict=True) if name in SECRETS[component]]
    assert len({host.run(f"sha256sum < /etc/listkit/secrets/{name}") for host in hosts}) == 1


def test_only_the_hosts_of_the_site_reach_the_links(whole: Site, links: dict[str, list[Host]], deployment: Deployment):
    assert_open(links)
    assert reached(deployment.stand_in.strict, list(links)) == []
    # The outsider can reach the hosts, and a host only what it needs.
    assert reached(deployment.stand_in.strict, [f"{node.address}:22" for node in whole.hosts])
    others = [place for place, users in links.items() if whole.database not in users]
    assert reached(whole.database, [place for place in others if whole.database.address not in place]) == []


@pytest.mark.parametrize("verb", ["restart", "reload", "stop"])
def test_the_links_stay_closed_whatever_becomes_of_the_host_s_own_filter(
    whole: Site, links: dict[str, list[Host]], deployment: Deployment, verb: str
):
    for node in whole.hosts:
        # Debian leaves it off, and what doesn't run can't be reloaded.
        node.run(f"systemctl start nftables && systemctl {verb} nftables")
    try:
        assert reached(deployment.stand_in.strict, list(links)) == []
        assert_open(links)
    finally:
        for node in whole.hosts:
            node.run("systemctl stop nftables")


def test_an_address_without_the_key_gets_no_further(whole: Site):
    [link] = [link for link in clients(whole.web) if link["port"] == 8001]
    client = f"openssl s_client -connect {link['address']}:{link['tunnel_port']} -psk_identity {link['key']}"
    answer = whole.web.try_run(f"echo | {client} -psk {secrets.token_hex(32)} -tls1_3 2>&1")
    assert answer.returncode != 0
    assert "alert" in answer.stdout
    assert whole.web.run("python3 -", stdin=_STATUS).strip() == "401"


def test_the_database_wants_a_password(whole: Site):
    login = "runuser -u nobody -- psql -w -h 127.0.0.1 -U list -d mailman3 -c 'SELECT 1'"
    answer = whole.database.try_run(login)
    assert answer.returncode != 0
    assert "no password supplied" in answer.stderr


def test_a_link_that_was_killed_comes_back(node: Host):
    node.run("systemctl kill --signal=KILL listkit-tunnel.service")
    node.run(f"listkit check --wait {CHECK_SECONDS}")


def test_the_others_go_on_when_the_database_was_away(whole: Site, deployment: Deployment):
    whole.database.kill()
    deployment.lab.start(whole.database.name)
    for node in whole.hosts:
        node.run(f"listkit check --wait {CHECK_SECONDS}")

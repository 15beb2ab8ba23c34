"""What a deployed host lets strangers and its own users do."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
from functools import partial

import pytest

from deployment import Deployment, Site
from lab import Host

pytestmark = [pytest.mark.lab, pytest.mark.every_release]

CONNECTIONS_PER_ADDRESS = 200
PORTS_OF_SERVICES = {25: {"list", "www-data"}, 8024: {"list", "postfix"}, 8001: {"list", "www-data"}}
ON_LOOPBACK = """
import os, pwd, socket, sys
for name in sys.argv[2:]:
    if not os.fork():
        os.setuid(pwd.getpwnam(name).pw_uid)
        socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5).close()
        print(name, flush=True)
        os._exit(0)
    os.wait()
"""
HOLD = """
import json, socket, sys
def connect(source):
    try:
        return socket.create_connection((sys.argv[1], 443), 2, (source, 0))
    except TimeoutError:
        return None
held = []
while len(held) < int(sys.argv[2]) and (connection := connect("")):
    held.append(connection)
print(json.dumps([len(held), *(bool(connect(source)) for source in sys.argv[3:])]))
"""
"""Opens connections to an address, at most a number, holds them, and tries other addresses of its own."""


@pytest.fixture
def site(deployment: Deployment, release: str) -> Site:
    """The site under test."""
    return deployment.sites[release]


@pytest.fixture
def host(site: Site) -> Host:
    """The host of Mailman core."""
    return site.host


def packet_filter(host: Host) -> dict:
    """The finding of `listkit check` about it."""
    findings = json.loads(host.try_run("listkit check --json --only access").stdout)
    return next(finding for finding in findings if finding["name"] == "packet filter")


@pytest.mark.split
def test_only_services_reach_the_daemons_on_loopback(host: Host):
    users = ["root", "list", "www-data", "postfix", "nobody", "daemon"]
    for port, expected in PORTS_OF_SERVICES.items():
        admitted = host.try_run(f"python3 - {port} {' '.join(users)}", stdin=ON_LOOPBACK).stdout.split()
        assert set(admitted) == expected | {"root"}, port


@pytest.mark.split
def test_one_address_cannot_take_all_connections_from_the_others(site: Site, deployment: Deployment):
    with contextlib.ExitStack() as held:
        connect = partial(socket.create_connection, (site.web.address, 443), 2)
        for _ in range(CONNECTIONS_PER_ADDRESS):
            held.enter_context(connect())
        with pytest.raises(TimeoutError):
            connect()
        assert json.loads(deployment.stand_in.strict.run(f"python3 - {site.web.address} 1", stdin=HOLD)) == [1]


@pytest.mark.split
def test_the_addresses_of_one_ipv6_network_are_one_client(site: Site, deployment: Deployment):
    client = deployment.stand_in.strict
    another = f"{ipaddress.ip_address(client.address6) + 2**32}"
    client.run(f"ip address add {another}/64 dev eth0 nodad")
    try:
        command = f"python3 - {site.web.address6} {CONNECTIONS_PER_ADDRESS + 1} {another}"
        assert json.loads(client.run(command, stdin=HOLD)) == [CONNECTIONS_PER_ADDRESS, False]
    finally:
        client.run(f"ip address delete {another}/64 dev eth0")


def test_the_packet_filter_survives_the_hosts_own(host: Host):
    with contextlib.closing(socket.socket()) as listener:
        listener.settimeout(2)
        host.run("systemd-run --unit=kit-open-port python3 -m http.server 8888")
        try:
            host.wait_until("ss -Htln | grep -q :8888", "the port to open", 10)
            with pytest.raises(TimeoutError):
                listener.connect((host.address, 8888))
            host.run("nft add table inet operator; systemctl restart nftables; systemctl stop nftables")
            assert packet_filter(host)["status"] == "ok"
            host.run("nft flush ruleset")
            remedy = packet_filter(host)["remedy"].split("`")[1]
        finally:
            host.run("systemctl stop kit-open-port")
    host.run(remedy)
    assert packet_filter(host)["status"] == "ok"
    assert "tcp dport 22 accept" in host.run("nft list table inet listkit")


def test_an_operators_rule_is_included(host: Host):
    rules = "/etc/listkit/firewall.d/test.nft"
    host.run(f"echo 'tcp dport 9 accept' > {rules} && systemctl reload listkit-firewall")
    try:
        assert "tcp dport 9 accept" in host.run("nft list chain inet listkit input")
    finally:
        host.run(f"rm {rules} && systemctl reload listkit-firewall")

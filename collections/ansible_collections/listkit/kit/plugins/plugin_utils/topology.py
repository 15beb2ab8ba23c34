# SPDX-License-Identifier: MIT
"""Which components each host has, the connections between the hosts of a split site, and the secrets they share.

The groups `mailman`, `mailman_web` and `database` have one host each. The component of a missing group is on the host
`mailman`.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.listkit.kit.plugins.plugin_utils.problem import Problem

Groups = Mapping[str, Sequence[str]]

CORE, WEB, DATABASE = "core", "web", "database"
GROUPS = {CORE: "mailman", WEB: "mailman_web", DATABASE: "database"}
MAIN_GROUP = GROUPS[CORE]
EXAMPLE_ADDRESS = "private_address=10.0.0.11"
# A tunnel's port is the daemon's plus this, below the kernel's range of ports for outgoing connections.
TUNNEL_PORT_OFFSET = 20000
# The programs on the hosts read the same file.
ENDPOINTS = json.loads((Path(__file__).resolve().parents[6] / "src/listkit/common/endpoints.json").read_text())


class Component(NamedTuple):
    """Where a component is: the host's inventory name, and the address at which the other hosts reach it."""

    host: str
    address: str


class Connection(NamedTuple):
    """One kind of connection between components: the daemon's endpoint and protocol, and the two hosts' secret."""

    client: str
    server: str
    endpoint: str
    protocol: str
    key: str

    @property
    def port(self) -> int:
        """The port that the daemon listens on."""
        return ENDPOINTS[self.endpoint]["port"]


class Shared(NamedTuple):
    """A secret that one component makes and others need."""

    name: str
    maker: str
    users: tuple[str, ...]


CONNECTIONS = (
    Connection(WEB, CORE, "core_rest", "http", "tunnel_core_web"),
    Connection(WEB, CORE, "relay_smtp", "smtp", "tunnel_core_web"),
    Connection(CORE, WEB, "archive", "http", "tunnel_core_web"),
    Connection(DATABASE, CORE, "core_rest", "http", "tunnel_core_database"),
    Connection(CORE, DATABASE, "database", "postgresql", "tunnel_core_database"),
    Connection(WEB, DATABASE, "database", "postgresql", "tunnel_web_database"),
)
SHARED = (
    Shared("rest_password", CORE, (WEB, DATABASE)),
    Shared("archiver_key", CORE, (WEB,)),
    Shared("trace_key", CORE, (WEB, DATABASE)),
    Shared("database_core_password", CORE, (DATABASE,)),
    Shared("database_web_password", WEB, (DATABASE,)),
    Shared("tunnel_core_web", CORE, (WEB,)),
    Shared("tunnel_core_database", CORE, (DATABASE,)),
    Shared("tunnel_web_database", WEB, (DATABASE,)),
)


def _hosts(groups: Groups, group: str) -> list[str]:
    return list(groups.get(group, ()))


def is_split(groups: Groups) -> bool:
    """Return whether the inventory assigns a component to a group of its own."""
    return any(group in groups for group in GROUPS.values() if group != MAIN_GROUP)


def address_of(host: str, variables: Mapping[str, Any]) -> str:
    """Return the address at which the other hosts reach `host`, whose inventory variables are given."""
    return str(variables.get("private_address") or variables.get("ansible_host") or host)


def components_of(
    groups: Groups, hostvars: Mapping[str, Mapping[str, Any]], host: str, managed_database: bool = False
) -> dict[str, Component]:
    """Return where each component of the site of `host` is; a managed database is on none of its hosts."""
    main = next(iter(_hosts(groups, MAIN_GROUP)), MAIN_GROUP) if is_split(groups) else host
    hosts = {component: next(iter(_hosts(groups, group)), main) for component, group in GROUPS.items()} | {CORE: main}
    if managed_database:
        del hosts[DATABASE]
    return {component: Component(name, address_of(name, hostvars.get(name, {}))) for component, name in hosts.items()}


def tunnel_ends(components: Mapping[str, Component], host: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the ends of tunnels at `host`: those that it accepts, and those that it connects.

    Each end has `name`, `port` (on loopback), `tunnel_port` and `protocol`; an accepting one the `peers`, each with
    `address` and `key`, a connecting one the server's `address` and `key`.
    """
    accept: dict[int, dict[str, Any]] = {}
    connect: dict[int, dict[str, Any]] = {}
    for connection in CONNECTIONS:
        client, server = components.get(connection.client), components.get(connection.server)
        if not client or not server or client.host == server.host or host not in (client.host, server.host):
            continue
        end = {
            "name": f"{connection.server}-{connection.port}",
            "port": connection.port,
            "tunnel_port": connection.port + TUNNEL_PORT_OFFSET,
            "protocol": connection.protocol,
        }
        if host == server.host:
            accept.setdefault(connection.port, {**end, "peers": {}})["peers"].setdefault(client.address, connection.key)
        else:
            # Two components on one host share a connection, with the first one's key.
            connect.setdefault(connection.port, {**end, "address": server.address, "key": connection.key})
    peers = {port: [{"address": at, "key": key} for at, key in end["peers"].items()] for port, end in accept.items()}
    return [{**end, "peers": peers[port]} for port, end in accept.items()], list(connect.values())


def needed_secrets(components: Mapping[str, Component], host: str) -> list[dict[str, Any]]:
    """Return the secrets that `host` needs from other hosts: `host` and `names` of each."""
    names: dict[str, list[str]] = {}
    for shared in SHARED:
        maker = components[shared.maker]
        users = {components[user].host for user in shared.users if user in components}
        if host in users and host != maker.host:
            names.setdefault(maker.host, []).append(shared.name)
    return [{"host": maker, "names": found} for maker, found in names.items()]


def problems(groups: Groups, hostvars: Mapping[str, Mapping[str, Any]]) -> list[Problem]:
    """Return why the hosts of the inventory can't be one site."""
    return [*_wrong_groups(groups), *_wrong_addresses(groups, hostvars)] if is_split(groups) else []


def shared_mailboxes(mailboxes: Mapping[str, Mapping[str, Sequence[str]]]) -> Iterator[Problem]:
    """Yield the mailboxes that several hosts would fetch from.

    `mailboxes`: the addresses in each variable, by host and variable.
    """
    owners: dict[str, str] = {}
    for host, variables in mailboxes.items():
        for variable, addresses in variables.items():
            for address in map(str.lower, addresses):
                owner = owners.setdefault(address, host)
                if owner != host:
                    wrong = f"{address} is the mailbox of both {owner} and {host}, which would compete for its mail"
                    yield Problem(variable, wrong, f"a mailbox for each host, or only one of them in [{MAIN_GROUP}]")


def _wrong_groups(groups: Groups) -> Iterator[Problem]:
    for group in GROUPS.values():
        if group not in groups:
            continue
        hosts = _hosts(groups, group)
        if not hosts:
            yield Problem(group, "is an empty group; add a host or remove the group", f"[{group}] web1")
        elif len(hosts) > 1:
            wrong = f"has {len(hosts)} hosts, {', '.join(hosts)}; each group of a split site has one host"
            yield Problem(group, wrong, f"[{group}] {hosts[0]}")
    if MAIN_GROUP not in groups and MAIN_GROUP not in groups.get("all", ()):
        yield Problem(MAIN_GROUP, "is missing: the host of Mailman and the mail", "[mailman] mail1")


def _wrong_addresses(groups: Groups, hostvars: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    hosts = dict.fromkeys(host for group in GROUPS.values() for host in groups.get(group, ()))
    seen: dict[str, str] = {}
    versions = set()
    for host in hosts if len(hosts) > 1 else ():
        text = address_of(host, hostvars.get(host, {}))
        where = f"private_address of {host}"
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            yield Problem(
                where, f"is required: {text!r} is a name, and the other hosts need an address", EXAMPLE_ADDRESS
            )
            continue
        if address.is_loopback or address.is_unspecified:
            yield Problem(where, f"{text} can't be reached from another host", EXAMPLE_ADDRESS)
        if text in seen:
            yield Problem(where, f"{text} is already the address of {seen[text]}", EXAMPLE_ADDRESS)
        seen.setdefault(text, host)
        versions.add(address.version)
    if len(versions) > 1:
        yield Problem("private_address", "is IPv4 on one host and IPv6 on another; use one kind", EXAMPLE_ADDRESS)

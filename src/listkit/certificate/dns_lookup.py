"""The addresses that the DNS has for a name. `/etc/hosts` is not asked: it often has this host's own name."""

from __future__ import annotations

import dns.exception
import dns.resolver

TYPES = ("A", "AAAA")
SECONDS_FOR_ALL_SERVERS = 12.0


class DnsError(Exception):
    """The name servers gave no usable answer; the text names them and their answers."""


def resolver() -> dns.resolver.Resolver:
    """Return a resolver that asks the name servers of `/etc/resolv.conf`."""
    made = dns.resolver.Resolver()
    made.lifetime = SECONDS_FOR_ALL_SERVERS
    return made


def addresses(name: str) -> list[str]:
    """Return the IPv4 and IPv6 addresses of `name`, following aliases; none when it does not exist. Raises DnsError."""
    try:
        servers = resolver()
        return [address for kind in TYPES for address in _lookup(servers, name, kind)]
    except dns.exception.DNSException as error:
        raise DnsError(f"the DNS has no usable answer about {name}: {error}") from error


def _lookup(servers: dns.resolver.Resolver, name: str, kind: str) -> list[str]:
    try:
        answer = servers.resolve(name, kind, search=False, raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return []
    return [record.address for record in answer.rrset or ()]

"""Check that the authority can reach this host under its names: a failed request would cost an attempt."""

from __future__ import annotations

import http.client
import secrets
import socket
from collections.abc import Iterator, Sequence

from listkit.certificate import acme, dns_lookup

CHALLENGES = ".well-known/acme-challenge"
TIMEOUT_SECONDS = 5


def own_addresses() -> list[str]:
    """Return the addresses that this host's packets to the internet carry. Nothing is sent."""
    found = []
    for family, elsewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((elsewhere, 9))
            except OSError:
                continue
            found.append(probe.getsockname()[0])
    return found


def record_lines(name: str, addresses: Sequence[str]) -> str:
    """Return the DNS records that lead `name` to `addresses`, as they are typed into a zone."""
    return " and ".join(f"{name}. {'AAAA' if ':' in address else 'A'} {address}" for address in addresses)


def unreachable(names: Sequence[str], addresses: Sequence[str]) -> dict[str, str]:
    """Return the names that do not lead to port 80 of this host, each with the reason and the records to create."""
    token = secrets.token_urlsafe(24)
    file = acme.WEBROOT / CHALLENGES / f"listkit-{token}"
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        file.write_text(token)
        file.chmod(0o644)
        problems = {name: "; ".join(_problems(name, addresses, file.name, token)) for name in names}
    finally:
        file.unlink(missing_ok=True)
    return {name: problem for name, problem in problems.items() if problem}


def _problems(name: str, own: Sequence[str], file: str, token: str) -> Iterator[str]:
    try:
        found = dns_lookup.addresses(name)
    except dns_lookup.DnsError as error:
        yield str(error)
        return
    record = record_lines(name, own or own_addresses())
    if not found:
        yield f"{name} has no DNS record: create {record}"
    for address in found:
        reason = _fetch(name, address, f"/{CHALLENGES}/{file}", token)
        if reason:
            yield f"{name} leads to {address}, where this host does not answer ({reason}): change it to {record}"


def _fetch(name: str, address: str, path: str, expected: str) -> str:
    """Return the reason why `address` does not serve `path`, or ""."""
    connection = http.client.HTTPConnection(address, 80, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path, headers={"Host": name})
        answer = connection.getresponse()
        body = answer.read(len(expected) + 1)
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return "" if (answer.status, body) == (200, expected.encode()) else f"HTTP {answer.status}, another host's page"

"""How long it takes to subscribe people: `listkit members import`, `mailman addmembers`, and one REST call for each.

`bench.deploy` has the host, and prints this at its end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from deployment import Site
from e2e import rest

COMPARED = (100, 1000)
LARGEST = 10_000
AGREED = {"pre_verified": True, "pre_confirmed": True, "pre_approved": True, "send_welcome_message": False}


def report(site: Site) -> Iterator[str]:
    """Yield the lines of the report."""
    for count in COMPARED:
        ours, theirs, calls = (_seconds(site, count, way) for way in (listkit, addmembers, rest_calls))
        yield f"seconds to subscribe {count} people, listkit / addmembers: {ours / theirs:.2f}"
        yield f"seconds to subscribe {count} people, listkit / one REST call each: {ours / calls:.2f}"
        yield f"  {ours:.1f} s, {theirs:.1f} s and {calls:.1f} s"
    yield f"seconds to subscribe {LARGEST} people with listkit: {_seconds(site, LARGEST, listkit):.1f}"


def listkit(site: Site, name: str, people: list[str]) -> None:
    """Subscribe them with the kit's command."""
    site.host.run(f"listkit members import {site.address(name)} -", stdin="\n".join(people), timeout=600)


def addmembers(site: Site, name: str, people: list[str]) -> None:
    """Subscribe them with Mailman's own command."""
    command = f"runuser -u list -- mailman addmembers - {name}.{site.domain}"
    site.host.run(command, stdin="\n".join(people), timeout=600)


def rest_calls(site: Site, name: str, people: list[str]) -> None:
    """Subscribe them as a loop over Mailman's own interface does, from one process on the host."""
    fields = {"list_id": f"{name}.{site.domain}", **AGREED}
    rest.send(site, [rest.request("POST", "members", **fields, subscriber=person) for person in people])


def _seconds(site: Site, count: int, way: Callable[[Site, str, list[str]], None]) -> float:
    """How long a way takes to subscribe new people to a new list."""
    name = f"bench-{way.__name__.replace('_', '-')}-{count}"
    people = [f"{name}-{number}@example.net" for number in range(count)]
    rest.call(site, "POST", "lists", fqdn_listname=site.address(name))
    try:
        rest.call(site, "PATCH", f"lists/{site.address(name)}/config", send_welcome_message=False)
        began = time.monotonic()
        way(site, name, people)
        return time.monotonic() - began
    finally:
        rest.call(site, "DELETE", f"lists/{site.address(name)}")

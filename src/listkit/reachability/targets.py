"""The addresses that must arrive, and the mailbox in which each has to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import list_addresses, site_address

from listkit.bridge.config import Configuration
from listkit.budget.accounts import Site


@dataclass(frozen=True)
class Target:
    """An address, and the mailbox that needs it as an alias.

    same_domain: whether the provider can give the mailbox such an alias.
    """

    address: str
    mailbox: str
    same_domain: bool = True


def targets(lists: Iterable[str], bridge: Configuration, site: Site, *, catch_all: bool) -> list[Target]:
    """Return the addresses of these lists, and that of the web interface.

    catch_all: unknown addresses arrive without aliases, so one of each domain stands for all.
    """
    if catch_all:
        by_domain: dict[str, str] = {}
        for address in sorted(lists):
            by_domain.setdefault(address.rpartition("@")[2], address)
        found = [*by_domain.values()]
    else:
        domain = next(iter(bridge.domains.values()))
        found = [site_address(domain), *(address for item in sorted(lists) for address in list_addresses(item))]
    return [target(address, bridge, site) for address in found]


def target(address: str, bridge: Configuration, site: Site) -> Target:
    """Return an address with its mailbox."""
    mailbox = site.account_of(site.list_of(address)).address
    domains = {bridge.domains.get(name.rpartition("@")[2], name.rpartition("@")[2]) for name in (address, mailbox)}
    return Target(address, mailbox, same_domain=len(domains) == 1)

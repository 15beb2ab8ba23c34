"""Names that a list must not have, because their addresses belong to the site or to another list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import SUB_ADDRESSES

NONE: Mapping[str, str] = MappingProxyType({})


def reason(address: str, lists: Iterable[str], reserved: Iterable[str], former: Mapping[str, str] = NONE) -> str:
    """Return why no list may have `address` beside `lists`, or "". All addresses are in lower case.

    former: the current address of each renamed list by its former ones.
    """
    if address in former:
        return f"{address} is a former address of {former[address]}; first run: listkit list forget {address}"
    if address in reserved:
        return f"{address} is the site's own address"
    name, _, domain = address.partition("@")
    existing = set(lists)
    for subaddress in SUB_ADDRESSES:
        other = f"{name.removesuffix(f'-{subaddress}')}@{domain}"
        if other != address and other in existing:
            return f"{address} is the address {subaddress} of the list {other}"
        below = f"{name}-{subaddress}@{domain}"
        if below in existing:
            return f"the list {below} has the name of this list's address {subaddress}"
    return ""

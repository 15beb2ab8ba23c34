"""Names that a list must not have, because their addresses belong to the site or to another list."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import SUB_ADDRESSES


def reason(address: str, lists: Iterable[str], reserved: Iterable[str]) -> str:
    """Return why no list may have `address` beside `lists`, or "". All addresses are in lower case."""
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

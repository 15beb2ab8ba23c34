"""Names that a list must not have, because their addresses belong to the site or to another list."""

from __future__ import annotations

from collections.abc import Iterable

SUBADDRESSES = ("bounces", "confirm", "join", "leave", "owner", "request", "subscribe", "unsubscribe")
"""What Mailman adds to a list's name, after a hyphen."""


def reason(address: str, lists: Iterable[str], reserved: Iterable[str], subaddresses: Iterable[str]) -> str:
    """Return why no list may have `address` beside `lists`, or "". All addresses are in lower case."""
    if address in reserved:
        return f"{address} is the site's own address"
    name, _, domain = address.partition("@")
    existing = set(lists)
    for subaddress in subaddresses:
        other = f"{name.removesuffix(f'-{subaddress}')}@{domain}"
        if other != address and other in existing:
            return f"{address} is the address {subaddress} of the list {other}"
        below = f"{name}-{subaddress}@{domain}"
        if below in existing:
            return f"the list {below} has the name of this list's address {subaddress}"
    return ""

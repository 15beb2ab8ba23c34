# SPDX-License-Identifier: MIT
"""The addresses of a mailing list."""

from __future__ import annotations

import re
from collections.abc import Iterable

SUB_ADDRESSES = ("bounces", "confirm", "join", "leave", "owner", "request", "subscribe", "unsubscribe")
# They do the same as join and leave, so a mailbox with few aliases can do without them.
SYNONYM_SUB_ADDRESSES = ("subscribe", "unsubscribe")
# The sender of the web interface's mail.
SITE_LOCAL_PART = "postorius"

_ADDRESS = re.compile(r"[^@\s\"<>(),;:\\]+@[^@\s]+")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.IGNORECASE)
_TOP_LEVEL = re.compile(r"[a-z][a-z0-9-]*[a-z0-9]", re.IGNORECASE)


def is_domain(text: str) -> bool:
    """Return whether `text` is a fully qualified domain name in ASCII, and not an IP address."""
    labels = text.split(".")
    return (
        len(text) <= 253
        and len(labels) >= 2
        and all(_LABEL.fullmatch(label) for label in labels)
        and bool(_TOP_LEVEL.fullmatch(labels[-1]))
    )


def is_address(text: str) -> bool:
    """Return whether `text` is a full e-mail address."""
    return bool(_ADDRESS.fullmatch(text)) and is_domain(text.rpartition("@")[2])


def list_address(name: str, domain: str) -> str:
    """Return the posting address of the list `name`, in lower case as Mailman stores it.

    `name` is the part before the @, completed with `domain`, or a full address.
    """
    return (name if "@" in name else f"{name}@{domain}").lower()


def list_addresses(address: str, without: Iterable[str] = ()) -> list[str]:
    """Return all addresses of the list at `address`, without those of the sub-addresses in `without`."""
    local, _at, domain = address.partition("@")
    return [address, *(f"{local}-{sub}@{domain}" for sub in SUB_ADDRESSES if sub not in without)]


def site_address(domain: str) -> str:
    """Return the web interface's sender address."""
    return f"{SITE_LOCAL_PART}@{domain}"

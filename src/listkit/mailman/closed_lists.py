"""The lists that accept no requests to join: `/etc/listkit/closed-lists.json`, which the role `lists` writes.

{"lists": ["board@example.org"]}
"""

from __future__ import annotations

from pathlib import Path

from listkit.common.configuration import Table, load

PATH = Path("/etc/listkit/closed-lists.json")
"""Read at each request."""


def is_closed(address: str, path: Path = PATH) -> bool:
    """Return whether the list at `address` is closed; none is where the file doesn't exist."""
    return address in load(path, _addresses, missing={"lists": []})


def refuses(address: str, pre_approved: bool, invitation: bool, path: Path = PATH) -> bool:
    """Return whether the list at `address` refuses a subscription. What an owner approves or offers is accepted."""
    return not (pre_approved or invitation) and is_closed(address, path)


def _addresses(table: Table) -> tuple[str, ...]:
    return table.addresses("lists", may_be_empty=True)

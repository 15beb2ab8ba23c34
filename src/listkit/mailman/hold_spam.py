"""Which lists hold posts that the mail provider marked: `/etc/listkit/hold-spam.json`, which the role `core` writes.

{"default": true, "lists": {"dev@example.org": false}}
"""

from __future__ import annotations

from pathlib import Path

from listkit.common.configuration import Table, load

CONFIGURATION = Path("/etc/listkit/hold-spam.json")


def holds_spam(address: str, path: Path = CONFIGURATION) -> bool:
    """Return whether the list at `address` does; every list does where the file doesn't exist."""

    def of_this_list(table: Table) -> bool:
        default = table.flag("default")
        lists = table.table("lists", default={})
        found = {name: lists.flag(name) for name in lists.content()}
        return found.get(address.lower(), default)

    return load(path, of_this_list, missing={"default": True})

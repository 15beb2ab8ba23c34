"""Who a person is: the addresses and names by which the site knows them, and the address that replaces theirs."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from listkit.common.configuration import ADDRESS

REMOVED_DOMAIN = "removed.invalid"
"""No mail can be sent there (RFC 6761)."""
REMOVED_NAME = "(name removed)"


def new_alias() -> str:
    """Return an address that says nothing, for the posts of one person."""
    return f"removed-{secrets.token_hex(4)}@{REMOVED_DOMAIN}"


@dataclass(frozen=True)
class Person:
    """A person.

    addresses: all their addresses, in lower case.
    names: names that can be replaced wherever they are, because they belong to this person only.
    alias: the address that replaces theirs.
    """

    addresses: frozenset[str]
    names: frozenset[str] = frozenset()
    alias: str = field(default_factory=new_alias)

    @classmethod
    def of(cls, addresses: Iterable[str], names: Iterable[str] = ()) -> Person:
        """Return the person with these addresses and names. Raises ValueError for a text that is not an address."""
        for address in addresses:
            if not ADDRESS.fullmatch(address):
                raise ValueError(f"{address!r} is not an address, such as ana@example.org")
        return cls(frozenset(map(str.lower, addresses)), frozenset(filter(None, map(plain, names))))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Person:
        """Return the person that `as_json` described."""
        return cls(frozenset(values["addresses"]), frozenset(values["names"]), values["alias"])

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {"addresses": sorted(self.addresses), "names": sorted(self.names), "alias": self.alias}

    def also(self, addresses: Iterable[str], names: Iterable[str] = ()) -> Person:
        """Return the person with further addresses and names."""
        return replace(self, addresses=self.addresses.union(map(str.lower, addresses)), names=self.names.union(names))

    def has(self, address: str | None) -> bool:
        """Whether this is one of the person's addresses, in any case."""
        return (address or "").lower() in self.addresses


def plain(name: str) -> str:
    """Return a name with single spaces, and without the quotes that some programs put around it."""
    return " ".join(name.split()).strip("'\" ")


def is_distinctive(name: str) -> bool:
    """Whether a name may be replaced wherever it is: `Ana` alone is part of too many texts, `Ana Lopez` isn't."""
    words = re.findall(r"\w{2,}", name)
    return len(words) >= 2 and "@" not in name

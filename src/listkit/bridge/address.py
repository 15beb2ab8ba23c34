"""Addresses of lists, of the mailbox and of the site owner: what an address that a message names means to us.

Everything here is a pure function of the address and of an `AddressBook`.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass

# The sub-addresses whose tag Mailman reads. Kept at others, each tag would make one more delivery of the same message.
_TAGGED = frozenset({"confirm", "bounces"})


class Kind(enum.Enum):
    """The kinds of addresses."""

    LIST = "list"  # a list that Mailman knows, or one of its sub-addresses
    OWNER = "owner"  # the site owner (mailman@, postorius@)
    MAILBOX = "mailbox"  # the mailbox that the message lies in
    UNKNOWN = "unknown"  # one of the site's domains, but no such address
    FOREIGN = "foreign"  # another domain


@dataclass(frozen=True, slots=True)
class Classification:
    """The meaning of one address. For `Kind.LIST` only: `recipient`, to pass to Mailman, and the list's own address."""

    kind: Kind
    recipient: str = ""
    posting_address: str = ""


@dataclass(frozen=True, slots=True)
class AddressBook:
    """The facts that decide the meaning of an address.

    lists: posting addresses of the lists that Mailman knows, in lower case.
    suffixes: sub-addresses without their dash ("bounces", "owner", …).
    domains: each of our mail domains and its synonyms, mapped to the domain that Mailman knows.
    mailbox: the address of the mailbox being read, in lower case.
    owners: the addresses whose mail is the site owner's, at the domains that Mailman knows, in lower case.
    """

    lists: frozenset[str]
    suffixes: frozenset[str]
    domains: Mapping[str, str]
    mailbox: str
    owners: frozenset[str]

    def classify(self, address: str) -> Classification:
        """Say what an address (as `addresses_in` returns it) means to us."""
        local, _, written = address.rpartition("@")
        domain = self.domains.get(written, written)
        base, plus, tag = local.partition("+")
        if self._is_list(base, domain):
            return Classification(Kind.LIST, f"{base}@{domain}", f"{base}@{domain}")
        if self._is_subaddress(base, domain):
            kept = f"{plus}{tag}" if base.rpartition("-")[2] in _TAGGED else ""
            return Classification(Kind.LIST, f"{base}{kept}@{domain}", f"{base.rpartition('-')[0]}@{domain}")
        # Only now: a list may have been created in Postorius in a domain that the inventory doesn't name.
        if written not in self.domains:
            return Classification(Kind.FOREIGN)
        plain = f"{base}@{domain}"
        if plain == self._canonical(self.mailbox):
            return Classification(Kind.MAILBOX)
        if plain in self.owners:
            return Classification(Kind.OWNER)
        return Classification(Kind.UNKNOWN)

    def is_owner(self, address: str) -> bool:
        """Tell whether mail for this address is the site owner's, even where it is the mailbox itself."""
        untagged = re.sub(r"\+[^@]*", "", address)
        return self._canonical(untagged) in self.owners

    def _is_list(self, local: str, domain: str) -> bool:
        return f"{local}@{domain}" in self.lists

    def _is_subaddress(self, local: str, domain: str) -> bool:
        name, _, suffix = local.rpartition("-")
        return suffix in self.suffixes and self._is_list(name, domain)

    def _canonical(self, address: str) -> str:
        local, _, domain = address.rpartition("@")
        return f"{local}@{self.domains.get(domain, domain)}"

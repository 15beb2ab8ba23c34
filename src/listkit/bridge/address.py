"""Addresses of lists, of the mailbox and of the site owner: what an address that a message names means to us.

Everything here is a pure function of the address and of an `AddressBook`.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass

_LONGEST_LOCAL = 256
# Far stricter than RFC 5322 on purpose: quoted local parts and address literals are never ours.
_LOCAL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+", re.IGNORECASE)
_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.IGNORECASE)
# The last group is empty where the closing quote is missing; the pattern always matches, and so takes linear time.
_QUOTED = re.compile(r'"(?:[^"\\]|\\(?:.|\Z))*("?)', re.DOTALL)
# The sub-addresses whose tag Mailman reads. Kept at others, each tag would make one more delivery of the same message.
_TAGGED = frozenset({"confirm", "bounces"})
_COMMENT = re.compile(r"\([^()]*\)")


class Kind(enum.Enum):
    """What an address is to us."""

    LIST = "list"  # a list that Mailman knows, or one of its sub-addresses
    OWNER = "owner"  # the site owner (mailman@, postorius@)
    MAILBOX = "mailbox"  # the mailbox that the message lies in
    UNKNOWN = "unknown"  # one of the site's domains, but no such address
    FOREIGN = "foreign"  # another domain


@dataclass(frozen=True, slots=True)
class Classification:
    """What one address means. For `Kind.LIST` only: `recipient`, which Mailman is given, and the list's own address."""

    kind: Kind
    recipient: str = ""
    posting_address: str = ""


@dataclass(frozen=True, slots=True)
class AddressBook:
    """What is needed to tell what an address means.

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


def addresses_in(value: str) -> list[str]:
    """Find the addresses in a header's value, in lower case and in order; display names and comments don't count.

    Linear in the length of the value, whatever a stranger put there.
    """
    bare = _COMMENT.sub(" ", _QUOTED.sub(lambda quoted: " " if quoted[1] else quoted[0], value))
    return [address for sign in re.finditer("@", bare) if (address := _around(bare, sign.start()))]


def _around(text: str, sign: int) -> str | None:
    """The address around the @ at this place, if there is one."""
    backwards = _LOCAL.match(text[max(0, sign - _LONGEST_LOCAL - 1) : sign][::-1])
    domain = _DOMAIN.match(text, sign + 1)
    if not backwards or not domain or len(backwards[0]) > _LONGEST_LOCAL:
        return None
    return f"{backwards[0][::-1]}@{domain[0]}".lower()


def envelope_address(value: str) -> str | None:
    """Take the one address that an envelope header (`Delivered-To`, `Return-Path`) holds, or None."""
    address = value.strip().removeprefix("<").removesuffix(">").strip()
    local, sign, domain = address.rpartition("@")
    return address.lower() if sign and _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain) else None

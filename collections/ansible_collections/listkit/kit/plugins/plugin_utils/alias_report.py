# SPDX-License-Identifier: MIT
"""The addresses that must exist at the mail service, and whether its mailboxes can hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import (
    SYNONYM_SUB_ADDRESSES,
    list_address,
    list_addresses,
    site_address,
)


@dataclass(frozen=True)
class Mailbox:
    """One mailbox, with the lists that arrive in it."""

    address: str
    lists: Sequence[str]
    extra: Sequence[str] = ()
    synonyms: Sequence[str] = ()

    @property
    def domains(self) -> set[str]:
        """The domains that the mailbox's aliases are in: its own, and those that the service treats as that one."""
        return {self.address.partition("@")[2], *self.synonyms}

    def addresses(self, without: Iterable[str] = ()) -> list[str]:
        """Return all addresses that must arrive here, without those of the sub-addresses in `without`."""
        without = tuple(without)
        return [*self.extra, *(address for item in self.lists for address in list_addresses(item, without))]

    def aliases(self, without: Iterable[str] = ()) -> list[str]:
        """Return the local parts of the aliases that the mailbox must have."""
        local_and_domain = (address.split("@") for address in self.addresses(without))
        return list(dict.fromkeys(local for local, domain in local_and_domain if domain in self.domains))

    def foreign(self) -> list[str]:
        """Return the addresses that can't be aliases of this mailbox, being in other domains."""
        return [address for address in self.addresses() if address.partition("@")[2] not in self.domains]


def mailboxes(
    account: str,
    accounts: Mapping[str, Sequence[str]],
    lists: Iterable[str],
    domain: str,
    synonyms: Sequence[str] = (),
) -> list[Mailbox]:
    """Return the site's mailboxes.

    `accounts` holds the names of each mailbox's lists by its address; that of `account` also takes the lists that are
    placed nowhere, and the web interface's address. Only the addresses in `lists` exist.
    """
    existing = sorted(lists)
    main = account.lower()
    placed = {
        address.lower(): [item for item in existing if item in {list_address(name, domain) for name in names or []}]
        for address, names in {account: [], **accounts}.items()
    }
    elsewhere = {item for items in placed.values() for item in items}
    placed[main] += [item for item in existing if item not in elsewhere]
    return [
        Mailbox(address, items, [site_address(domain)] if address == main else [], synonyms)
        for address, items in placed.items()
    ]


def report(boxes: Sequence[Mailbox], limit: int, catch_all: bool = False) -> str:
    """Return what the operator has to do at the mail service, as text.

    `limit` is the number of aliases that one mailbox can have; `catch_all`: unknown addresses arrive without aliases.
    """
    return "\n\n".join(_of_mailbox(box, limit, catch_all) for box in boxes)


def _of_mailbox(box: Mailbox, limit: int, catch_all: bool) -> str:
    aliases = box.aliases()
    if catch_all:
        parts = [
            f"{box.address} is declared a catch-all: it receives the {len(aliases)} addresses below without aliases.",
            "The service takes mail only from a mailbox's own address and its aliases: what isn't an alias can't send.",
        ]
    else:
        parts = [
            f"{box.address} must have these aliases at the mail service: {len(aliases)} of at most {limit}.",
            "One a line:",
        ]
    parts += ["\n".join(aliases), "The same for one field:", ", ".join(aliases)]
    if box.foreign():
        parts.append(
            f"Addresses in other domains can't be aliases of {box.address}. Give each domain a mailbox in "
            f"mail_accounts, or make it a synonym domain: {', '.join(box.foreign())}"
        )
    if len(aliases) > limit and not catch_all:
        parts.append(_advice(box, limit))
    return "\n".join(parts)


def _advice(box: Mailbox, limit: int) -> str:
    """Return what to do about more aliases than the mailbox can have."""
    lines = [f"THEY DON'T FIT: {len(box.aliases())} aliases, but mail_alias_limit is {limit}. What helps:"]
    shorter = box.aliases(without=SYNONYM_SUB_ADDRESSES)
    if len(shorter) <= limit:
        names = " and ".join(f"-{sub}" for sub in SYNONYM_SUB_ADDRESSES)
        lines.append(f"- leave out {names}, which do what -join and -leave do: {len(shorter)} aliases;")
    per_list = len(list_addresses("list@example.org"))
    first, other = (limit - len(box.extra)) // per_list, limit // per_list
    if first > 0:
        more = -(-(len(box.lists) - first) // other)
        lines.append(
            f"- mail_accounts: {more} more mailbox{'es' if more > 1 else ''}, {other} lists each (here {first});"
        )
    else:
        lines.append(f"- a mail plan with more aliases: one list needs {per_list}, and the web interface 1;")
    return "\n".join(lines)

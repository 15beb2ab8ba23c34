# SPDX-License-Identifier: MIT
"""The addresses that must exist at the mail service, and whether its mailboxes can hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import (
    SYNONYM_SUB_ADDRESSES,
    list_address,
    list_addresses,
    site_address,
)

ROUND_TRIP = "`sudo listkit check --round-trip` on the host shows whether mail arrives for each of them."

# Lists send from all others, and the service accepts a mailbox's own address and its aliases as senders only.
RECEIVING_SUB_ADDRESSES = ("join", "leave", "subscribe", "unsubscribe")


@dataclass(frozen=True)
class Mailbox:
    """One mailbox and the lists whose mail it receives."""

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

    `accounts` holds the names of each mailbox's lists by its address; `account` also receives for the lists that are
    assigned to no mailbox, and for the web interface. Only the addresses in `lists` exist.
    """
    existing = sorted(lists)
    main = account.lower()
    assigned = {
        address.lower(): [item for item in existing if item in {list_address(name, domain) for name in names or []}]
        for address, names in {account: [], **accounts}.items()
    }
    elsewhere = {item for items in assigned.values() for item in items}
    assigned[main] += [item for item in existing if item not in elsewhere]
    return [
        Mailbox(address, items, [site_address(domain)] if address == main else [], synonyms)
        for address, items in assigned.items()
    ]


def report(boxes: Sequence[Mailbox], limit: int, *, catch_all: bool = False, created: Iterable[str] = ()) -> str:
    """Return, as text, the aliases that each mailbox needs at the mail service.

    `limit`: aliases that one mailbox can have; `catch_all`: mail to unknown addresses arrives without aliases;
    `created`: lists of this run, whose aliases come first.
    """
    texts = [_of_mailbox(box, limit, catch_all, set(created)) for box in boxes]
    return "\n\n".join([*texts, ROUND_TRIP])


def _of_mailbox(box: Mailbox, limit: int, catch_all: bool, created: set[str]) -> str:
    aliases = box.aliases()
    if catch_all:
        parts = [
            f"{box.address} is a catch-all: mail to its {len(aliases)} addresses arrives without aliases.",
            "The service accepts mail from a mailbox's own address and its aliases only: others can't send.",
        ]
    else:
        plural = "" if len(aliases) == 1 else "es"
        parts = [f"{box.address} needs {len(aliases)} alias{plural} at the mail service (limit: {limit})."]
    new = replace(box, lists=[item for item in box.lists if item in created], extra=()).aliases()
    if new and len(new) < len(aliases) - len(box.extra):
        parts += ["For the lists created in this run:", *new, "All aliases:"]
    parts.append(", ".join(aliases) or "none")
    if box.foreign():
        parts.append(foreign_advice(box.address, box.foreign()))
    if len(aliases) > limit and not catch_all:
        parts.append(_advice(box, limit))
    return "\n".join(parts)


def foreign_advice(mailbox: str, addresses: Iterable[str]) -> str:
    """Return what to do about addresses in other domains than the mailbox's."""
    return (
        f"Addresses in other domains can't be aliases of {mailbox}. Give each domain a mailbox in "
        f"mail_accounts, or make it a synonym domain: {', '.join(addresses)}"
    )


def _advice(box: Mailbox, limit: int) -> str:
    """Return the ways to get along with `limit` aliases."""
    lines = [f"TOO MANY ALIASES: {len(box.aliases())} needed, but mail_alias_limit is {limit}. Either"]
    shorter = box.aliases(without=SYNONYM_SUB_ADDRESSES)
    if len(shorter) <= limit:
        names = " and ".join(f"-{sub}" for sub in SYNONYM_SUB_ADDRESSES)
        lines.append(f"- leave out {names}, which do the same as -join and -leave: {len(shorter)} aliases; or")
    fewer = box.aliases(without=RECEIVING_SUB_ADDRESSES)
    if len(fewer) <= limit:
        others = [alias for alias in box.aliases() if alias not in fewer]
        lines.append(
            f"- make redirection addresses of the {len(others)} that lists don't send from, which leaves {len(fewer)}"
            " aliases. As CSV for Infomaniak's form for many addresses, which accepts 50 in 24 hours:"
        )
        lines += [f"    {alias};{box.address};1" for alias in others] + ["  or"]
    per_list = len(list_addresses("list@example.org"))
    first, other = (limit - len(box.extra)) // per_list, limit // per_list
    if first > 0:
        more = -(-(len(box.lists) - first) // other)
        plural = "es" if more > 1 else ""
        lines.append(f"- add {more} mailbox{plural} to mail_accounts: {other} lists each, and {first} here.")
    else:
        lines.append(f"- get a mail plan with more aliases: a list needs {per_list}, and the web interface 1.")
    return "\n".join(lines)

# SPDX-License-Identifier: MIT
"""The addresses that must exist at the mail service, and whether its mailboxes can hold them."""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import (
    SYNONYM_SUB_ADDRESSES,
    list_address,
    list_addresses,
    site_address,
)

ROUND_TRIP = (
    "`ansible-playbook playbook.yml --tags round_trip` shows by test messages whether mail arrives for each of them."
)

# Lists send from all others, and the service accepts a mailbox's own address and its aliases as senders only.
RECEIVING_SUB_ADDRESSES = ("join", "leave", "subscribe", "unsubscribe")
SITE = "web interface"

# The first four are the columns of Infomaniak's form for many addresses, in its order.
CSV_HEADER = ("name", "password", "forwards to", "delete after forwarding", "make it", "list", "new")
ALIAS, ALIAS_OR_ADDRESS = "alias", "alias or address"


class Row(NamedTuple):
    """A row of the table: a list, or the web interface, with its aliases."""

    owner: str
    is_new: bool
    aliases: list[str]


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
        return list(dict.fromkeys(self._aliases_of(self.addresses(without))))

    def table(self, created: Iterable[str] = ()) -> list[Row]:
        """Return the aliases by list, the lists in `created` first."""
        created = set(created)
        lists = sorted(self.lists, key=lambda item: item not in created)
        rows = [Row(item, item in created, self._aliases_of(list_addresses(item))) for item in lists]
        return [row for row in [*rows, Row(SITE, False, self._aliases_of(self.extra))] if row.aliases]

    def _aliases_of(self, addresses: Iterable[str]) -> list[str]:
        local_and_domain = (address.split("@") for address in addresses)
        return [local for local, domain in local_and_domain if domain in self.domains]

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


def report(
    boxes: Sequence[Mailbox], limit: int, *, catch_all: bool = False, created: Iterable[str] = (), file: str = ""
) -> str:
    """Return, as text, the aliases that each mailbox needs at the mail service.

    `limit`: aliases that one mailbox can have; `catch_all`: mail to unknown addresses arrives without aliases;
    `created`: lists of this run, whose aliases come first; `file`: where the same is as CSV.
    """
    texts = [_of_mailbox(box, limit, catch_all, set(created)) for box in boxes]
    as_csv = [f"As CSV, which docs/runbooks/alias-limit.md explains: {file}"] if file else []
    return "\n\n".join([*texts, *as_csv, ROUND_TRIP])


def plan_as_csv(boxes: Iterable[Mailbox], created: Iterable[str] = (), before: str = "") -> str:
    """Return the aliases of all mailboxes as CSV, those of the lists in `created` first.

    The form for many addresses makes ordinary addresses, each with a password. Those in `before`, an earlier plan,
    are kept.
    """
    passwords = {(row[2], row[0]): row[1] for row in csv.reader(before.splitlines(), delimiter=";") if len(row) > 2}
    found = [row for box in boxes for row in _csv_rows(box, set(created), passwords)]
    rows = {(row[2], row[0]): row for row in found}.values()
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    writer.writerow(CSV_HEADER)
    writer.writerows(sorted(rows, key=lambda row: not row[-1]))
    return text.getvalue()


def _csv_rows(box: Mailbox, created: set[str], passwords: Mapping[tuple[str, str], str]) -> Iterator[list[str]]:
    for owner, is_new, aliases in box.table(created):
        receiving = [f"{owner.partition('@')[0]}-{sub}" for sub in RECEIVING_SUB_ADDRESSES]
        for alias in aliases:
            kind = ALIAS_OR_ADDRESS if alias in receiving else ALIAS
            password = passwords.get((box.address, alias)) or _password()
            yield [alias, password, box.address, "1", kind, owner, "new" if is_new else ""]


def _password() -> str:
    # The form refuses weak passwords; a random one may lack a kind of characters.
    return f"{secrets.token_urlsafe(15)}-Aa1"


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
    parts += _lines(box.table(created))
    if box.foreign():
        parts.append(foreign_advice(box.address, box.foreign()))
    if len(aliases) > limit and not catch_all:
        parts.append(_advice(box, limit))
    return "\n".join(parts)


def _lines(table: Sequence[Row]) -> list[str]:
    owners = [f"{row.owner} (new)" if row.is_new else row.owner for row in table]
    width = max(map(len, owners), default=0)
    return [f"{owner:<{width}}  {', '.join(row.aliases)}" for owner, row in zip(owners, table, strict=True)]


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
        others = len(box.aliases()) - len(fewer)
        lines.append(
            f"- make redirection addresses of the {others} that lists don't send from, -join, -leave, -subscribe and"
            f" -unsubscribe, which leaves {len(fewer)} aliases; or"
        )
    per_list = len(list_addresses("list@example.org"))
    first, other = (limit - len(box.extra)) // per_list, limit // per_list
    if first > 0:
        more = -(-(len(box.lists) - first) // other)
        plural = "es" if more > 1 else ""
        lines.append(f"- add {more} mailbox{plural} to mail_accounts: {other} lists each, and {first} here.")
    else:
        lines.append(f"- get a mail plan with more aliases: a list needs {per_list}, and the web interface 1.")
    return "\n".join(lines)

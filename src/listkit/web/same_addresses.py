"""Addresses of accounts that differ only in case, which Debian 13's django-allauth can't store.

It writes all addresses in lower case, and refuses one that an account has twice or that two accounts have confirmed.
An account's own copies are merged. Of several accounts, the one used last keeps the address as a confirmed one.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

QUERY = """
SELECT address.id, address.email, address.verified, address."primary", account.id, account.username, account.last_login
FROM account_emailaddress address JOIN auth_user account ON account.id = address.user_id
"""
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Address:
    """An address of an account. used: when somebody last logged in to the account."""

    id: int
    email: str
    verified: bool
    primary: bool
    account_id: int
    account: str
    used: datetime | None

    @property
    def precedence(self) -> tuple[bool, datetime, bool, int]:
        """The address with the highest one is kept; of two that are the same otherwise, the older one."""
        return self.verified, self.used or NEVER, self.primary, -self.id


@dataclass(frozen=True)
class Same:
    """Addresses that would be one. dropped: other copies of their accounts; unconfirmed: those of other accounts."""

    kept: Address
    dropped: tuple[Address, ...]
    unconfirmed: tuple[Address, ...]
    primary: tuple[Address, ...]
    """The copies that become their accounts' primary address, because one that is dropped was."""

    def lines(self) -> Iterator[str]:
        """Yield what merging them does, for people."""
        yield f"{self.kept.email}: confirmed for the account {self.kept.account}"
        for address in self.dropped:
            yield f"  {address.email}: removed from the account {address.account}, which has it in another spelling"
        for address in self.unconfirmed:
            yield f"  {address.email}: no longer confirmed for the account {address.account}"


def find(cursor: Any) -> list[Same]:
    """Return the addresses that the next release can't store. cursor: of the web interface's database."""
    cursor.execute(QUERY)
    return among(Address(*row) for row in cursor.fetchall())


def among(addresses: Iterable[Address]) -> list[Same]:
    """Return those of all addresses that the next release can't store."""
    groups = defaultdict(list)
    for address in addresses:
        groups[address.email.lower()].append(address)
    plans = (_plan(group) for _email, group in sorted(groups.items()) if len(group) > 1)
    return [plan for plan in plans if plan.dropped or plan.unconfirmed]


def _plan(group: Iterable[Address]) -> Same:
    best: dict[int, Address] = {}
    dropped, primary = [], set()
    ordered = sorted(group, key=lambda address: address.precedence, reverse=True)
    for address in ordered:
        copy = best.setdefault(address.account_id, address)
        if copy is not address:
            dropped.append(address)
            if address.primary:
                primary.add(copy)
    others = [address for address in list(best.values())[1:] if address.verified]
    return Same(ordered[0], tuple(dropped), tuple(others), tuple(sorted(primary, key=lambda address: address.id)))


def merge(cursor: Any, found: Iterable[Same]) -> None:
    """Make the addresses storable, in the transaction that the cursor is in."""
    for statement in statements(found):
        cursor.execute(statement)


def statements(found: Iterable[Same]) -> Iterator[str]:
    """Yield the SQL that makes the addresses storable."""
    for same in found:
        yield from _for("DELETE FROM account_emailconfirmation WHERE email_address_id IN ({})", same.dropped)
        yield from _for("DELETE FROM account_emailaddress WHERE id IN ({})", same.dropped)
        yield from _for("UPDATE account_emailaddress SET verified = false WHERE id IN ({})", same.unconfirmed)
        yield from _for('UPDATE account_emailaddress SET "primary" = true WHERE id IN ({})', same.primary)


def _for(statement: str, addresses: Iterable[Address]) -> Iterator[str]:
    # Numbers only, and no parameters: databases spell these differently.
    if ids := ", ".join(str(address.id) for address in addresses):
        yield statement.format(ids)


def report(*, merge_them: bool) -> list[str]:
    """Return what merging this site's addresses would do or, with merge_them, has done. Needs Django's settings."""
    from django.db import connection, transaction

    with transaction.atomic(), contextlib.closing(connection.cursor()) as cursor:
        found = find(cursor)
        if merge_them:
            merge(cursor, found)
    return [line for same in found for line in same.lines()]

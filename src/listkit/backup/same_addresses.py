"""Addresses of accounts in a backup that differ only in case: found in the dump, before anything is restored.

Debian 13's web interface can't store them (`listkit.web.same_addresses`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from listkit.web.same_addresses import Address, Same, among

ADDRESSES, ACCOUNTS = "account_emailaddress", "auth_user"
LOWER_CASE_SINCE = 13
"""The Debian release whose web interface has all addresses in lower case."""
_HEADER = re.compile(r'COPY public\."?(\w+)"? \((.+)\) FROM stdin;\n')
_END = "\\.\n"
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}

Row = dict[str, str | None]


def in_dump(lines: Iterable[str]) -> list[Same]:
    """Return the addresses that would be one. lines: of the dump of the web interface's database.

    Reads only up to the tables of the accounts, which come first.
    """
    found = _tables(lines, {ADDRESSES, ACCOUNTS})
    accounts = {row["id"]: row for row in found[ACCOUNTS]}
    return among(_address(row, accounts[row["user_id"]]) for row in found[ADDRESSES])


def _address(row: Row, account: Row) -> Address:
    used = account["last_login"]
    return Address(
        id=int(row["id"] or 0),
        email=row["email"] or "",
        verified=row["verified"] == "t",
        primary=row["primary"] == "t",
        account_id=int(account["id"] or 0),
        account=account["username"] or "",
        used=datetime.fromisoformat(used) if used else None,
    )


def _tables(lines: Iterable[str], wanted: set[str]) -> dict[str, list[Row]]:
    """Return the rows of these tables; a table that the dump lacks has none."""
    found: dict[str, list[Row]] = {table: [] for table in wanted}
    remaining, dumped = set(wanted), iter(lines)
    for line in dumped:
        if (header := _HEADER.fullmatch(line)) and header[1] in remaining:
            columns = [name.strip('"') for name in header[2].split(", ")]
            found[header[1]] = list(_rows(dumped, columns))
            remaining.remove(header[1])
            if not remaining:
                break
    return found


def _rows(lines: Iterator[str], columns: list[str]) -> Iterator[Row]:
    for line in lines:
        if line == _END:
            return
        yield dict(zip(columns, map(_value, line.rstrip("\n").split("\t")), strict=True))


def _value(text: str) -> str | None:
    """Read a value of COPY's text format."""
    if text == r"\N":
        return None
    return re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), text)

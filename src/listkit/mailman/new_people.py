"""Addresses, users and memberships for many people at once, as rows of Mailman's tables.

Mailman's classes ask the database three times for each new person, which takes minutes for thousands. The rows are
those that `IUserManager.make_user` and `add_member` leave behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import uuid4

from mailman.config import config
from mailman.model.address import Address
from mailman.model.member import Member
from mailman.model.preferences import Preferences
from mailman.model.uid import UID
from mailman.model.user import User
from mailman.utilities.datetime import now
from sqlalchemy import insert, select
from sqlalchemy.orm import joinedload


def register(items: Mapping[str, dict], *, verified: bool) -> dict[str, int]:
    """Return the numbers of the addresses, which are created if Mailman doesn't know them, each with a user.

    items: by address in lower case, each with `email` and possibly `display_name`.
    verified: whether the addresses count as confirmed by their owners.
    """
    query = select(Address).where(Address.email.in_(list(items))).options(joinedload(Address.user))
    known = {address.email: address for address in config.db.store.scalars(query)}
    for key, address in known.items():
        _complete(address, items[key].get("display_name", ""), verified)
    new = {key: item for key, item in items.items() if key not in known}
    return {key: address.id for key, address in known.items()} | (_insert_addresses(new, verified) if new else {})


def _complete(address: Address, name: str, verified: bool) -> None:
    """Give a known address what it lacks, and the name."""
    if name:
        address.display_name = name
    if address.user is None:
        address.user = User(address.display_name, Preferences())
    if verified and address.verified_on is None:
        address.verified_on = now()


def _insert_addresses(items: Mapping[str, dict], verified: bool) -> dict[str, int]:
    """Create addresses and their users; return the addresses' numbers."""
    moment = now()
    names = [item.get("display_name", "") for item in items.values()]
    user_preferences, address_preferences = (insert_preferences([{}] * len(items)) for _ in range(2))
    uuids = [uuid4() for _ in items]
    users = _insert(
        User,
        [
            {"display_name": name, "_user_id": uuid, "_created_on": moment, "preferences_id": preferences}
            for name, uuid, preferences in zip(names, uuids, user_preferences, strict=True)
        ],
        "_user_id",
    )
    addresses = [
        {
            "email": key,
            "_original": None if item["email"] == key else item["email"],
            "display_name": name,
            "verified_on": moment if verified else None,
            "registered_on": moment,
            "user_id": users[uuid],
            "preferences_id": preferences,
        }
        for (key, item), name, uuid, preferences in zip(items.items(), names, uuids, address_preferences, strict=True)
    ]
    _insert(UID, [{"uid": uuid} for uuid in uuids], "uid")
    return _insert(Address, addresses, "email")


def insert_preferences(rows: Sequence[dict]) -> list[int]:
    """Create preferences; return their numbers in the order of the rows.

    Those with the same values are alike, so their order doesn't matter, and the database needn't keep it.
    """
    numbers: dict[tuple, list[int]] = {}
    groups: dict[tuple, int] = {}
    keys = [(row.get("delivery_mode"), row.get("delivery_status")) for row in rows]
    for key in keys:
        groups[key] = groups.get(key, 0) + 1
    for (mode, status), count in groups.items():
        values = [{"delivery_mode": mode, "delivery_status": status}] * count
        numbers[mode, status] = list(_insert(Preferences, values, "id").values())
    return [numbers[key].pop() for key in keys]


def insert_members(rows: Iterable[dict]) -> None:
    """Create memberships."""
    members = [{"_member_id": uuid4(), **row} for row in rows]
    _insert(UID, [{"uid": member["_member_id"]} for member in members], "uid")
    _insert(Member, members, "_member_id")


def _insert(model: type, rows: Sequence[dict], key: str) -> dict:
    """Insert rows, by names of columns, with one statement; return their numbers by the value of the column `key`."""
    table = model.__table__  # type: ignore[attr-defined]  # every model of SQLAlchemy has it
    statement = insert(table).values(list(rows)).returning(table.c[key], table.c.id.label("number"))
    return dict(config.db.store.execute(statement).all())

# SPDX-License-Identifier: MIT
"""The difference between a roster and its declaration, and the guard against large removals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import MODERATED_ROLES, Entry

GUARDED_SIZE = 10
"""Rosters with fewer people may lose any number of them."""
LARGEST_SHARE = 0.25
LARGEST_NUMBER = 20
"""The most that is removed without `max_removals`: this share, and this number."""
ROLE_NOUNS = {"member": "members", "owner": "owners", "moderator": "moderators", "nonmember": "nonmembers"}


@dataclass(frozen=True)
class Mail:
    """The mail about a change. welcome: whether new members get the list's welcome message.

    daily_limit: how many messages may leave in a day; None if that isn't known.
    """

    welcome: bool = False
    daily_limit: int | None = None

    def cost(self, messages: int) -> str:
        """Return in words how many messages will be sent, and how much of the limit and of the time they need."""
        counted = f"{messages} welcome message{'' if messages == 1 else 's'} will be sent"
        if not self.daily_limit:
            return counted
        share = f"{messages / self.daily_limit * 100:.0f} % of the {self.daily_limit} messages that may leave in a day"
        days = (messages - 1) // self.daily_limit
        return f"{counted}: {share}" + (f"; the last leaves after {days} day{'' if days == 1 else 's'}" if days else "")


NO_MAIL = Mail()


@dataclass(frozen=True)
class Plan:
    """The changes to one roster of one list.

    current: how many people it has now.
    change: pairs of a person before, and the same person afterwards.
    last_owner: who would be the last owner to be removed, and stays.
    mail: the messages that it causes.
    """

    address: str
    role: str
    current: int
    add: Sequence[Entry] = ()
    change: Sequence[tuple[Entry, Entry]] = ()
    remove: Sequence[Entry] = ()
    last_owner: Entry | None = None
    mail: Mail = NO_MAIL

    def __bool__(self) -> bool:
        return bool(self.add or self.change or self.remove)

    @property
    def size(self) -> int:
        """The number of people that it changes."""
        return len(self.add) + len(self.change) + len(self.remove)

    def before(self) -> list[str]:
        """Return what changes or disappears, a line for each person."""
        return sorted(describe(entry) for entry in [*(old for old, _new in self.change), *self.remove])

    def after(self) -> list[str]:
        """Return what changes or is added, a line for each person."""
        return sorted(describe(entry) for entry in [*(new for _old, new in self.change), *self.add])

    def lines(self) -> Iterator[str]:
        """Yield the plan as text: a summary, and a line for each person."""
        kept = f"; {self.last_owner.address} stays, as the last owner" if self.last_owner else ""
        yield (
            f"{self.address}: {self.current} {ROLE_NOUNS[self.role]}; {len(self.add)} to add,"
            f" {len(self.change)} to change, {len(self.remove)} to remove{kept}"
        )
        if self.mail.welcome and self.add:
            yield f"  {self.mail.cost(len(self.add))}"
        yield from (f"  + {describe(entry)}" for entry in self.add)
        yield from (f"  ~ {describe(old)} -> {describe(new)}" for old, new in self.change)
        yield from (f"  - {describe(entry)}" for entry in self.remove)


def describe(entry: Entry) -> str:
    """Return one line about a person."""
    return ", ".join([entry.address, *entry.properties().values()])


def make_plan(
    address: str,
    role: str,
    current: Iterable[Entry],
    wanted: Iterable[Entry],
    *,
    exact: bool,
    mail: Mail = NO_MAIL,
) -> Plan:
    """Return what makes the roster of `role` on the list `address` have the people `wanted`.

    exact: those who aren't wanted are removed; without it, they stay.
    Raises ValueError when the list's own address is wanted, which Mailman refuses, or moderation where there is none.
    """
    present = {entry.key: entry for entry in current}
    declared = {entry.key: entry for entry in wanted}
    if address.lower() in declared and role != "nonmember":
        raise ValueError(f"{address}: the list's own address can't be a {role}")
    moderated = [entry.address for entry in declared.values() if entry.moderation_action]
    if moderated and role not in MODERATED_ROLES:
        raise ValueError(f"{address}: {moderated[0]}: moderation_action is for members and nonmembers, not for {role}s")
    change = [(present[key], _merged(present[key], new)) for key, new in declared.items() if key in present]
    remove = [present[key] for key in sorted(present.keys() - declared.keys())] if exact else []
    last_owner = None
    if role == "owner" and remove and len(remove) == len(present) and not declared:
        last_owner, *remove = remove
    return Plan(
        address,
        role,
        len(present),
        add=[declared[key] for key in sorted(declared.keys() - present.keys())],
        change=sorted(((old, new) for old, new in change if old != new), key=lambda pair: pair[0].key),
        remove=remove,
        last_owner=last_owner,
        mail=mail,
    )


def _merged(old: Entry, new: Entry) -> Entry:
    """Return `old` with what `new` declares; the spelling of the address stays."""
    return replace(old, **new.properties())


def refusal(plan: Plan, max_removals: int | None) -> str | None:
    """Return why `plan` removes too many people, and how to allow it; None if it doesn't."""
    removed = len(plan.remove)
    share = removed / plan.current if plan.current else 0
    if max_removals is not None:
        limit = f"the {max_removals} that max_removals allows" if removed > max_removals else None
    elif plan.current < GUARDED_SIZE:
        limit = None
    elif share > LARGEST_SHARE:
        limit = f"{LARGEST_SHARE:.0%}".replace("%", " %")
    else:
        limit = str(LARGEST_NUMBER) if removed > LARGEST_NUMBER else None
    if limit is None:
        return None
    return (
        f"{plan.address}: {removed} of {plan.current} {ROLE_NOUNS[plan.role]} ({share * 100:.0f} %) would be removed,"
        f" more than {limit}. Look at the plan above; if it is meant: max_removals: {removed}"
    )

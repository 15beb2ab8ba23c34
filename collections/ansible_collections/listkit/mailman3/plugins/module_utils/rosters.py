# SPDX-License-Identifier: MIT
"""Bring the rosters of lists to their declared states: first all plans, then all changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ansible_collections.listkit.mailman3.plugins.module_utils.changes import Change, Incomplete
from ansible_collections.listkit.mailman3.plugins.module_utils.membership import files
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.bulk import BulkRoster
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import BadEntries, Entry, parse
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.plan import (
    NO_MAIL,
    ROLE_NOUNS,
    Mail,
    Plan,
    make_plan,
    refusal,
)
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.sync import Failure, Roster, carry_out, table
from ansible_collections.listkit.mailman3.plugins.module_utils.plain_roster import PlainRoster
from ansible_collections.listkit.mailman3.plugins.module_utils.rest import Api, EmptyApi, missing_list, segment

# The modules' options for one roster.
ARGUMENTS = {
    "state": {"type": "str", "choices": ["present", "exact"], "default": "present"},
    "entries": {"type": "list", "elements": "raw"},
    "file": {"type": "path"},
    "content": {"type": "str"},
    "format": {"type": "str", "choices": [files.DETECT, *files.FORMATS], "default": files.DETECT},
    "allow_empty": {"type": "bool", "default": False},
    "max_removals": {"type": "int"},
    "welcome": {"type": "bool", "default": False},
    "daily_limit": {"type": "int"},
}
SOURCES = ("entries", "file", "content")


class PlanRefused(ValueError):
    """The plans remove too many people; the text has all plans, and then how to allow it."""


@dataclass(frozen=True)
class Declared:
    """The desired state of one roster of the list `address`."""

    address: str
    role: str
    entries: Sequence[Entry]
    exact: bool = False
    max_removals: int | None = None
    mail: Mail = NO_MAIL

    @classmethod
    def of(cls, address: str, role: str, option: Mapping[str, Any]) -> Declared:
        """Return the desired state from a module's `option`, in the form of ARGUMENTS.

        Raises ValueError, which names the list, the option and each entry that isn't valid.
        """
        where = f"{address}: {ROLE_NOUNS[role]}"
        given = [source for source in SOURCES if option.get(source) is not None]
        if len(given) != 1:
            raise ValueError(f"{where}: needs one of {', '.join(SOURCES)} (for example entries: [ana@example.org])")
        try:
            entries = _entries(given[0], option)
        except BadEntries as error:
            raise ValueError("\n".join(f"{where}: {problem}" for problem in error.problems)) from error
        exact = option.get("state") == "exact"
        if exact and not entries and not option.get("allow_empty"):
            reason = f"is empty, and state: exact would remove all {ROLE_NOUNS[role]}"
            raise ValueError(f"{where}: {given[0]} {reason}; if it is meant: allow_empty: true")
        welcome = bool(option.get("welcome"))
        if welcome and role != "member":
            raise ValueError(f"{where}: welcome: Mailman has a welcome message for members only; leave welcome out")
        return cls(address, role, entries, exact, option.get("max_removals"), Mail(welcome, option.get("daily_limit")))


def _entries(source: str, option: Mapping[str, Any]) -> list[Entry]:
    value, form = option[source], option.get("format") or files.DETECT
    if source == "entries":
        return parse((f"entries[#{number}]", item) for number, item in enumerate(value, start=1))
    if source == "content":
        return files.read(value, form)
    try:
        return files.read(Path(value).read_bytes(), form)
    except OSError as error:
        raise BadEntries([f"file: {value}: {error.strerror}"]) from error
    except BadEntries as error:
        raise BadEntries([f"file: {value}, {problem}" for problem in error.problems]) from error


@dataclass(frozen=True)
class Planned:
    """A plan, and the roster that it was made for; None if its list doesn't exist yet."""

    plan: Plan
    roster: Roster | None

    def carry_out(self, api: Api) -> list[Failure]:
        """Do what the plan says; return the failures."""
        if not self.plan:
            return []
        roster = self.roster or (_find(api, self.plan.address, self.plan.role) or (None,))[0]
        if roster is None:
            raise ValueError(missing_list(self.plan.address))
        return carry_out(self.plan, roster)

    def change(self) -> Change:
        """Return what the plan changes, without the people that it doesn't."""
        noun = ROLE_NOUNS[self.plan.role]
        before, after = self.plan.before(), self.plan.after()
        what = f"{noun} of {self.plan.address}"
        return Change(what, {noun: before} if before else {}, {noun: after} if after else {})

    def result(self) -> dict[str, Any]:
        """Return it as a module's result."""
        plan = self.plan
        return {
            "list": plan.address,
            "role": plan.role,
            "added": len(plan.add),
            "changed": len(plan.change),
            "removed": len(plan.remove),
            "plan": list(plan.lines()),
        }


def plan_all(api: Api, declared: Iterable[Declared], *, new_lists: bool = False) -> list[Planned]:
    """Return a plan for each roster. Nothing is written.

    new_lists: a list that doesn't exist counts as one without people; otherwise, it raises ValueError.
    Raises PlanRefused, with every plan, if one of them removes too many.
    """
    planned = []
    refusals = []
    for item in declared:
        found = _find(api, item.address, item.role)
        if found is None and not new_lists and not isinstance(api, EmptyApi):
            raise ValueError(missing_list(item.address))
        roster, current = found or (None, [])
        plan = make_plan(item.address, item.role, current, item.entries, exact=item.exact, mail=item.mail)
        refusals.append(refusal(plan, item.max_removals))
        planned.append(Planned(plan, roster))
    if any(refusals):
        plans = [line for item in planned if item.plan for line in item.plan.lines()]
        raise PlanRefused("\n".join([*plans, *filter(None, refusals)]))
    return planned


def people(api: Api, address: str, role: str) -> list[Entry]:
    """Return everyone with `role` on the list `address`, sorted. Raises ValueError if there is no such list."""
    found = _find(api, address, role)
    if found is None and not isinstance(api, EmptyApi):
        raise ValueError(missing_list(address))
    return sorted(found[1] if found else [], key=lambda entry: entry.key)


def finish(
    api: Api,
    planned: Sequence[Planned],
    earlier: Sequence[Change] = (),
    results: Mapping[str, Any] = MappingProxyType({}),
    *,
    check: bool,
) -> tuple[list[Change], dict[str, Any]]:
    """Carry out the plans unless `check`; return the changes and results, after those that the module has already.

    Raises Incomplete if Mailman refuses some of the changes.
    """
    changes = [*earlier, *(item.change() for item in planned)]
    outcome = {**results, "rosters": [item.result() for item in planned]}
    failures = [] if check else [(item.plan, failure) for item in planned for failure in item.carry_out(api)]
    if failures:
        outcome["failures"] = [
            {"list": plan.address, "role": plan.role, "address": failure.address, "reason": failure.reason}
            for plan, failure in failures
        ]
        raise Incomplete(_failure_text(failures), changes, outcome)
    return changes, outcome


def _failure_text(failures: Sequence[tuple[Plan, Failure]]) -> str:
    """Return a table of the failures for each list."""
    by_roster: dict[str, list[Failure]] = {}
    for plan, failure in failures:
        by_roster.setdefault(f"{plan.address}: {ROLE_NOUNS[plan.role]}", []).append(failure)
    return "\n".join(
        f"{where}: {len(found)} of the changes failed; all others are done\n{table(found)}"
        for where, found in by_roster.items()
    )


def _find(api: Api, address: str, role: str) -> tuple[Roster, list[Entry]] | None:
    """Return a roster and everyone on it; None if there is no such list."""
    list_id = address.replace("@", ".")
    bulk = BulkRoster.find(api, list_id, role)
    if bulk is not None:
        return bulk
    if api.get(f"lists/{segment(address)}") is None:
        return None
    plain = PlainRoster(api, list_id, role)
    return plain, plain.read()

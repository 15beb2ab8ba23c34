# SPDX-License-Identifier: MIT
"""Aliases of a mailbox: read, add, remove; never replace the set, so that no other alias is lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.listkit.infomaniak.plugins.module_utils.api_module import Incomplete, Outcome
from ansible_collections.listkit.infomaniak.plugins.module_utils.client import ApiError, Client, Written, segment

LIMIT_REACHED = "alias_limit_reached"
ALREADY_GONE = "alias_does_not_exist"
# The mark of a mailing list's name: every list has an alias for its owners.
OWNER_SUFFIX = "-owner"


@dataclass(frozen=True)
class Plan:
    """The aliases that a mailbox has, and those to add and to remove, in the order declared."""

    have: list[str]
    add: list[str]
    remove: list[str]

    @property
    def result(self) -> list[str]:
        """The aliases after the change."""
        return sorted({*self.have, *self.add} - {*self.remove})


def find(client: Client, mailbox: str) -> list[str]:
    """Return the aliases of the mailbox at this path, without domain."""
    answer = client.get(f"{mailbox}/aliases") or {}
    return [alias.partition("@")[0].lower() for alias in answer.get("aliases") or ()]


def plan(have: list[str], declared: Iterable[str], absent: bool, exclusive: bool) -> Plan:
    """Return how to make the declared aliases exist, alone when `exclusive`, or not exist when `absent`."""
    declared = list(dict.fromkeys(declared))
    if absent:
        return Plan(have, [], [alias for alias in declared if alias in have])
    others = [alias for alias in have if alias not in declared]
    return Plan(have, [alias for alias in declared if alias not in have], others if exclusive else [])


def converge(client: Client, mailbox: str, todo: Plan) -> list[str]:
    """Carry the plan out and return the aliases as they are then; raise Incomplete when some don't fit."""
    path = f"{mailbox}/aliases"
    written = [_remove(client, f"{path}/{segment(alias)}") for alias in todo.remove]
    made: list[str] = []
    try:
        for alias in todo.add:
            written.append(client.post(path, {"alias": alias}))
            made.append(alias)
    except ApiError as error:
        raise _incomplete(client, mailbox, todo, made, error) from error
    if not written:
        return todo.result
    wanted = set(todo.result)
    return client.confirm(
        lambda: find(client, mailbox),
        lambda have: wanted <= set(have) and not set(todo.remove) & set(have),
        f"aliases to add: {', '.join(todo.add) or 'none'}; aliases to remove: {', '.join(todo.remove) or 'none'}",
        any(each.asynchronous for each in written),
    )


def _remove(client: Client, path: str) -> Written:
    try:
        return client.delete(path)
    except ApiError as error:
        if error.code != ALREADY_GONE:
            raise
        return Written(None, asynchronous=False)


def _incomplete(client: Client, mailbox: str, todo: Plan, made: list[str], error: ApiError) -> Incomplete:
    try:
        have = find(client, mailbox)
    except ApiError:
        have = [alias for alias in [*todo.have, *made] if alias not in todo.remove]
    missing = [alias for alias in todo.add if alias not in have]
    lists = lists_without_room([*todo.have, *todo.add], missing)
    message = f"{error} Not added: {', '.join(missing)}."
    if error.code == LIMIT_REACHED:
        message += f" The mailbox has {len(have)} aliases."
        message += f" Lists that don't fit: {', '.join(lists)}." if lists else ""
    return Incomplete(message, outcome(todo.have, have, missing=missing, lists_without_room=lists))


def lists_without_room(names: Iterable[str], missing: Iterable[str]) -> list[str]:
    """Return the mailing lists among `names` that lack an alias, in the order of `names`."""
    names = list(names)
    lists = [name for name in names if f"{name}{OWNER_SUFFIX}" in names]
    lacking = {_list_of(alias, lists) for alias in missing}
    return [name for name in lists if name in lacking]


def _list_of(alias: str, lists: Iterable[str]) -> str:
    return max((name for name in lists if f"{alias}-".startswith(f"{name}-")), key=len, default="")


def outcome(before: Iterable[str], after: Iterable[str], **results: list[str]) -> Outcome:
    """Return what a module answers: the aliases, those that are new and those that are gone."""
    before, after = sorted(before), sorted(after)
    return Outcome(
        before,
        after,
        {
            "aliases": after,
            "created": [alias for alias in after if alias not in before],
            "removed": [alias for alias in before if alias not in after],
            **results,
        },
    )

# SPDX-License-Identifier: MIT
"""Combine lists of another system with the lists that the inventory declares and those in Mailman.

The inventory wins: its next run would change back anything else. No one is removed in Mailman.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.listkit.kit.plugins.plugin_utils.declared_lists import (
    MEMBERS_FROM,
    ROSTER_KEYS,
    SUBSCRIPTION,
    SUBSCRIPTION_POLICIES,
)
from ansible_collections.listkit.kit.plugins.plugin_utils.exported_lists import NOT_MAILMANS
from ansible_collections.listkit.kit.plugins.plugin_utils.importing.description import Description
from ansible_collections.listkit.mailman3.plugins.module_utils import list_filters, list_settings
from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import list_address
from ansible_collections.listkit.mailman3.plugins.module_utils.initial_settings import initial_settings
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import Entry, parse_one

HEAD = """\
# The lists that the inventory declared, and those that playbooks/import_lists.yml has imported.
# Members aren't declared: at each run, someone who has left would be a member again.
"""
_POLICY = "subscription_policy"
_ALIASES = "acceptable_aliases"
# Keys with people or patterns, of which those in Mailman stay.
_KEPT_IN_MAILMAN = ("owners", "moderators", "bans", "header_matches")
_INVENTORY_WINS = "the inventory's value stays"


@dataclass
class Imported:
    """One list: its entry in `mailman_lists`, the members to add, and its part of the report.

    members: everyone in the source who can be a member.
    joining: those of them who haven't left since an earlier import.
    """

    address: str
    entry: dict[str, Any]
    description: Description
    members: list[Entry] = field(default_factory=list)
    joining: list[Entry] = field(default_factory=list)

    @property
    def is_skipped(self) -> bool:
        """Whether nothing of it is imported."""
        return bool(self.description.skipped)

    def declaration(self) -> dict[str, Any]:
        """Return the entry with the members to add, for the role `lists`."""
        people = [{"address": entry.address, **entry.properties()} for entry in self.joining]
        others = {*NOT_MAILMANS, *ROSTER_KEYS, MEMBERS_FROM}
        entry = {key: value for key, value in self.entry.items() if key not in others}
        return {**entry, "members": people} if people else entry

    def lines(self) -> Iterator[str]:
        """Yield the lines of the report."""
        described = self.description
        if self.is_skipped:
            yield f"{self.address}: not imported: {described.skipped}"
            return
        numbers = {
            "members": len(self.joining),
            **{key: len(self.entry.get(key) or ()) for key in (*_KEPT_IN_MAILMAN, "settings", "templates")},
        }
        shown = ", ".join(f"{number} {key.replace('_', ' ')}" for key, number in numbers.items() if number)
        yield f"{self.address}, from {described.origin}: {shown or 'only its name'}"
        for what, reason in described.left_out:
            yield f"  not imported: {what}: {reason}"
        for file in described.archives:
            variables = f"-e import_list={self.address} -e {shlex.quote(f'import_paths={file}')}"
            yield f"  its archive: ansible-playbook playbooks/import_archive.yml {variables}"


def imported(
    descriptions: Iterable[Description],
    domain: str,
    defaults: Mapping[str, Any],
    declared: Iterable[Mapping[str, Any]] = (),
    live: Iterable[Mapping[str, Any]] = (),
    earlier: Mapping[str, Sequence[Entry]] | None = None,
) -> list[Imported]:
    """Return the lists in the site's `domain`.

    defaults: settings of every declared list.
    declared: the current value of `mailman_lists`.
    live: the lists in Mailman with their members, as listkit.mailman3.mailing_lists_info returns them.
    earlier: by a list's address, the members in the source at the last import.
    """
    known = {list_address(item["name"], domain): item for item in declared}
    existing = {item["name"]: item for item in live}
    return [
        _imported(
            described,
            list_address(described.name, domain),
            domain,
            defaults,
            known.get(list_address(described.name, domain), {}),
            existing.get(list_address(described.name, domain), {}),
            (earlier or {}).get(list_address(described.name, domain), ()),
        )
        for described in descriptions
    ]


def _imported(
    described: Description,
    address: str,
    domain: str,
    defaults: Mapping[str, Any],
    declared: Mapping[str, Any],
    live: Mapping[str, Any],
    earlier: Sequence[Entry],
) -> Imported:
    if declared.get("state") == "absent":
        described.skipped = "the inventory declares it with state: absent"
    own = {"name": described.name, **described.keys}
    for key in _KEPT_IN_MAILMAN:
        if key in own:
            own[key] = _union(key, live.get(key) or (), own[key])
    own |= _settings(described, address, domain, defaults, declared)
    one = Imported(address, _with_declared(described, own, declared), described)
    one.members = _possible(described, address, one.entry.get("bans") or ())
    if "members" in declared or MEMBERS_FROM in declared:
        described.leave_out("members", "the inventory declares them")
    else:
        one.joining = _joining(described, one.members, live, earlier)
    return one


def _union(key: str, live: Sequence[Any], new: Sequence[Any]) -> list[Any]:
    if key == "header_matches":
        found = list_filters.normal_header_matches(live)
        return [*live, *(match for match in new if list_filters.normal_header_matches([match])[0] not in found)]
    found = {item.lower() for item in live}
    return [*live, *(item for item in new if item.lower() not in found)]


def _settings(
    described: Description, address: str, domain: str, defaults: Mapping[str, Any], declared: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the keys of an entry for the settings that a new list wouldn't have."""
    settings = dict(described.settings)
    if _ALIASES in settings:
        own = [f"^{re.escape(described.name)}@"] if described.domain == domain else []
        others = [alias for alias in settings[_ALIASES] if alias not in own]
        settings[_ALIASES] = [*defaults.get(_ALIASES, ()), *others]
    usual = {**initial_settings(address), **defaults}
    unusual = {
        name: value
        for name, value in settings.items()
        if name not in usual or list_settings.differ(name, value, usual[name])
    }
    if declared:
        # Its next run would change these back.
        for name in sorted(unusual.keys() & defaults.keys() - (declared.get("settings") or {}).keys()):
            value = unusual.pop(name)
            described.leave_out(f"settings.{name}", f"the default of the inventory's lists stays; here it is {value!r}")
    keys: dict[str, Any] = {}
    if unusual.get(_POLICY) in SUBSCRIPTION_POLICIES:
        keys[SUBSCRIPTION] = unusual.pop(_POLICY)
    return {**keys, "settings": unusual} if unusual else keys


def _with_declared(described: Description, own: dict[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of a list whose declaration so far is `declared`."""
    own = dict(own)
    settings, given = dict(own.get("settings", {})), declared.get("settings") or {}
    if SUBSCRIPTION in declared or _POLICY in given:
        own.pop(SUBSCRIPTION, None)
        settings.pop(_POLICY, None)
    for key in declared.keys() & own.keys() - {"name", "settings", "templates"}:
        if declared[key] != own[key]:
            described.leave_out(key, f"{_INVENTORY_WINS}; here it is {own[key]!r}")
    for key in ("settings", "templates"):
        theirs, ours = declared.get(key) or {}, settings if key == "settings" else own.get(key) or {}
        for name in sorted(theirs.keys() & ours.keys()):
            if theirs[name] != ours[name]:
                described.leave_out(f"{key}.{name}", f"{_INVENTORY_WINS}; here it is {ours[name]!r}")
        if ours or theirs:
            own[key] = {**ours, **theirs}
    return {**own, **{key: value for key, value in declared.items() if key not in ("settings", "templates")}}


def _possible(described: Description, address: str, bans: Sequence[str]) -> list[Entry]:
    """Return the members whom Mailman doesn't refuse."""
    patterns = [re.compile(ban, re.IGNORECASE) for ban in bans if ban.startswith("^")]
    banned = {ban.lower() for ban in bans}
    possible = []
    for entry in described.members:
        if entry.key == address:
            described.leave_out(entry.address, "is the list's own address, which can't be a member")
        elif entry.key in banned or any(pattern.match(entry.key) for pattern in patterns):
            described.leave_out(entry.address, "is banned, so Mailman refuses it as a member")
        else:
            possible.append(entry)
    return possible


def _joining(
    described: Description, members: Sequence[Entry], live: Mapping[str, Any], earlier: Sequence[Entry]
) -> list[Entry]:
    present = {parse_one(item).key for item in (live.get("members") or {}).get("entries", ())}
    gone = {entry.key for entry in earlier} - present
    for entry in members:
        if entry.key in gone:
            described.leave_out(entry.address, "has left the list since the last import")
    return [entry for entry in members if entry.key not in gone]


def mailman_lists(
    lists: Iterable[Imported], declared: Iterable[Mapping[str, Any]], domain: str
) -> list[Mapping[str, Any]]:
    """Return the new value of `mailman_lists`: the `declared` lists in their order, and then the others."""
    entries = {one.address: one.entry for one in lists if not one.is_skipped}
    merged = [entries.pop(list_address(item["name"], domain), item) for item in declared]
    return [*merged, *entries.values()]

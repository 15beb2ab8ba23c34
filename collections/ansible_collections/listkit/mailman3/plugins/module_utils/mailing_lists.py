# SPDX-License-Identifier: MIT
"""Bring the domains and lists of a Mailman to their declared states.

Each `converge_…` function reads the state, compares, acts unless `check`, and returns a Change. In check mode, `api`
may be None: Mailman has not been deployed yet, and everything is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.listkit.mailman3.plugins.module_utils import (
    list_filters,
    list_settings,
    rosters,
    templates,
)
from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import list_address
from ansible_collections.listkit.mailman3.plugins.module_utils.changes import Change
from ansible_collections.listkit.mailman3.plugins.module_utils.rest import Api, segment

ROLES = {"owners": "owner", "moderators": "moderator"}
# The modules' options for a list.
ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "description": {"type": "str"},
    "owners": {"type": "list", "elements": "str"},
    "moderators": {"type": "list", "elements": "str"},
    "members": {"type": "dict", "options": rosters.ARGUMENTS},
    "bans": {"type": "list", "elements": "str"},
    "header_matches": {"type": "list", "elements": "dict", "options": list_filters.HEADER_MATCH_ARGUMENTS},
    "templates": {"type": "dict", "default": {}},
    "settings": {"type": "dict", "default": {}},
    "style": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "force": {"type": "bool", "default": False},
}


class LossRefused(ValueError):
    """Lists to remove have members or held messages; the text has their numbers, and then how to allow it."""


@dataclass(frozen=True)
class Declaration:
    """The desired state of a list; None leaves a property unchanged."""

    address: str
    settings: Mapping[str, Any]
    rosters: Sequence[rosters.Declared] = ()
    bans: list[str] | None = None
    header_matches: list[list_filters.HeaderMatch] | None = None
    templates: Mapping[str, templates.Template] = field(default_factory=dict)
    style: str | None = None
    absent: bool = False
    force: bool = False

    @classmethod
    def of(cls, item: Mapping[str, Any], domain: str, defaults: Mapping[str, Any]) -> Declaration:
        """Return the desired state from a module's `item`, whose own settings override `defaults`.

        Raises ValueError with the reason when Mailman would refuse a setting.
        """
        settings = {**defaults, **(item.get("settings") or {})}
        if item.get("description") is not None:
            settings["description"] = item["description"]
        address, absent = list_address(item["name"], domain), item.get("state") == "absent"
        for name, value in settings.items():
            wrong = list_settings.problem(name, value)
            if wrong:
                raise ValueError(f"{address}: settings.{name}: {wrong[0]} (for example {wrong[1]})")
        return cls(
            address,
            settings,
            () if absent else tuple(_rosters(address, item)),
            _valid(address, item, "bans", list_filters.ban_problem, list_filters.normal_bans),
            _valid(
                address,
                item,
                "header_matches",
                list_filters.header_match_problem,
                list_filters.normal_header_matches,
            ),
            _valid_templates(address, item.get("templates") or {}),
            item.get("style"),
            absent,
            bool(item.get("force")),
        )

    def filters(self) -> dict[str, Any]:
        """Return the declared bans and header matches by their names."""
        values = {"bans": self.bans, "header_matches": self.header_matches}
        return {name: value for name, value in values.items() if value is not None}


def _rosters(address: str, item: Mapping[str, Any]) -> Iterator[rosters.Declared]:
    if item.get("members") is not None:
        yield rosters.Declared.of(address, "member", item["members"])
    for key, role in ROLES.items():
        if item.get(key) is not None:
            # These few are written out in the declaration, which has no key to lift the guard for them.
            option = {"state": "exact", "entries": item[key], "allow_empty": True, "max_removals": sys.maxsize}
            yield rosters.Declared.of(address, role, option)


def _valid(
    address: str,
    item: Mapping[str, Any],
    key: str,
    problem: Callable[[Any], tuple[str, str] | None],
    normal: Callable[[Any], list[Any]],
) -> list[Any] | None:
    if item.get(key) is None:
        return None
    wrong = problem(item[key])
    if wrong:
        raise ValueError(f"{address}: {key}: {wrong[0]} (for example {wrong[1]})")
    return normal(item[key])


def _valid_templates(address: str, declared: Mapping[str, templates.Template]) -> Mapping[str, templates.Template]:
    wrong = templates.problem(declared)
    if wrong:
        raise ValueError(f"{address}: templates: {wrong[0]} (for example {wrong[1]})")
    return declared


def converge_domain(
    api: Api,
    name: str,
    description: str | None = None,
    owners: Sequence[str] | None = None,
    *,
    absent: bool = False,
    check: bool = False,
) -> Change:
    """Create, change or remove the domain `name`. `owners` are then its only ones; None leaves them unchanged."""
    path = f"domains/{segment(name)}"
    present = api.get(path)
    what = f"domain {name}"
    if absent:
        if present and not check:
            api.delete(path)
        return Change(what, before={"domain": name} if present else {})
    wanted = {} if description is None else {"description": description}
    if not present and not check:
        api.post("domains", {"mail_host": name, **wanted})
    differing = {key: value for key, value in wanted.items() if present and (present.get(key) or "") != value}
    if differing and not check:
        api.patch(path, differing)
    before: dict[str, Any] = {key: (present or {}).get(key) or "" for key in differing}
    after: dict[str, Any] = dict(differing) if present else {"domain": name, **wanted}
    change = _converge_domain_owners(api, path, owners, check) if owners is not None else None
    if change:
        after["owners"] = change[1]
        if present:
            before["owners"] = change[0]
    return Change(what, before, after)


def _converge_domain_owners(
    api: Api, path: str, owners: Sequence[str], check: bool
) -> tuple[list[str], list[str]] | None:
    """Make `owners` the domain's only owners; return them before and after, or None if nothing differs."""
    wanted = {owner.lower(): owner for owner in owners}
    # An owner is a person, who may have several addresses.
    people = [_addresses_of(api, user["user_id"]) for user in api.entries(f"{path}/owners")]
    surplus = [addresses for addresses in people if not wanted.keys() & set(addresses)]
    missing = [owner for key, owner in wanted.items() if not any(key in addresses for addresses in people)]
    if not surplus and not missing:
        return None
    if not check:
        # Mailman removes all owners or none.
        if surplus:
            api.delete(f"{path}/owners")
        adding = list(wanted.values()) if surplus else missing
        if adding:
            api.post(f"{path}/owners", {"owner": adding})
    kept = [next(key for key in wanted if key in addresses) for addresses in people if addresses not in surplus]
    return sorted([*kept, *(addresses[0] for addresses in surplus if addresses)]), sorted(wanted)


def _addresses_of(api: Api, user: Any) -> list[str]:
    return [entry["email"].lower() for entry in api.entries(f"users/{user}/addresses")]


def refuse_losses(api: Api, declared: Iterable[Declaration]) -> None:
    """Raise LossRefused if a list to remove isn't empty and its declaration has no `force`. Nothing is written."""
    refusals = []
    for item in declared:
        present = api.get(f"lists/{segment(item.address)}") if item.absent and not item.force else None
        lost = _contents(api, present) if present else {}
        if lost and lost["members"] + lost["held_messages"]:
            refusals.append(f"{item.address}: state: absent would remove {loss(lost)}; if it is meant: force: true")
    if refusals:
        raise LossRefused("\n".join(refusals))


def loss(contents: Mapping[str, Any]) -> str:
    """Return in words what disappears with a list that has these `members` and `held_messages`."""
    nouns = {"members": "member", "held_messages": "held message"}
    counted = (f"{contents[key]} {noun}{'' if contents[key] == 1 else 's'}" for key, noun in nouns.items())
    return f"{' and '.join(counted)} (the archive is kept)"


def converge_list(api: Api, declared: Declaration, templates_directory: str, *, check: bool = False) -> Change:
    """Create, change or remove a list."""
    path = f"lists/{segment(declared.address)}"
    present = api.get(path)
    what = f"list {declared.address}"
    of_list = templates.Templates(api, f"lists/{declared.address.replace('@', '.')}/", templates_directory)
    if declared.absent:
        lost = _contents(api, present) if present else {}
        if present and not check:
            of_list.remove_all()
            api.delete(path)
        return Change(what, before=lost)
    if present:
        before, after = _adjust(api, present["list_id"], declared, of_list, check)
        return Change(what, before, after)
    texts = {"templates": dict(declared.templates)} if declared.templates else {}
    if not check:
        style = {"style_name": declared.style} if declared.style else {}
        api.post("lists", {"fqdn_listname": declared.address, **style})
        _adjust(api, declared.address.replace("@", "."), declared, of_list, check)
    return Change(what, after={"list": declared.address, **declared.settings, **declared.filters(), **texts})


def _contents(api: Api, present: Mapping[str, Any]) -> dict[str, Any]:
    """Return what disappears with an existing list."""
    # The total comes with every page; a page of one message is the smallest.
    held = api.get(f"lists/{present['list_id']}/held?count=1&page=1") or {}
    return {
        "list": present["fqdn_listname"],
        "members": present["member_count"],
        "held_messages": held.get("total_size", 0),
    }


def _adjust(
    api: Api, list_id: str, declared: Declaration, of_list: templates.Templates, check: bool
) -> tuple[dict, dict]:
    """Correct an existing list's settings, filters and templates; return the differences, before and after."""
    path = f"lists/{list_id}/config"
    config = (api.get(path) or {}) if declared.settings else {}
    unknown = sorted(set(declared.settings) - set(config))
    if unknown:
        raise ValueError(f"{declared.address}: this version of Mailman has no setting {', '.join(unknown)}")
    differing = {
        name: value for name, value in declared.settings.items() if list_settings.differ(name, value, config[name])
    }
    if differing and not check:
        api.patch(path, list_settings.encode(differing))
    before, after = {name: config[name] for name in differing}, dict(differing)
    for name, wanted in declared.filters().items():
        found = _converge_filter(api, list_id, name, wanted, check)
        if found != wanted:
            before[name], after[name] = found, wanted
    template_change = of_list.converge(declared.templates, check=check)
    if any(template_change):
        before["templates"], after["templates"] = template_change
    return before, after


def _converge_filter(api: Api, list_id: str, name: str, wanted: list[Any], check: bool) -> list[Any]:
    converge = list_filters.converge_bans if name == "bans" else list_filters.converge_header_matches
    return converge(api, f"lists/{list_id}/", wanted, check=check)


def addresses_of_all(api: Api) -> list[str]:
    """Return the addresses of all lists that exist."""
    return sorted(entry["fqdn_listname"] for entry in api.entries("lists"))


def drift(api: Api, addresses: Iterable[str], defaults: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the lists at `addresses` that deviate from `defaults`, each with its own values."""
    found = []
    for address in addresses:
        config = api.get(f"lists/{segment(address)}/config") or {}
        differing = {
            name: config[name]
            for name, value in defaults.items()
            if name in config and list_settings.differ(name, value, config[name])
        }
        if differing:
            found.append({"list": address, "settings": differing})
    return found

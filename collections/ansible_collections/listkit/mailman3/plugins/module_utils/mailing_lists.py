# SPDX-License-Identifier: MIT
"""Bring the domains and lists of a Mailman to their declared states.

Each `converge_…` function reads the state, compares, acts unless `check`, and returns a Change. In check mode, `api`
may be None: Mailman has not been deployed yet, and everything is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.listkit.mailman3.plugins.module_utils import list_settings
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
    "settings": {"type": "dict", "default": {}},
    "style": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


@dataclass(frozen=True)
class Declaration:
    """The desired state of a list; None leaves a property unchanged."""

    address: str
    settings: Mapping[str, Any]
    people: Mapping[str, list[str]]
    style: str | None = None
    absent: bool = False

    @classmethod
    def of(cls, item: Mapping[str, Any], domain: str, defaults: Mapping[str, Any]) -> Declaration:
        """Return the desired state from a module's `item`, whose own settings override `defaults`.

        Raises ValueError with the reason when Mailman would refuse a setting.
        """
        settings = {**defaults, **(item.get("settings") or {})}
        if item.get("description") is not None:
            settings["description"] = item["description"]
        address = list_address(item["name"], domain)
        for name, value in settings.items():
            wrong = list_settings.problem(name, value)
            if wrong:
                raise ValueError(f"{address}: settings.{name}: {wrong[0]} (for example {wrong[1]})")
        people = {key: sorted({str(one).lower() for one in item[key]}) for key in ROLES if item.get(key) is not None}
        return cls(address, settings, people, item.get("style"), item.get("state") == "absent")


def converge_domain(
    api: Api, name: str, description: str | None = None, *, absent: bool = False, check: bool = False
) -> Change:
    """Create, change or remove the domain `name`."""
    path = f"domains/{segment(name)}"
    present = api.get(path)
    what = f"domain {name}"
    if absent:
        if present and not check:
            api.delete(path)
        return Change(what, before={"domain": name} if present else {})
    wanted = {} if description is None else {"description": description}
    if not present:
        if not check:
            api.post("domains", {"mail_host": name, **wanted})
        return Change(what, after={"domain": name, **wanted})
    differing = {key: value for key, value in wanted.items() if (present.get(key) or "") != value}
    if differing and not check:
        api.patch(path, differing)
    return Change(what, before={key: present.get(key) or "" for key in differing}, after=differing)


def converge_list(api: Api, declared: Declaration, *, check: bool = False) -> Change:
    """Create, change or remove a list."""
    path = f"lists/{segment(declared.address)}"
    present = api.get(path)
    what = f"list {declared.address}"
    if declared.absent:
        lost = _contents(api, present) if present else {}
        if present and not check:
            api.delete(path)
        return Change(what, before=lost)
    if present:
        before, after = _adjust(api, present["list_id"], declared, check)
        return Change(what, before, after)
    if not check:
        style = {"style_name": declared.style} if declared.style else {}
        api.post("lists", {"fqdn_listname": declared.address, **style})
        _adjust(api, declared.address.replace("@", "."), declared, check)
    return Change(what, after={"list": declared.address, **declared.settings, **declared.people})


def _contents(api: Api, present: Mapping[str, Any]) -> dict[str, Any]:
    """Return what disappears with an existing list."""
    # The total comes with every page; a page of one message is the smallest.
    held = api.get(f"lists/{present['list_id']}/held?count=1&page=1") or {}
    return {
        "list": present["fqdn_listname"],
        "members": present["member_count"],
        "held_messages": held.get("total_size", 0),
    }


def _adjust(api: Api, list_id: str, declared: Declaration, check: bool) -> tuple[dict, dict]:
    """Correct an existing list's settings and people; return the differences, before and after."""
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
    for key, wanted in declared.people.items():
        found = _adjust_people(api, list_id, ROLES[key], wanted, check)
        if found != wanted:
            before[key], after[key] = found, wanted
    return before, after


def _adjust_people(api: Api, list_id: str, role: str, wanted: list[str], check: bool) -> list[str]:
    """Give `role` to exactly the addresses `wanted`; return those that had it before."""
    members = {entry["email"].lower(): entry["member_id"] for entry in api.entries(f"lists/{list_id}/roster/{role}")}
    if not check:
        for address in sorted(set(wanted) - set(members)):
            api.post("members", {"list_id": list_id, "subscriber": address, "role": role})
        for address in sorted(set(members) - set(wanted)):
            api.delete(f"members/{members[address]}")
    return sorted(members)


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

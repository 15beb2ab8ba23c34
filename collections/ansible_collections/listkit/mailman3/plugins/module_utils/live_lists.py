# SPDX-License-Identifier: MIT
"""Describe the lists that exist as declarations which change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.listkit.mailman3.plugins.module_utils import (
    list_filters,
    list_settings,
    rosters,
    templates,
)
from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import is_address
from ansible_collections.listkit.mailman3.plugins.module_utils.initial_settings import initial_settings
from ansible_collections.listkit.mailman3.plugins.module_utils.mailing_lists import ROLES
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import Entry, parse_one
from ansible_collections.listkit.mailman3.plugins.module_utils.rest import Api, segment

_USUAL = {"display_name": "", "delivery_mode": "regular", "delivery_status": "enabled"}


class LiveList:
    """One list. `declaration` has the options of the module `mailing_list`, `left_out` those that it can't have.

    A setting is left out of the declaration if it has the value that a new list would have.
    """

    def __init__(self, address: str):
        self.declaration: dict[str, Any] = {"name": address}
        self.left_out: list[dict[str, str]] = []
        self._address = address
        self._path = f"lists/{address.replace('@', '.')}/"

    def read(
        self, api: Api, defaults: Mapping[str, Any], templates_directory: str, *, members: bool = False
    ) -> LiveList:
        """Read the list from Mailman, and return it.

        defaults: settings of every declared list, which override those of a new one.
        members: whether to have the members too.
        """
        self._read_settings(api, defaults)
        for key, role in ROLES.items():
            self._add_administrators(key, rosters.people(api, self._address, role))
        if members:
            self._add_members(rosters.people(api, self._address, "member"))
        bans = list_filters.bans(api, self._path)
        self._add("bans", bans, list_filters.ban_problem(bans))
        matches = list_filters.header_matches(api, self._path)
        self._add("header_matches", matches, list_filters.header_match_problem(matches))
        texts = templates.Templates(api, self._path, templates_directory).read()
        self._add("templates", texts, templates.problem(texts))
        return self

    def _read_settings(self, api: Api, defaults: Mapping[str, Any]) -> None:
        config = api.get(f"lists/{segment(self._address)}/config") or {}
        settings = {}
        for name, usual in {**initial_settings(self._address), **defaults}.items():
            if name not in config:
                continue
            wrong = list_settings.problem(name, config[name])
            if wrong:
                self._leave_out(f"settings.{name}", wrong[0])
            elif list_settings.differ(name, usual, config[name]):
                settings[name] = config[name]
        if "description" in settings:
            self.declaration["description"] = settings.pop("description")
        self._add("settings", settings)

    def _add_administrators(self, key: str, people: list[Entry]) -> None:
        addresses = [entry.address for entry in people]
        bad = next((address for address in addresses if not is_address(address)), None)
        self._add(key, addresses, (f"{bad!r} is not a full address", "ana@example.org") if bad else None)

    def _add_members(self, people: list[Entry]) -> None:
        members = []
        for item in map(_shortest, people):
            try:
                parse_one(item)
            except ValueError as error:
                self._leave_out("members", str(error))
            else:
                members.append(item)
        self._add("members", {"entries": members} if members else {})

    def _add(self, key: str, value: Any, problem: tuple[str, str] | None = None) -> None:
        """Declare an option that isn't empty, unless there is a problem."""
        if problem:
            self._leave_out(key, problem[0])
        elif value:
            self.declaration[key] = value

    def _leave_out(self, key: str, reason: str) -> None:
        self.left_out.append({"list": self._address, "option": key, "reason": reason})


def _shortest(entry: Entry) -> str | dict[str, str]:
    unusual = {name: value for name, value in entry.properties().items() if value != _USUAL.get(name)}
    return {"address": entry.address, **unusual} if unusual else entry.address

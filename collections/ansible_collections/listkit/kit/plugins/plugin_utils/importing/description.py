# SPDX-License-Identifier: MIT
"""A list as it was in another system, described as `mailman_lists` declares one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.listkit.mailman3.plugins.module_utils import list_filters, list_settings
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import Entry, Located, parse_one


class CannotImport(ValueError):
    """A source can't be read; the text says which one and why."""


@dataclass
class Description:
    """A list, and the parts of it that can't be declared.

    name: the part before the @.
    origin: the file, directory or service that it was read from.
    domain: the part after the @ in the other system, if the source has it.
    keys: keys of an entry of `mailman_lists` that aren't settings.
    archives: files with older posts.
    left_out: parts that aren't imported, each with the reason.
    skipped: why nothing of the list is imported; empty for a list that is.
    """

    name: str
    origin: str
    domain: str = ""
    keys: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    members: list[Entry] = field(default_factory=list)
    archives: list[Path] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    skipped: str = ""

    def leave_out(self, what: str, reason: str) -> None:
        """Report that `what` isn't imported."""
        self.left_out.append((what, reason))

    def set(self, name: str, value: Any) -> None:
        """Give a setting of Mailman a value, unless Mailman would refuse it."""
        wrong = list_settings.problem(name, value)
        if wrong:
            self.leave_out(f"settings.{name}", wrong[0])
        else:
            self.settings[name] = value

    def describe(self, text: str) -> None:
        """Set the description, which is one line."""
        line = " ".join(text.split())
        if line:
            self.keys["description"] = line

    def add_members(self, people: Iterable[Located]) -> None:
        """Add members; each that isn't valid, or occurs twice with other properties, is left out."""
        known: dict[str, Entry] = {entry.key: entry for entry in self.members}
        for where, item in people:
            try:
                entry = parse_one(item)
            except ValueError as error:
                self.leave_out(f"member, {where}", str(error))
                continue
            first = known.setdefault(entry.key, entry)
            if first is entry:
                self.members.append(entry)
            elif first != entry:
                self.leave_out(f"member, {where}", f"{entry.address} occurs before with other values, which are used")

    def add_administrators(self, key: str, addresses: Sequence[str]) -> None:
        """Add `owners` or `moderators`."""
        good = self.keys.setdefault(key, [])
        for address in addresses:
            try:
                entry = parse_one({"address": address})
            except ValueError as error:
                self.leave_out(key, str(error))
                continue
            if entry.key not in (other.lower() for other in good):
                good.append(entry.address)
        if not good:
            del self.keys[key]

    def ban(self, bans: Iterable[str]) -> None:
        """Add those bans that can be declared."""
        self._add_filters("bans", bans, list_filters.ban_problem)

    def match_headers(self, matches: Iterable[dict[str, Any]]) -> None:
        """Add those header matches that can be declared."""
        self._add_filters("header_matches", matches, list_filters.header_match_problem)

    def _add_filters(self, key, items, problem) -> None:
        good: list[Any] = []
        for item in items:
            wrong = problem([*good, item])
            if wrong:
                self.leave_out(key, wrong[0])
            else:
                good.append(item)
        if good:
            self.keys[key] = good

    def write_text(self, template: str, text: str) -> None:
        """Use `text` for a message of Mailman's, in which it replaces placeholders."""
        self.keys.setdefault("templates", {})[template] = text

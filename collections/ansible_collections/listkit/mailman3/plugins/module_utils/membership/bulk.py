# SPDX-License-Identifier: MIT
"""A roster through the resource `members` of a Mailman plugin, with many people in each request.

    GET  plugins/listkit/members/LIST_ID/ROLE?after=CURSOR
         {"entries": [{"email", "display_name", "delivery_mode", "delivery_status", "moderation_action"}, …],
          "next": CURSOR or null}; moderation_action is null if it is the list's default
    POST plugins/listkit/members/LIST_ID/ROLE
         {"add": [entry, …], "change": [entry, …], "remove": [email, …], "welcome": true}; each key is optional, and
         without `welcome`, new members get no message
         {"failed": [{"email", "reason"}, …]}

Mailman's own interface adds one person with each request, and has no other way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import Entry
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.sync import Failure

RESOURCE = "plugins/listkit/members"


class Rest(Protocol):
    """The required methods of a client of Mailman's REST interface."""

    def get(self, path: str) -> dict[str, Any] | None:
        """Return the resource at `path`; None, or an error, if there isn't one."""

    def post_json(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send `body` to `path`, and return the answer."""


class BulkRoster:
    """See `sync.Roster`."""

    def __init__(self, rest: Rest, list_id: str, role: str):
        self._rest, self._path = rest, f"{RESOURCE}/{list_id}/{role}"

    @classmethod
    def find(cls, rest: Rest, list_id: str, role: str) -> tuple[BulkRoster, list[Entry]] | None:
        """Return the roster and everyone on it; None if this Mailman has no such resource, or no such list."""
        roster = cls(rest, list_id, role)
        entries = roster._pages()
        return None if entries is None else (roster, entries)

    def read(self) -> list[Entry]:
        """See Roster."""
        return self._pages() or []

    def _pages(self) -> list[Entry] | None:
        found: list[Entry] = []
        cursor = "0"
        while cursor:
            page = self._rest.get(f"{self._path}?after={cursor}")
            if page is None:
                return None
            found += (from_json(item) for item in page["entries"])
            cursor = page["next"]
        return found

    def add(self, entries: Sequence[Entry], *, welcome: bool = False) -> list[Failure]:
        """See Roster."""
        return self._post({"add": [to_json(entry) for entry in entries], **({"welcome": True} if welcome else {})})

    def change(self, pairs: Sequence[tuple[Entry, Entry]]) -> list[Failure]:
        """See Roster."""
        return self._post({"change": [_difference(old, new) for old, new in pairs]})

    def remove(self, entries: Sequence[Entry]) -> list[Failure]:
        """See Roster."""
        return self._post({"remove": [entry.key for entry in entries]})

    def _post(self, body: dict[str, Any]) -> list[Failure]:
        failed = self._rest.post_json(self._path, body)["failed"]
        return [Failure(item["email"], item["reason"]) for item in failed]


def from_json(item: dict[str, Any]) -> Entry:
    """Return a person of Mailman's; one without a name has none to keep."""
    return Entry(
        item["email"],
        item.get("display_name") or None,
        item["delivery_mode"],
        item["delivery_status"],
        item.get("moderation_action"),
    )


def to_json(entry: Entry) -> dict[str, str]:
    """Return a person as the resource accepts it."""
    return {"email": entry.address, **entry.properties()}


def _difference(old: Entry, new: Entry) -> dict[str, str]:
    return {"email": old.key, **new.changes(old)}

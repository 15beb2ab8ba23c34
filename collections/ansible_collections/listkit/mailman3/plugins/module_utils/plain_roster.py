# SPDX-License-Identifier: MIT
"""A roster through Mailman's own REST interface, one person with each request.

For a Mailman without the bulk resource (`membership/bulk.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar
from urllib.parse import quote

from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import (
    DELIVERY_STATUSES,
    MODERATED_ROLES,
    Entry,
)
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.sync import Failure
from ansible_collections.listkit.mailman3.plugins.module_utils.rest import Api, RestError, Unreachable, segment

PAGE = 1000
_FIELDS = "fields=email&fields=display_name&fields=member_id&fields=delivery_mode&fields=moderation_action"
# The exceptions: a roster has no field for the delivery status.
_DISABLED = [status for status in DELIVERY_STATUSES if status != "enabled"]

T = TypeVar("T")


class PlainRoster:
    """See `sync.Roster`."""

    def __init__(self, api: Api, list_id: str, role: str):
        self._api, self._list_id, self._role = api, list_id, role
        self._member_ids: dict[str, str] = {}

    def read(self) -> list[Entry]:
        """See Roster."""
        found: dict[str, Entry] = {}
        for item in self._pages(f"lists/{self._list_id}/roster/{self._role}?{_FIELDS}"):
            action = item.get("moderation_action") if self._role in MODERATED_ROLES else None
            entry = Entry(item["email"], item.get("display_name") or None, item["delivery_mode"], "enabled", action)
            found[entry.key] = entry
            self._member_ids[entry.key] = item["member_id"]
        for status in _DISABLED if found else ():
            query = f"list_id={self._list_id}&role={self._role}&delivery_status={status}&fields=email"
            for item in self._pages(f"members/find?{query}"):
                key = item["email"].lower()
                found[key] = replace(found[key], delivery_status=status)
        return list(found.values())

    def _pages(self, path: str) -> Iterator[dict[str, str]]:
        page = 1
        while True:
            entries = self._api.entries(f"{path}&count={PAGE}&page={page}")
            yield from entries
            if len(entries) < PAGE:
                return
            page += 1

    def add(self, entries: Sequence[Entry], *, welcome: bool = False) -> list[Failure]:
        """See Roster."""
        with self._without_owners_notices():
            return _each(entries, lambda entry: self._add(entry, welcome), lambda entry: entry.address)

    def _add(self, entry: Entry, welcome: bool) -> None:
        fields = {"list_id": self._list_id, "subscriber": entry.address, "role": self._role, **entry.properties()}
        action = fields.pop("moderation_action", None)
        if self._role == "member":
            # Without these, Mailman would ask the person or the owners, and decide on its own about a welcome message.
            fields |= {"pre_verified": "true", "pre_confirmed": "true", "pre_approved": "true"}
            fields["send_welcome_message"] = str(welcome).lower()
        self._api.post("members", fields)
        if entry.display_name:
            # Mailman ignores the name of an address that it knows already.
            self._api.patch(f"addresses/{segment(entry.key)}", {"display_name": entry.display_name})
        if action:
            query = f"list_id={self._list_id}&role={self._role}&subscriber={quote(entry.key)}&fields=member_id"
            for item in self._api.entries(f"members/find?{query}"):
                self._api.patch(f"members/{item['member_id']}", {"moderation_action": action})

    def change(self, pairs: Sequence[tuple[Entry, Entry]]) -> list[Failure]:
        """See Roster."""
        return _each(pairs, self._change, lambda pair: pair[0].address)

    def _change(self, pair: tuple[Entry, Entry]) -> None:
        old, new = pair
        fields = new.changes(old)
        name = fields.pop("display_name", None)
        if name is not None:
            self._api.patch(f"addresses/{segment(old.key)}", {"display_name": name})
        action = fields.pop("moderation_action", None)
        if action is not None:
            self._api.patch(f"members/{self._member_ids[old.key]}", {"moderation_action": action})
        if fields:
            self._api.patch(f"members/{self._member_ids[old.key]}/preferences", fields)

    def remove(self, entries: Sequence[Entry]) -> list[Failure]:
        """See Roster."""
        if self._role != "member":
            return _each(entries, self._remove, lambda entry: entry.address)
        # One transaction, and the only way without a message to the person.
        path = f"lists/{self._list_id}/roster/member"
        answer = self._api.delete_json(path, {"emails": [entry.key for entry in entries]})
        return [Failure(email, "is not a member any more") for email, removed in answer.items() if removed is False]

    def _remove(self, entry: Entry) -> None:
        self._api.delete(f"members/{self._member_ids[entry.key]}")

    @contextmanager
    def _without_owners_notices(self) -> Iterator[None]:
        """Switch the messages to the owners about new members off meanwhile."""
        path = f"lists/{self._list_id}/config"
        wanted = self._role == "member" and (self._api.get(path) or {}).get("admin_notify_mchanges")
        if wanted:
            self._api.patch(path, {"admin_notify_mchanges": "False"})
        try:
            yield
        finally:
            if wanted:
                self._api.patch(path, {"admin_notify_mchanges": "True"})


def _each(items: Iterable[T], act: Callable[[T], None], address: Callable[[T], str]) -> list[Failure]:
    """Act on each item; return those that Mailman refused."""
    failures = []
    for item in items:
        try:
            act(item)
        except Unreachable:
            raise
        except RestError as error:
            failures.append(Failure(address(item), error.reason))
    return failures

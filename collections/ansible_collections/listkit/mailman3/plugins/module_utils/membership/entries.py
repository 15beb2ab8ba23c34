# SPDX-License-Identifier: MIT
"""One person on a roster, and the rules for declaring one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any

from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import is_address

ROLES = ("member", "owner", "moderator", "nonmember")
DELIVERY_MODES = ("regular", "mime_digests", "plaintext_digests", "summary_digests")
# "unknown" comes from imports of Mailman 2; it isn't delivered to.
DELIVERY_STATUSES = ("enabled", "by_user", "by_moderator", "by_bounces", "unknown")
# What happens to a person's posts instead of the list's default; "defer" lets the other rules decide.
MODERATION_ACTIONS = ("accept", "defer", "hold", "reject", "discard")
# The roles that have one. Owners and moderators post freely.
MODERATED_ROLES = ("member", "nonmember")
# Other names of the usual kind of digest.
_DIGESTS = {"digest": "mime_digests", "digests": "mime_digests"}

ADDRESS_EXAMPLE = "ana@example.org"
# Mailman's own rule for the part before the @ (mailman/email/validate.py).
_LOCAL_PART = re.compile(r"[-0-9a-z!#$%&'*+./=?_`{}~]+", re.IGNORECASE)
_NAMED_ADDRESS = re.compile(r".*<[^<>]+>")


@dataclass(frozen=True)
class Entry:
    """One person with a role on a list. None leaves a property as it is, or as Mailman makes it for a new person."""

    address: str
    display_name: str | None = None
    delivery_mode: str | None = None
    delivery_status: str | None = None
    moderation_action: str | None = None

    @property
    def key(self) -> str:
        """The address as Mailman compares it."""
        return self.address.lower()

    def properties(self) -> dict[str, str]:
        """Return the properties that have a value, without the address."""
        values = {
            "display_name": self.display_name,
            "delivery_mode": self.delivery_mode,
            "delivery_status": self.delivery_status,
            "moderation_action": self.moderation_action,
        }
        return {name: value for name, value in values.items() if value is not None}

    def changes(self, old: Entry) -> dict[str, str]:
        """Return the properties with another value than in `old`."""
        before = old.properties()
        return {name: value for name, value in self.properties().items() if before.get(name) != value}


PROPERTIES = ("address", "display_name", "delivery_mode", "delivery_status", "moderation_action")


class BadEntries(ValueError):
    """Some entries are not valid; the text names each with its place and the reason."""

    def __init__(self, problems: list[str]):
        super().__init__("\n".join(problems))
        self.problems = problems


Located = tuple[str, Any]
"""Where an entry is, such as "line 3", and the entry: an address, or a dictionary of PROPERTIES."""


def parse(items: Iterable[Located]) -> list[Entry]:
    """Return the entries, each address once. Raises BadEntries for any that isn't valid, so none is ever skipped."""
    problems: list[str] = []
    first: dict[str, tuple[str, Entry]] = {}
    for where, item in items:
        try:
            entry = parse_one(item)
        except ValueError as error:
            problems.append(f"{where}: {error}")
            continue
        before, known = first.setdefault(entry.key, (where, entry))
        if known.properties() != entry.properties():
            problems.append(f"{where}: {entry.address!r} is already in {before}, with other values")
    if problems:
        raise BadEntries(problems)
    return [entry for _where, entry in first.values()]


def parse_one(item: Any) -> Entry:
    """Return the entry of an address, `Name <address>`, or a dictionary. Raises ValueError with value and reason."""
    if isinstance(item, str):
        return _entry(_address_and_name(item))
    if not isinstance(item, Mapping):
        raise ValueError(f"{item!r} is neither an address nor a dictionary (for example {ADDRESS_EXAMPLE})")
    unknown = [str(key) for key in item if key not in PROPERTIES]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is unknown; known are {', '.join(PROPERTIES)}")
    return _entry({key: str(value).strip() for key, value in item.items() if value is not None})


def _address_and_name(text: str) -> dict[str, str]:
    if not _NAMED_ADDRESS.fullmatch(text.strip()):
        return {"address": text.strip()}
    name, address = parseaddr(text)
    if not address:
        raise ValueError(f"{text!r} is not a name with an address (for example Ana Lopez <{ADDRESS_EXAMPLE}>)")
    return {"address": address, "display_name": name}


def _entry(fields: Mapping[str, str]) -> Entry:
    address = fields.get("address", "")
    if not is_address(address) or not _LOCAL_PART.fullmatch(address.rpartition("@")[0]):
        raise ValueError(f"{address!r} is not a full e-mail address (for example {ADDRESS_EXAMPLE})")
    name = fields.get("display_name", "")
    if not name.isprintable():
        raise ValueError(f"the display name {name!r} has characters that can't be printed")
    mode = fields.get("delivery_mode", "").lower()
    return Entry(
        address,
        name or None,
        _one_of("delivery_mode", _DIGESTS.get(mode, mode), DELIVERY_MODES),
        _one_of("delivery_status", fields.get("delivery_status", "").lower(), DELIVERY_STATUSES),
        _one_of("moderation_action", fields.get("moderation_action", "").lower(), MODERATION_ACTIONS),
    )


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> str | None:
    if value and value not in choices:
        raise ValueError(f"{name}: {value!r} is not one of {', '.join(choices)}")
    return value or None

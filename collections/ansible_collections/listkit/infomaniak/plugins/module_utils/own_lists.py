# SPDX-License-Identifier: MIT
"""Infomaniak's own mailing lists, which are closed to new customers: for moving away from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.listkit.infomaniak.plugins.module_utils.client import Client, segment
from ansible_collections.listkit.infomaniak.plugins.module_utils.names import truth

_PAGE = 500


def find(client: Client, hosting: str) -> list[dict[str, Any]]:
    """Return the lists of the mail hosting at this path, with their subscribers, in the order of their names."""
    path = f"{hosting}/mailing_lists"
    names = sorted(found["name"] for found in client.get_all(path))
    return [_list(client, f"{path}/{segment(name)}") for name in names]


def _list(client: Client, path: str) -> dict[str, Any]:
    # Only this answer is described as complete.
    found = client.get(path)
    subscribers = client.get_all(f"{path}/subscribers", {"page": 1, "per_page": _PAGE})
    return {**_settings(found), "subscribers": sorted(person["mail"] for person in subscribers)}


def _settings(found: Mapping[str, Any]) -> dict[str, Any]:
    config = found["config"]
    return {
        "name": found["name"],
        "address": found["mail"],
        "info": found.get("info") or "",
        "being_deleted": bool(truth(found.get("being_deleted"))),
        "moderators": sorted(person["mail"] for person in found.get("moderator") or ()),
        "who_can_send": int(config["who_can_send"]),
        "who_can_subscribe": int(config["who_can_subscribe"]),
        "use_reply_to": bool(truth(config["use_reply_to"])),
        "is_reply_to_forced": bool(truth(config["is_reply_to_forced"])),
        "max_message_size": int(config["max_message_size"]),
        "subject": config.get("subject") or "",
        "language": config.get("lang") or "",
        "should_send_notifications": bool(truth(config["should_send_notifications"])),
        "welcome_message": found.get("welcome_message") or "",
        "goodbye_message": found.get("goodbye_message") or "",
    }

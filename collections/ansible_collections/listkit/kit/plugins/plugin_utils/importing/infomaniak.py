# SPDX-License-Identifier: MIT
"""Infomaniak's own mailing lists, as listkit.infomaniak.mailing_lists_info returns them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.listkit.kit.plugins.plugin_utils.importing.description import Description

_ORIGIN = "Infomaniak"
# By who_can_send: the actions on posts of members, and of others; see Infomaniak's API.
_SEND = {
    0: ("defer", "reject"),
    1: ("hold", "reject"),
    2: ("hold", "hold"),
    3: ("hold", "reject"),
    4: ("defer", "hold"),
    5: ("defer", "defer"),
}
_ONLY_MODERATORS = 1
_SUBSCRIBE = {0: "confirm", 1: "moderate", 2: "confirm_then_moderate"}
_WELCOME, _GOODBYE = "list:user:notice:welcome", "list:user:notice:goodbye"
_LEAVE = "\n\n--\n${short_listname}-leave@$domain\n"


def describe(lists: Iterable[Mapping[str, Any]]) -> Iterator[Description]:
    """Yield Infomaniak's lists."""
    for found in lists:
        yield _list(found)


def _list(found: Mapping[str, Any]) -> Description:
    name, _at, domain = str(found["address"]).lower().partition("@")
    listed = Description(name, _ORIGIN, domain)
    if found["being_deleted"]:
        listed.skipped = "Infomaniak is deleting it"
    listed.describe(found["info"])
    listed.leave_out("owners", "Infomaniak's lists have only moderators; write the owners into the list's entry")
    listed.add_administrators("moderators", found["moderators"])
    _add_rules(listed, found)
    _add_texts(listed, found)
    listed.add_members(("of Infomaniak", {"address": address}) for address in found["subscribers"])
    return listed


def _add_rules(listed: Description, found: Mapping[str, Any]) -> None:
    of_members, of_others = _SEND[found["who_can_send"]]
    listed.set("default_member_action", of_members)
    listed.set("default_nonmember_action", of_others)
    subscribed = {address.lower() for address in found["subscribers"]}
    moderators = [address for address in listed.keys.get("moderators", ()) if address.lower() not in subscribed]
    if of_others != "defer" and moderators:
        listed.set("accept_these_nonmembers", moderators)
    if found["who_can_send"] == _ONLY_MODERATORS:
        listed.leave_out(
            "who_can_send",
            "posts of members are held, also those of moderators who are members; allow these in the web interface",
        )
    listed.set("subscription_policy", _SUBSCRIBE[found["who_can_subscribe"]])
    listed.set("reply_goes_to_list", "point_to_list" if found["use_reply_to"] else "no_munging")
    listed.set("first_strip_reply_to", found["is_reply_to_forced"])
    listed.set("max_message_size", found["max_message_size"])


def _add_texts(listed: Description, found: Mapping[str, Any]) -> None:
    prefix = found["subject"].strip()
    listed.set("subject_prefix", f"{prefix} " if prefix else "")
    if found["language"]:
        listed.set("preferred_language", found["language"])
    for setting in ("send_welcome_message", "send_goodbye_message"):
        listed.set(setting, found["should_send_notifications"])
    if found["welcome_message"].strip():
        listed.write_text(_WELCOME, _text(found["welcome_message"]) + _LEAVE)
    if found["goodbye_message"].strip():
        listed.write_text(_GOODBYE, _text(found["goodbye_message"]) + "\n")


def _text(text: str) -> str:
    return text.strip().replace("\r\n", "\n").replace("$", "$$")

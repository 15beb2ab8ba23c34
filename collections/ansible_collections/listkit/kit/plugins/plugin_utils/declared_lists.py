# SPDX-License-Identifier: MIT
"""Turn the operator's declaration of a list into the options of listkit.mailman3.mailing_lists."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import list_address

# Each becomes an option of the list's roster; `members_from` becomes its content.
ROSTER_KEYS = {
    "members": "entries",
    "members_state": "state",
    "allow_empty": "allow_empty",
    "max_removals": "max_removals",
    "members_welcome": "welcome",
}
# Those that a timer's sync has, too.
_SYNC_KEYS = ("allow_empty", "max_removals", "members_welcome")
MEMBERS_FROM = "members_from"
SUBSCRIPTION_POLICIES = {"open": "open", "confirm": "confirm", "moderate": "moderate", "closed": "moderate"}
SUBSCRIPTION = "subscription"
EVERY = "every"
COMMAND_SECONDS = 300


class CommandFailed(ValueError):
    """The command with a list's members failed; the text has the list, the command and what it printed."""


def module_options(declared: Mapping[str, Any], daily_limit: int | None = None) -> dict[str, Any]:
    """Return the options of one list. Reads the file, or runs the command, with its members. Raises CommandFailed.

    daily_limit: how many messages of the list may leave in a day.
    """
    own = {*ROSTER_KEYS, MEMBERS_FROM, SUBSCRIPTION}
    options = {key: value for key, value in declared.items() if key not in own}
    if SUBSCRIPTION in declared:
        policy = SUBSCRIPTION_POLICIES[declared[SUBSCRIPTION]]
        options["settings"] = {**(declared.get("settings") or {}), "subscription_policy": policy}
    if "members" in declared or (MEMBERS_FROM in declared and not is_scheduled(declared)):
        roster = {option: declared[key] for key, option in ROSTER_KEYS.items() if key in declared}
        limit = {"daily_limit": daily_limit} if roster.get("welcome") and daily_limit else {}
        options["members"] = roster | limit | _content(declared["name"], declared.get(MEMBERS_FROM))
    return options


def is_scheduled(declared: Mapping[str, Any]) -> bool:
    """Return whether a timer on the host brings the members of the list."""
    return EVERY in (declared.get(MEMBERS_FROM) or {})


def member_syncs(lists: Iterable[Mapping[str, Any]], domain: str) -> list[dict[str, Any]]:
    """Return the syncs that timers run, in the form of `/etc/listkit/member-syncs.json`."""
    return [_sync(item, domain) for item in lists if is_scheduled(item) and item.get("state") != "absent"]


def _sync(declared: Mapping[str, Any], domain: str) -> dict[str, Any]:
    options = {ROSTER_KEYS[key]: declared[key] for key in _SYNC_KEYS if key in declared}
    exact = declared.get("members_state") == "exact"
    return {"list": list_address(declared["name"], domain), "exact": exact, **declared[MEMBERS_FROM], **options}


def _content(name: str, source: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the text of a file or command, and its format."""
    if source is None:
        return {}
    form = {"format": source["format"]} if "format" in source else {}
    if "file" in source:
        return {"content": Path(source["file"]).read_text(encoding="utf-8-sig"), **form}
    try:
        done = subprocess.run(
            source["command"], capture_output=True, text=True, encoding="utf-8", check=False, timeout=COMMAND_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as error:
        raise CommandFailed(f"{name}: members_from.command: {error}") from error
    if done.returncode:
        what = done.stderr.strip() or "no error output"
        raise CommandFailed(
            f"{name}: members_from.command: {source['command'][0]} ended with {done.returncode}: {what}"
        )
    return {"content": done.stdout, **form}

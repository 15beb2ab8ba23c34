# SPDX-License-Identifier: MIT
"""Whom a list bans, and which posts its header matches stop."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import is_address
from ansible_collections.listkit.mailman3.plugins.module_utils.rest import Api, segment

ACTIONS = ("hold", "reject", "discard", "accept", "defer")
HEADER_MATCH_ARGUMENTS = {
    "header": {"type": "str", "required": True},
    "pattern": {"type": "str", "required": True},
    "action": {"type": "str", "choices": list(ACTIONS)},
}
BAN_EXAMPLE = "'^.*@example[.]net$'"
HEADER_MATCH_EXAMPLE = "{header: X-Spam-Flag, pattern: 'yes', action: hold}"
_HEADER = re.compile(r"[!-9;-~]+")

HeaderMatch = dict[str, Any]


def ban_problem(bans: Sequence[Any]) -> tuple[str, str] | None:
    """Return (the problem, an example) of a list of bans, or None."""
    patterns = [str(ban) for ban in bans if str(ban).startswith("^")]
    for pattern in patterns:
        if "/" in pattern:
            return f"{pattern!r} has a slash, which Mailman's REST interface can't remove again", BAN_EXAMPLE
        if not _compiles(pattern):
            return f"{pattern!r} is not a valid regular expression", BAN_EXAMPLE
    for ban in map(str, bans):
        if ban in patterns:
            continue
        if not is_address(ban):
            return f"{ban!r} is neither an address nor a regular expression that starts with ^", BAN_EXAMPLE
        covering = next((pattern for pattern in patterns if re.match(pattern, ban, re.IGNORECASE)), None)
        if covering:
            return f"{ban!r} is already banned by {covering!r}, so Mailman refuses it", BAN_EXAMPLE
    return None


def header_match_problem(matches: Sequence[Any]) -> tuple[str, str] | None:
    """Return (the problem, an example) of a list of header matches, or None."""
    seen = set()
    for match in matches:
        if not isinstance(match, Mapping) or not {"header", "pattern"} <= set(match) <= set(HEADER_MATCH_ARGUMENTS):
            return f"{match!r} must have a header and a pattern, and may have an action", HEADER_MATCH_EXAMPLE
        header, pattern, action = str(match["header"]), str(match["pattern"]), match.get("action")
        if not _HEADER.fullmatch(header):
            return f"{header!r} is not the name of a header; write it without a colon", HEADER_MATCH_EXAMPLE
        if not _compiles(pattern):
            return f"{pattern!r} is not a valid regular expression", HEADER_MATCH_EXAMPLE
        if action is not None and action not in ACTIONS:
            return f"action: {action!r} is not one of {', '.join(ACTIONS)}", HEADER_MATCH_EXAMPLE
        if (header.lower(), pattern) in seen:
            return f"{header}: {pattern!r} occurs twice", HEADER_MATCH_EXAMPLE
        seen.add((header.lower(), pattern))
    return None


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def normal_bans(bans: Sequence[str]) -> list[str]:
    """Return bans as Mailman keeps them: addresses in lower case."""
    return sorted({str(ban) if str(ban).startswith("^") else str(ban).lower() for ban in bans})


def bans(api: Api, owner: str) -> list[str]:
    """Return the bans of the list at the path `owner`, such as "lists/news.example.org/"; "" for those of all lists."""
    return sorted(entry["email"] for entry in api.entries(f"{owner}bans"))


def converge_bans(api: Api, owner: str, wanted: list[str], *, check: bool) -> list[str]:
    """Make the bans exactly `wanted`; return those before. For `owner`, see `bans`."""
    found = bans(api, owner)
    if not check:
        for ban in sorted(set(found) - set(wanted)):
            api.delete(f"{owner}bans/{segment(ban)}")
        for ban in sorted(set(wanted) - set(found)):
            api.post(f"{owner}bans", {"email": ban})
    return found


def normal_header_matches(matches: Sequence[Mapping[str, Any]]) -> list[HeaderMatch]:
    """Return header matches as Mailman keeps them: names in lower case; without an action, the site's applies."""
    return [
        {"header": str(match["header"]).lower(), "pattern": str(match["pattern"]), "action": match.get("action")}
        for match in matches
    ]


def header_matches(api: Api, owner: str) -> list[HeaderMatch]:
    """Return the header matches of the list at the path `owner`, in their order."""
    entries = api.entries(f"{owner}header-matches")
    return normal_header_matches(sorted(entries, key=lambda entry: entry["position"]))


def converge_header_matches(api: Api, owner: str, wanted: list[HeaderMatch], *, check: bool) -> list[HeaderMatch]:
    """Make the header matches exactly `wanted`, in this order; return those before."""
    path = f"{owner}header-matches"
    found = header_matches(api, owner)
    if not check:
        for position, match in enumerate(wanted):
            fields = {**match, "action": match["action"] or ""}
            if position >= len(found):
                api.post(path, fields)
            elif match != found[position]:
                api.put(f"{path}/{position}", fields)
        for position in reversed(range(len(wanted), len(found))):
            api.delete(f"{path}/{position}")
    return found

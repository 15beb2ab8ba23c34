# SPDX-License-Identifier: MIT
"""The plan of the mailboxes' aliases for the provider's API, and the summary of its results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.listkit.kit.plugins.plugin_utils.alias_report import foreign_advice, mailboxes
from ansible_collections.listkit.kit.plugins.plugin_utils.mail_plans import MOST_ON_FREE_PLAN

FIX = "infomaniak_fix: true"
ALL_LISTS = "infomaniak_undeclared_lists: true"
NOT_CHANGED_BY_API = "sending_blocked"


class Report(NamedTuple):
    """The part of the run's summary about the mailboxes; `new`: the addresses that the run has made."""

    aliases: str
    warnings: list[str]
    failures: list[str]
    new: list[str]


def plan(
    accounts: Sequence[Mapping[str, Any]],
    lists: Iterable[str],
    domain: str,
    *,
    hosting: int,
    synonyms: Sequence[str] = (),
    undeclared_lists: bool = False,
) -> list[dict[str, Any]]:
    """Return each mailbox with the aliases to make.

    `accounts`: the site's, the main one first, with the limit and the declared lists of each, and possibly a
    `mail_hosting` of its own instead of `hosting`. `lists`: the addresses that exist, of which those that aren't
    declared get aliases only with `undeclared_lists`.
    """
    assigned = {account["address"]: account["lists"] for account in accounts}
    declared = {address for addresses in assigned.values() for address in addresses}
    existing = list(lists)
    main = accounts[0]["address"]
    of_all = mailboxes(main, assigned, existing, domain, synonyms)
    managed = existing if undeclared_lists else [address for address in existing if address in declared]
    of_managed = mailboxes(main, assigned, managed, domain, synonyms)
    hostings = {account["address"].lower(): int(account.get("mail_hosting") or hosting) for account in accounts}
    limits = {account["address"].lower(): int(account["limit"]) for account in accounts}
    return [
        {
            "address": box.address,
            "mailbox": box.address.partition("@")[0],
            "mail_hosting": hostings[box.address],
            "limit": limits[box.address],
            "aliases": box.aliases(),
            "needed": everything.aliases(),
            "foreign": everything.foreign(),
        }
        for box, everything in zip(of_managed, of_all, strict=True)
    ]


def report(
    aliases: Mapping[str, Any],
    settings: Mapping[str, Any],
    round_trip: Mapping[str, Any] | None = None,
    *,
    check_mode: bool = False,
) -> Report:
    """Return what to say about the results of a loop over the plan of `mail_alias`, and one of `mailbox_settings`.

    `round_trip`: the result of `listkit check --json --round-trip` with the new addresses.
    """
    made, read = _items(aliases), _items(settings)
    arrived, missing = _arrivals(round_trip or {})
    texts = [_about_aliases(result, check_mode) for result in made if "aliases" in result and not _error(result)]
    return Report(
        "\n\n".join([*texts, *arrived]),
        [*(line for result in read for line in [*_problems(result), *_free_plan(result)]), *missing],
        [f"{result['item']['address']}: {_error(result)}" for result in [*made, *read] if _error(result)],
        [
            f"{alias}@{result['item']['address'].partition('@')[2]}"
            for result in made
            for alias in result.get("created", ())
        ],
    )


def _arrivals(round_trip: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return what to say of addresses for which mail arrives, and of others."""
    if "rc" not in round_trip:
        return [], []
    try:
        findings = json.loads(round_trip["stdout"])
    except ValueError:
        return [], [f"The new addresses could not be tested: {round_trip['stderr']}"]
    arrived = [f"Mail arrives {finding['seen']}." for finding in findings if finding["status"] == "ok"]
    missing = [f"Mail to new addresses: {one['seen']} → {one['remedy']}" for one in findings if one["status"] != "ok"]
    return arrived, missing


def _items(results: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [result for result in results.get("results", ()) if not result.get("skipped")]


def _error(result: Mapping[str, Any]) -> str:
    """Return the error of a module whose failure the play passed over; modules that succeed have no message."""
    return str(result.get("msg", ""))


def _about_aliases(result: Mapping[str, Any], check_mode: bool) -> str:
    item = result["item"]
    plural = "" if len(item["aliases"]) == 1 else "es"
    has = "would have" if check_mode and result["created"] else "has"
    lines = [f"{item['address']} {has} the {len(item['aliases'])} alias{plural} that its lists need."]
    if result["created"]:
        lines.append(f"New: {', '.join(result['created'])}")
    lacking = [alias for alias in item["needed"] if alias not in result["aliases"]]
    if lacking:
        lines.append(f"Missing, of lists that aren't declared (made with {ALL_LISTS}): {', '.join(lacking)}")
    others = [alias for alias in result["undeclared"] if alias not in item["needed"]]
    if others:
        lines.append(f"Not needed by any list, left unchanged: {', '.join(others)}")
    if item["foreign"]:
        lines.append(foreign_advice(item["address"], item["foreign"]))
    return "\n".join(lines)


def _problems(result: Mapping[str, Any]) -> list[str]:
    return [
        f"{result['item']['address']}: {problem['problem']} {_fix(problem)}" for problem in result.get("problems", ())
    ]


def _free_plan(result: Mapping[str, Any]) -> list[str]:
    """Return the warning about a limit that no free plan has."""
    item = result["item"]
    if not (result.get("settings") or {}).get("free_plan") or item["limit"] <= MOST_ON_FREE_PLAN:
        return []
    return [
        f"{item['address']}: Infomaniak says that the mailbox is on a free plan. These allow {MOST_ON_FREE_PLAN}"
        f" recipients in 24 hours or less, but {item['limit']} are configured. Set mail_plan: starter or my_ksuite."
    ]


def _fix(problem: Mapping[str, Any]) -> str:
    if problem["setting"] == NOT_CHANGED_BY_API:
        return str(problem["fix"])
    return f"{problem['fix']} Or let the run do it: {FIX}."

# SPDX-License-Identifier: MIT
"""The plan that assigns lists to mail accounts, made before anything changes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ansible_collections.listkit.kit.plugins.plugin_utils.mail_plans import ASSUMED, PLANS
from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import (
    SITE_LOCAL_PART,
    list_address,
    list_addresses,
)

DAY_SECONDS = 86_400


class PlanError(ValueError):
    """No plan is possible. `reasons` has all reasons, and last the remedy."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self.reasons = list(reasons)
        super().__init__("\n".join(self.reasons))


@dataclass(frozen=True)
class Rules:
    """The limits of accounts that don't have their own."""

    domain: str
    alias_limit: int = PLANS[ASSUMED].aliases
    """Aliases that one mailbox can have."""
    without: tuple[str, ...] = ()
    """Sub-addresses that lists don't use."""
    limit: int = PLANS[ASSUMED].recipients
    """Recipients in one window."""
    reserve: int = 100
    """Recipients of a window that posts never use."""
    window: int = DAY_SECONDS
    """Seconds."""
    synonyms: tuple[str, ...] = ()
    """Domains that the provider treats as `domain`."""
    aliases_bind: bool = True
    """Whether aliases limit an account's lists. A single account has all lists; the alias report has the remedy."""

    @property
    def aliases_per_list(self) -> int:
        """The number of aliases that a list needs."""
        return len(list_addresses("list@example.org", self.without))


@dataclass(frozen=True)
class Planned:
    """An account of the plan: its lists by address, with the declared recipients per day of each."""

    address: str
    limit: int
    lists: Mapping[str, int] = field(default_factory=dict)
    aliases: int = 0
    """Aliases that it needs."""
    alias_limit: int = 50
    per_day: int = 0
    """Recipients per day that posts may use."""

    @property
    def needed(self) -> int:
        """Declared recipients per day of its lists."""
        return sum(self.lists.values())


def needs(lists: Iterable[Mapping], domain: str) -> dict[str, int]:
    """Return recipients per day by list address: `expected_members` times `posts_per_day`, 0 if not declared.

    `lists`: as in the operator's `mailman_lists`.
    """
    return {
        list_address(str(item["name"]), domain): math.ceil(
            int(item.get("expected_members") or 0) * float(item.get("posts_per_day") or 0)
        )
        for item in lists
        if item.get("state", "present") == "present"
    }


def plan_of_site(
    accounts: Iterable[Mapping],
    lists: Iterable[Mapping],
    main: str,
    domain: str,
    *,
    limit: int = Rules.limit,
    window: int = DAY_SECONDS,
    alias_limit: int = Rules.alias_limit,
    synonyms: Iterable[str] = (),
    reserve: int = 100,
) -> list[tuple[Mapping, Planned]]:
    """Plan from the operator's variables: return the accounts with their lists, `main` first.

    Raises PlanError.
    """
    ordered = sorted(accounts, key=lambda account: str(account["address"]).lower() != main.lower())
    rules = Rules(
        domain,
        limit=int(limit),
        window=int(window),
        alias_limit=int(alias_limit),
        synonyms=tuple(synonyms),
        reserve=int(reserve),
        aliases_bind=len(ordered) > 1,
    )
    return list(zip(ordered, plan(ordered, lists, rules), strict=True))


def plan(accounts: Iterable[Mapping], lists: Iterable[Mapping], rules: Rules) -> list[Planned]:
    """Assign every list to an account; raise PlanError with every reason if that is impossible.

    `accounts`: as in the operator's `mail_accounts`; each has its own address, and `lists` that are declared and belong
    to no other account. Those are fixed. The others are assigned in the order of declaration, each to the account with
    the most recipients per day left, so that a list added at the end moves no other.
    """
    accounts = list(accounts)
    wanted = needs(lists, rules.domain)
    planned = [_empty(account, number == 0, rules) for number, account in enumerate(accounts)]
    pinned = {
        list_address(name, rules.domain): number
        for number, account in enumerate(accounts)
        for name in account.get("lists") or ()
    }
    homeless = _homeless(planned, wanted, pinned, rules) if rules.aliases_bind else []
    if homeless:
        raise PlanError(homeless)
    for address, number in pinned.items():
        planned[number] = _with(planned[number], address, wanted[address], rules)
    unassigned = []
    for address in [address for address in wanted if address not in pinned]:
        number = _best(planned, address, wanted[address], rules)
        if number is None:
            unassigned.append(address)
        else:
            planned[number] = _with(planned[number], address, wanted[address], rules)
    overfull = [account for account in planned if not _fits(account, rules)]
    if unassigned or overfull:
        raise PlanError(_shortage(planned, unassigned, overfull, wanted, rules))
    return planned


def _homeless(planned: list[Planned], wanted: Mapping[str, int], pinned: Mapping[str, int], rules: Rules) -> list[str]:
    """Return why lists can't have their addresses as aliases of their mailbox, or of any."""
    found = []
    for address in wanted:
        possible = [planned[pinned[address]]] if address in pinned else planned
        if not any(_same_service(address, account.address, rules) for account in possible):
            where = f"{possible[0].address} can't" if address in pinned else "no account can"
            found.append(f"{where} have {address} as an alias; use a mailbox in {address.rpartition('@')[2]}")
    return found


def _same_service(list_address_: str, account: str, rules: Rules) -> bool:
    domains = [text.rpartition("@")[2].lower() for text in (list_address_, account)]
    return domains[0] == domains[1] or set(domains) <= {rules.domain, *rules.synonyms}


def _empty(account: Mapping, first: bool, rules: Rules) -> Planned:
    limit = int(account.get("limit") or rules.limit)
    return Planned(
        address=str(account["address"]).lower(),
        limit=limit,
        # The web interface's sender is an alias of the first mailbox.
        aliases=1 if first and not str(account["address"]).lower().startswith(f"{SITE_LOCAL_PART}@") else 0,
        alias_limit=rules.alias_limit,
        per_day=max(0, limit - rules.reserve) * DAY_SECONDS // rules.window,
    )


def _with(account: Planned, address: str, need: int, rules: Rules) -> Planned:
    return replace(account, lists={**account.lists, address: need}, aliases=account.aliases + rules.aliases_per_list)


def _fits(account: Planned, rules: Rules) -> bool:
    return account.needed <= account.per_day and (not rules.aliases_bind or account.aliases <= account.alias_limit)


def _best(planned: list[Planned], address: str, need: int, rules: Rules) -> int | None:
    """Return the account with the most recipients left, then the most aliases left; None if none has room."""
    candidates = [
        (account.needed - account.per_day, account.aliases - account.alias_limit, number)
        for number, account in enumerate(planned)
        if _fits(_with(account, address, need, rules), rules)
        and (not rules.aliases_bind or _same_service(address, account.address, rules))
    ]
    return min(candidates)[2] if candidates else None


def _shortage(
    planned: list[Planned], unassigned: list[str], overfull: list[Planned], wanted: Mapping[str, int], rules: Rules
) -> list[str]:
    lines = [f"{_load(account)}: too much" for account in overfull]
    lines += [f"no account has room for {name} ({wanted[name]} recipients a day)" for name in unassigned]
    too_big = [name for name, need in wanted.items() if need > max(account.per_day for account in planned)]
    if too_big:
        lines.append(
            f"{', '.join(too_big)}: a list can't use several accounts; ask the provider to raise the limit of one and"
            " set its limit, send digests only, or split the list"
        )
    elif rules.aliases_bind and rules.aliases_per_list > rules.alias_limit:
        lines.append(
            f"a list needs {rules.aliases_per_list} aliases, but a mailbox has {rules.alias_limit}: use a paid plan"
        )
    else:
        enough = accounts_needed(planned, wanted, replace(rules, aliases_bind=True))
        lines.append(f"{enough} accounts would be enough; there {'is' if len(planned) == 1 else 'are'} {len(planned)}")
    return lines


def accounts_needed(planned: list[Planned], wanted: Mapping[str, int], rules: Rules) -> int:
    """Return how many accounts like the given ones are enough if every list may use any."""
    usual = Planned("", rules.limit, alias_limit=rules.alias_limit)
    usual = replace(usual, per_day=max(0, rules.limit - rules.reserve) * DAY_SECONDS // rules.window)
    largest = max(planned, key=lambda account: account.per_day)
    bins = [replace(account, lists={}, aliases=int(number == 0)) for number, account in enumerate(planned)]
    for address, need in sorted(wanted.items(), key=lambda item: (-item[1], item[0])):
        number = _best(bins, address, need, rules)
        if number is None:
            more = usual if need <= usual.per_day else replace(largest, lists={}, aliases=0)
            bins.append(replace(more, address=f"@{address.rpartition('@')[2]}"))
            number = len(bins) - 1
        bins[number] = _with(bins[number], address, need, rules)
    # At least one more than there are: with the fixed lists, these are not enough.
    return max(len([account for account in bins if account.lists]), len(planned) + 1)


def _load(account: Planned) -> str:
    return (
        f"{account.address}: {account.aliases} of {account.alias_limit} aliases,"
        f" {account.needed} of {account.per_day} recipients a day"
    )

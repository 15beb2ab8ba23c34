"""Bring people to a list: read them, print the plan, ask the guard, carry it out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.listkit.mailman3.plugins.module_utils.membership import files
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.bulk import BulkRoster
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import BadEntries, Entry
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.plan import (
    ROLE_NOUNS,
    Mail,
    make_plan,
    refusal,
)
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.sync import carry_out, table

from listkit.budget import accounts
from listkit.common.rest import RestClient
from listkit.members.progress import Progress

DAY_SECONDS = 86_400
TIMEOUT_SECONDS = 120.0
"""A thousand people take seconds, and more on a busy host."""


class Failure(Exception):
    """Nothing was changed; the text says why, and names options as the inventory does."""


@dataclass(frozen=True)
class Import:
    """How people are brought to the list `address`.

    exact: all others are removed. welcome: new members get the list's welcome message.
    """

    address: str
    role: str = "member"
    exact: bool = False
    max_removals: int | None = None
    allow_empty: bool = False
    dry_run: bool = False
    welcome: bool = False


def read(data: bytes, form: str, source: str) -> list[Entry]:
    """Return the people in `data`, which comes from `source`. Raises Failure, which names each wrong line."""
    try:
        return files.read(data, form)
    except BadEntries as error:
        problems = "\n".join(f"  {problem}" for problem in error.problems)
        raise Failure(f"{source} is not valid, so nothing was changed:\n{problems}") from error


def bring(wanted: Sequence[Entry], source: str, how: Import) -> int:
    """Make the roster have the people `wanted`; return 1 if Mailman refused some of them, or else 0. Raises Failure."""
    if how.exact and not wanted and not how.allow_empty:
        everyone = ROLE_NOUNS[how.role]
        raise Failure(f"{source} has no entries, so all {everyone} would be removed; if it is meant: allow_empty: true")
    roster, current = find(how.address, how.role)
    try:
        mail = Mail(how.welcome, _daily_limit(how.address) if how.welcome else None)
        plan = make_plan(how.address, how.role, current, wanted, exact=how.exact, mail=mail)
    except ValueError as error:
        raise Failure(str(error)) from error
    print("\n".join(plan.lines()), flush=True)
    if reason := refusal(plan, how.max_removals):
        raise Failure(reason)
    if how.dry_run or not plan:
        return 0
    failures = carry_out(plan, roster, Progress(plan.size, sys.stderr).show)
    if failures:
        print(f"{len(failures)} of {plan.size} changes failed; all others are done\n{table(failures)}", file=sys.stderr)
    return int(bool(failures))


def _daily_limit(address: str) -> int:
    """Return how many messages the list's account may send in a day. Raises ConfigurationError."""
    limits = accounts.load().account_of(address).limits
    return int(limits.recipients * DAY_SECONDS / limits.window)


def find(address: str, role: str) -> tuple[BulkRoster, list[Entry]]:
    """Return a roster of the list `address`, and who is on it. Raises Failure if there is no such list."""
    rest = RestClient.of_this_host(TIMEOUT_SECONDS)
    found = BulkRoster.find(rest, address.replace("@", "."), role)
    if found is None:
        raise Failure(f"{address}: there is no such list")
    return found

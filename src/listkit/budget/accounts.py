"""The accounts that mail leaves through, from `/etc/listkit/budget.json`.

The role `relay` writes the file from the same variables as Postfix's tables:

    {"window": 86400, "queue_lifetime": 432000, "list_domains": ["example.org"],
     "sub_addresses": ["bounces", "owner"],
     "answers": {"per_recipient": 2, "per_list_and_hour": 10},
     "accounts": [{"address": "mailman@example.org", "limit": 1440, "reserve": 100, "strangers": 57,
                   "lists": [{"address": "dev@example.org", "recipients_per_day": 200}]}]}

Mail that belongs to no other account leaves through the first one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from listkit.budget.answers import AnswerLimits
from listkit.budget.window import Limits
from listkit.common import configuration
from listkit.common.configuration import DOMAIN, Table

CONFIGURATION = Path("/etc/listkit/budget.json")
MOST_RECIPIENTS = 10**9


@dataclass(frozen=True)
class Account:
    """A mail account: its address, its limits, and the declared recipients per day by list."""

    address: str
    limits: Limits
    lists: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Site:
    """All accounts of this host, and the names that tell a list's mail from other mail."""

    accounts: tuple[Account, ...]
    list_domains: tuple[str, ...]
    sub_addresses: tuple[str, ...]
    queue_lifetime: float
    answers: AnswerLimits

    def account_of(self, address: str) -> Account:
        """Return the account through which the mail of this list, or of this other sender, leaves."""
        owners = (account for account in self.accounts if address in account.lists or address == account.address)
        return next(owners, self.accounts[0])

    def list_of(self, sender: str) -> str:
        """Return the list of an envelope sender: `dev@…` of `dev-bounces+tag@…`; return other senders as they are."""
        local, _, domain = sender.lower().partition("@")
        if domain not in self.list_domains:
            return sender.lower()
        suffixes = "|".join(map(re.escape, self.sub_addresses))
        return re.sub(rf"-({suffixes})(\+.*)?$", "", local) + f"@{domain}"

    def cost(self, sender: str, recipients: Iterable[str]) -> int:
        """Return the number of recipients that a message uses of an account's window.

        Bounces (the empty sender) and mail to a list's bounce address never go to the provider: see Postfix's
        `sender_transports` and `transports`. Only an account itself writes to these addresses through the provider, to
        test them.
        """
        if sender.lower() in (account.address for account in self.accounts):
            return len(list(recipients))
        return sum(not self._stays_here(recipient) for recipient in recipients) if sender else 0

    def _stays_here(self, recipient: str) -> bool:
        local, _, domain = recipient.lower().partition("@")
        return domain in self.list_domains and bool(re.fullmatch(r".+-bounces(\+.*)?", local))


def load(path: Path | None = None) -> Site:
    """Return the accounts of this host. Raises ConfigurationError, which names every problem of the file."""
    return configuration.load(path or CONFIGURATION, _site)


def _site(table: Table) -> Site:
    window = table.integer("window", 1, 366 * 86_400)
    tables = table.tables("accounts")
    if not tables:
        table.problem("accounts", "must name at least one account", [{"address": "mailman@example.org", "limit": 1440}])
    return Site(
        accounts=tuple(_account(entry, window) for entry in tables),
        list_domains=table.texts("list_domains", pattern=DOMAIN, example="example.org", may_be_empty=True),
        sub_addresses=table.texts("sub_addresses", pattern=r"[a-z]+", example="bounces"),
        queue_lifetime=table.integer("queue_lifetime", 1, 366 * 86_400),
        answers=_answers(table.table("answers")),
    )


def _answers(table: Table) -> AnswerLimits:
    return AnswerLimits(
        per_recipient=table.integer("per_recipient", 1, MOST_RECIPIENTS),
        per_list_and_hour=table.integer("per_list_and_hour", 1, MOST_RECIPIENTS),
    )


def _account(table: Table, window: int) -> Account:
    limit, reserve = table.integer("limit", 1, MOST_RECIPIENTS), table.integer("reserve", 0, MOST_RECIPIENTS)
    if reserve >= limit:
        table.problem("reserve", f"{reserve} is not less than the limit, {limit}", 100)
        reserve = 0
    strangers = table.integer("strangers", 0, MOST_RECIPIENTS)
    lists = {entry.address("address"): entry.integer("recipients_per_day", 0, MOST_RECIPIENTS)
             for entry in table.tables("lists")}  # fmt: skip
    return Account(table.address("address"), Limits(limit, reserve, window, strangers), lists)

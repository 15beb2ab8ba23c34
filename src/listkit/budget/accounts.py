"""The accounts that mail leaves through, as `/etc/listkit/budget.json` names them.

The role `relay` writes the file from the same variables as Postfix's tables:

    {"window": 86400, "queue_lifetime": 432000, "list_domains": ["example.org"],
     "sub_addresses": ["bounces", "owner"],
     "accounts": [{"address": "mailman@example.org", "limit": 1440, "reserve": 100,
                   "lists": [{"address": "dev@example.org", "recipients_per_day": 200}]}]}

The first account takes what belongs to no other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from listkit.budget.window import Limits

CONFIGURATION = Path("/etc/listkit/budget.json")


@dataclass(frozen=True)
class Account:
    """A mail account: its address, what it may send, and what its lists are declared to send in a day, by list."""

    address: str
    limits: Limits
    lists: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Site:
    """All accounts of this host, and what tells a list's mail from other mail."""

    accounts: tuple[Account, ...]
    list_domains: tuple[str, ...]
    sub_addresses: tuple[str, ...]
    queue_lifetime: float

    def account_of(self, address: str) -> Account:
        """The account that the mail of this list, or of this other sender, leaves through."""
        owners = (account for account in self.accounts if address in account.lists or address == account.address)
        return next(owners, self.accounts[0])

    def list_of(self, sender: str) -> str:
        """The list that an envelope sender belongs to: `dev-bounces+tag@…` to `dev@…`; others are their own."""
        local, _, domain = sender.lower().partition("@")
        if domain not in self.list_domains:
            return sender.lower()
        suffixes = "|".join(map(re.escape, self.sub_addresses))
        return re.sub(rf"-({suffixes})(\+.*)?$", "", local) + f"@{domain}"

    def cost(self, sender: str, recipients: Iterable[str]) -> int:
        """How many recipients of an account's window a message takes.

        Bounces (the empty sender) are never handed to the provider, nor is what goes to a list's bounce address: see
        Postfix's `sender_transports` and `transports`.
        """
        return sum(not self._stays_here(recipient) for recipient in recipients) if sender else 0

    def _stays_here(self, recipient: str) -> bool:
        local, _, domain = recipient.lower().partition("@")
        return domain in self.list_domains and bool(re.fullmatch(r".+-bounces(\+.*)?", local))


def load(path: Path = CONFIGURATION) -> Site:
    """The accounts of this host; raises ValueError with the reason when the file can't be used."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        accounts = tuple(
            Account(
                account["address"].lower(),
                Limits(account["limit"], account["reserve"], raw["window"]),
                {entry["address"].lower(): entry["recipients_per_day"] for entry in account["lists"]},
            )
            for account in raw["accounts"]
        )
        if not accounts:
            raise ValueError("accounts is empty")
        return Site(accounts, tuple(raw["list_domains"]), tuple(raw["sub_addresses"]), raw["queue_lifetime"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {type(error).__name__}: {error}; deploying again writes it anew") from error

"""The mail that the lists need against the limits of the accounts: declared in the inventory, observed by the ledger.

A list needs its members times its posts per day. The ledger knows the product, not the factors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from listkit.budget.accounts import Account, Site
from listkit.budget.ledger import Ledger
from listkit.budget.window import Charge, Kind

DAY_SECONDS = 86_400
OBSERVED_DAYS = 28
BULK_SENDER = 5000
"""Messages in a day to one provider from which on Gmail, Yahoo and Outlook.com treat a domain as a bulk sender."""


@dataclass(frozen=True)
class Need:
    """Recipients per day of one list; `observed` is None until a day has been observed."""

    list: str
    declared: int
    observed: float | None

    @property
    def expected(self) -> float:
        """The greater of the declared and the observed need."""
        return max(self.declared, self.observed or 0)


@dataclass(frozen=True)
class Forecast:
    """The daily need of an account's lists, and its daily limit."""

    account: str
    per_day: float
    needs: tuple[Need, ...]

    @property
    def needed(self) -> float:
        """Recipients per day of all its lists."""
        return sum(need.expected for need in self.needs)

    @property
    def fits(self) -> bool:
        """Whether the need is within the limit, so that the queue stays short."""
        return self.needed <= self.per_day


def may_become_bulk_sender(accounts: Iterable[Account]) -> bool:
    """Return whether the accounts together may send so much in a day that one provider could get `BULK_SENDER`."""
    per_day = sum(account.limits.recipients * DAY_SECONDS / account.limits.window for account in accounts)
    return per_day >= BULK_SENDER


def of_site(site: Site, ledger: Ledger, now: float) -> list[Forecast]:
    """Return the forecast of each account."""
    since, first = now - OBSERVED_DAYS * DAY_SECONDS, ledger.first_charge()
    return [forecast(account, ledger.charges(account.address, since), first, now) for account in site.accounts]


def forecast(account: Account, charges: Iterable[Charge], first_charge: float | None, now: float) -> Forecast:
    """Return the forecast of one account from its `charges` of the last `OBSERVED_DAYS`.

    `first_charge`: the time of the ledger's oldest charge; a younger ledger is averaged over fewer days.
    """
    days = min(OBSERVED_DAYS, (now - first_charge) / DAY_SECONDS) if first_charge is not None else 0
    sent: Counter[str] = Counter()
    for charge in charges:
        if charge.kind == Kind.POST:
            sent[charge.list] += charge.recipients
    needs = (
        Need(address, account.lists.get(address, 0), sent[address] / days if days >= 1 else None)
        for address in sorted(account.lists.keys() | sent.keys())
    )
    per_day = account.limits.maximum(Kind.POST) * DAY_SECONDS / account.limits.window
    return Forecast(account.address, per_day, tuple(needs))

"""What the lists need against what the accounts may: declared in the inventory, and observed by the ledger.

A list needs members times posts per day. The ledger knows the product without knowing its factors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from listkit.budget.accounts import Account
from listkit.budget.window import Charge

DAY_SECONDS = 86_400
OBSERVED_DAYS = 28


@dataclass(frozen=True)
class Need:
    """Recipients per day of one list; `observed` is None as long as there is no day's worth of observation."""

    list: str
    declared: int
    observed: float | None

    @property
    def expected(self) -> float:
        """What to reckon with: the greater of what was said and what was seen."""
        return max(self.declared, self.observed or 0)


@dataclass(frozen=True)
class Forecast:
    """What one account's lists need per day, and how much of that fits."""

    account: str
    per_day: float
    needs: tuple[Need, ...]

    @property
    def needed(self) -> float:
        """Recipients per day of all its lists."""
        return sum(need.expected for need in self.needs)

    @property
    def fits(self) -> bool:
        """Whether the queue can stay short."""
        return self.needed <= self.per_day


def forecast(account: Account, charges: Iterable[Charge], first_charge: float | None, now: float) -> Forecast:
    """The forecast of one account from its `charges` of the last `OBSERVED_DAYS`.

    `first_charge`: when the ledger's oldest charge was spent; younger ledgers are averaged over fewer days.
    """
    days = min(OBSERVED_DAYS, (now - first_charge) / DAY_SECONDS) if first_charge is not None else 0
    sent = Counter()
    for charge in charges:
        if not charge.urgent:
            sent[charge.list] += charge.recipients
    needs = (
        Need(address, account.lists.get(address, 0), sent[address] / days if days >= 1 else None)
        for address in sorted(account.lists.keys() | sent.keys())
    )
    per_day = account.limits.most(urgent=False) * DAY_SECONDS / account.limits.window
    return Forecast(account.address, per_day, tuple(needs))

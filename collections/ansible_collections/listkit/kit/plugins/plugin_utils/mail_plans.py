# SPDX-License-Identifier: MIT
"""The limits of a mailbox in each of Infomaniak's plans: the one place for these numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

ASSUMED = "paid"


@dataclass(frozen=True)
class MailPlan:
    """The limits of one mailbox."""

    recipients: int
    """That it may send to in 24 hours."""
    aliases: int


PLANS = {
    "paid": MailPlan(recipients=1440, aliases=50),
    "ksuite_one_user": MailPlan(recipients=100, aliases=50),
    "my_ksuite": MailPlan(recipients=500, aliases=1),
    "starter": MailPlan(recipients=100, aliases=1),
}
MOST_ON_FREE_PLAN = max(plan.recipients for plan in PLANS.values() if plan.aliases == 1)
# The operator's variables whose defaults are the plan's.
VARIABLES = {"mail_account_limit": "recipients", "mail_alias_limit": "aliases"}


def limits(plan: str) -> dict[str, Any]:
    """Return the limits of a mailbox of this plan. Raises KeyError for one that is unknown."""
    return asdict(PLANS[plan])


def assumption() -> str:
    """Return what to say to operators who haven't named their plan."""
    others = ", ".join(f"{name} for {plan.recipients}" for name, plan in PLANS.items() if name != ASSUMED)
    return (
        f"mail_plan is not set: {PLANS[ASSUMED].recipients} recipients in 24 hours are assumed, the limit of paid"
        f" mailboxes. Infomaniak bans a mailbox that exceeds its limit. Set mail_plan to {ASSUMED} if it is one,"
        f" otherwise to {others}; or set mail_account_limit."
    )

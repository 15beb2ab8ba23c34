"""Postfix and the sending budget."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from listkit.backup import unfinished
from listkit.budget.status import STALE_SECONDS, STATUS
from listkit.check.finding import Check, Finding
from listkit.check.probes import date, greeting, with_last_log_line
from listkit.check.settings import Settings
from listkit.common.endpoints import RELAY_SMTP

BUDGET = "listkit-budget.service"
HOUR_SECONDS = 3600
MOST_REFUSED_SECONDS = HOUR_SECONDS
FORECAST = "forecast"
MORE = (
    "`listkit budget forecast` shows the lists; add an account to mail_accounts, or ask the provider for a higher limit"
    " and set mail_account_limit"
)


def checks(settings: Settings) -> list[Check]:
    """Return the checks; there are no settings but units and ports."""
    return [
        Check("Postfix", check_postfix, needs_root=True),
        *([] if unfinished.standing_by() else [Check("outgoing mail", check_outgoing)]),
        Check("queued mail", check_queued),
        Check(FORECAST, check_forecast, needs_root=True, reuse_seconds=HOUR_SECONDS),
    ]


def check_postfix(address: tuple[str, int] = RELAY_SMTP.address) -> Iterator[Finding]:
    """Postfix greets."""
    remedy = "`postfix check` names faults of its configuration; `systemctl restart postfix`"
    try:
        seen = greeting(address)
    except OSError as error:
        yield Finding.critical("Postfix", with_last_log_line(f"port {address[1]}: {error}", "postfix*"), remedy)
        return
    text = seen.decode(errors="replace").strip()
    yield Finding.ok("Postfix", text) if seen.startswith(b"220") else Finding.critical("Postfix", text, remedy)


def check_outgoing(status: Path = STATUS) -> Iterator[Finding]:
    """The budget works, and the provider refuses no account.

    Not even for its quota, which the budget keeps: something else sends, or the limit is lower than configured.
    """
    restart = f"`systemctl restart {BUDGET}`"
    try:
        numbers = json.loads(status.read_text())
    except FileNotFoundError:
        seen = with_last_log_line("the budget does not run; outgoing mail is stuck", BUDGET)
        yield Finding.critical("outgoing mail", seen, restart)
        return
    age = time.time() - numbers["time"]
    if age > STALE_SECONDS:
        seen = with_last_log_line(f"no progress for {age:.0f} s; outgoing mail is stuck", BUDGET)
        yield Finding.critical("outgoing mail", seen, restart)
        return
    paused = [account for account in numbers["accounts"] if account["pause"]]
    for account in paused:
        seen = f"{account['address']} is paused, because the provider refused its mail: {account['pause']['reply']}"
        remedy = f"{account['pause']['advice']}; then `listkit budget resume {account['address']}`"
        yield Finding.critical("outgoing mail", seen, remedy)
    if not paused:
        yield Finding.ok("outgoing mail", "no account is paused")


def check_queued(status: Path = STATUS) -> Iterator[Finding]:
    """The provider has not refused a message for long, and Postfix can read its queue."""
    name = "queued mail"
    try:
        numbers = json.loads(status.read_text())
    except FileNotFoundError:
        return  # the finding "outgoing mail" has it
    late = [entry for entry in numbers["refused_messages"] if time.time() - entry["since"] > MOST_REFUSED_SECONDS]
    for reason, refusals in _by_reason(late).items():
        oldest = min(refusals, key=lambda entry: entry["since"])
        seen = f"{len(refusals)} refused ({reason}), the oldest since {date(oldest['since'])}: {oldest['reply']}"
        yield Finding.warning(name, seen, f"{oldest['advice']}; `listkit budget` lists them")
    if unreadable := numbers["unreadable_messages"]:
        seen = f"Postfix cannot read {', '.join(unreadable)}"
        yield Finding.warning(name, seen, f"`postsuper -d {unreadable[0]}` deletes one")
    if not late and not unreadable:
        yield Finding.ok(name, _waiting(numbers["accounts"]))


def _by_reason(refusals: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for refusal in refusals:
        found.setdefault(refusal["reason"], []).append(refusal)
    return found


def _waiting(accounts: Iterable[dict[str, Any]]) -> str:
    """Describe the mail that waits for the budget."""
    waiting = [
        f"{account['address']}: {account['queued_messages']} messages for {account['queued_recipients']} recipients"
        + (f", the next leaves {date(account['next_release'])}" if account["next_release"] else "")
        for account in accounts
        if account["queued_messages"]
    ]
    return f"waiting for the budget: {'; '.join(waiting)}" if waiting else "none waits for the budget"


def check_forecast(ledger: Path | None = None, configuration: Path | None = None) -> Iterator[Finding]:
    """The accounts may send what the lists need on an average day."""
    # A zipapp keeps no bytecode: most of the regular checks do without them.
    from listkit.budget import accounts, forecast
    from listkit.budget.ledger import PATH, Ledger

    if not (ledger or PATH).exists():
        return  # the budget was never started: the finding "outgoing mail" has it
    with contextlib.closing(Ledger(ledger or PATH, readonly=True)) as book:
        forecasts = forecast.of_site(accounts.load(configuration), book, time.time())
    for one in forecasts:
        seen = f"{one.account}: the lists need {one.needed:.0f} recipients a day, and may have {one.per_day:.0f}"
        if one.fits:
            yield Finding.ok(FORECAST, seen)
        else:
            yield Finding.warning(FORECAST, f"{seen}: mail waits longer each day", MORE)

"""Postfix and the sending budget."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

from listkit.budget.service import STALE_SECONDS, STATUS
from listkit.check.finding import Check, Finding
from listkit.check.probes import greeting, with_last_log_line
from listkit.check.settings import Settings
from listkit.common.endpoints import RELAY_SMTP

BUDGET = "listkit-budget.service"


def checks(settings: Settings) -> list[Check]:
    """Return the checks; there are no settings but units and ports."""
    return [Check("Postfix", check_postfix, needs_root=True), Check("outgoing mail", check_outgoing)]


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

"""The aliases that the lists need at the provider.

Settings, in `/etc/listkit/mailbox.json`: `lists`, those whose aliases the last run has made, or has shown to the
operator; `catch_all`, whether mail to unknown addresses arrives without aliases.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from listkit.check.finding import Check, Finding
from listkit.check.settings import Settings
from listkit.common import configuration
from listkit.common.configuration import Table
from listkit.common.rest import RestClient, RestError

CONFIGURATION = Path("/etc/listkit/mailbox.json")
NAME = "aliases"
HOUR_SECONDS = 3600
GRACE_SECONDS = 24 * HOUR_SECONDS
"""For an administrator who has just made a list to add its aliases."""


@dataclass(frozen=True)
class Plan:
    """The settings."""

    lists: tuple[str, ...]
    catch_all: bool


def checks(settings: Settings) -> list[Check]:
    """Return the check."""

    def look() -> Iterator[Finding]:
        return check_aliases(configuration.load(CONFIGURATION, read))

    return [Check(NAME, look, reuse_seconds=HOUR_SECONDS, settings=CONFIGURATION)]


def read(table: Table) -> Plan:
    """Read the settings."""
    lists = table.texts("lists", example="dev@example.org", may_be_empty=True)
    return Plan(lists, table.flag("catch_all", default=False))


def check_aliases(plan: Plan, client: RestClient | None = None) -> Iterator[Finding]:
    """A run of the playbook knows every list, and so has made or shown its aliases; or else mail arrives for it."""
    if plan.catch_all:
        yield Finding.ok(NAME, "not needed: the mailbox is a catch-all")
        return
    client = client or RestClient.of_this_host()
    planned = set(plan.lists)
    try:
        existing = {str(entry["fqdn_listname"]) for entry in client.entries("lists")}
        silent = [address for address in sorted(existing - planned) if _is_silent(client, address)]
    except RestError as error:
        yield Finding.unknown(NAME, str(error), "`listkit check --only core` on the core's host")
        return
    if silent:
        seen = f"no run of the playbook has planned those of {', '.join(silent)}, and no post has arrived there"
        remedy = (
            "on the machine that you deploy from: `ansible-playbook playbook.yml --tags lists` makes or shows them;"
            f" then `listkit check --round-trip {silent[0]}`"
        )
        yield Finding.warning(NAME, seen, remedy)
    else:
        others = "; the others are new, or have received posts" if existing - planned else ""
        yield Finding.ok(NAME, f"planned for {len(existing & planned)} of {len(existing)} lists{others}")


def _is_silent(client: RestClient, address: str) -> bool:
    """Return whether a list has been there for a while and no post has arrived."""
    settings = client.get(f"lists/{address}/config")
    # Mailman writes UTC without saying so.
    made = datetime.fromisoformat(str(settings["created_at"])).replace(tzinfo=UTC)
    age = time.time() - made.timestamp()
    return age > GRACE_SECONDS and int(settings["post_id"]) == 1

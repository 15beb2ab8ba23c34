"""The declared lists. Settings: `lists`, by address the settings that each declared list must have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from listkit.check.finding import Check, Finding
from listkit.check.settings import Settings
from listkit.common.rest import RestClient, RestError

REMEDY = "on the machine that you deploy from: `ansible-playbook playbook.yml --tags lists`"
Declared = Mapping[str, Mapping[str, Any]]


def checks(settings: Settings) -> list[Check]:
    """Return the check."""
    example = {"dev@example.org": {"subscription_policy": "confirm"}}
    declared: Declared = settings.own.mapping("lists", example=example, default={})
    return [Check("declared lists", lambda: check_lists(declared))]


def check_lists(declared: Declared, client: RestClient | None = None) -> Iterator[Finding]:
    """Mailman has the declared lists with their settings."""
    client = client or RestClient.of_this_host()
    try:
        existing = {str(entry["fqdn_listname"]) for entry in client.entries("lists")}
        drift = [line for address in sorted(existing & set(declared)) for line in _drift(client, address, declared)]
    except RestError as error:
        yield Finding.unknown("declared lists", str(error), "`listkit check --only core` on the core's host")
        return
    missing = sorted(set(declared) - existing)
    if missing:
        remedy = f"{REMEDY} creates them; or remove them from mailman_lists"
        yield Finding.critical("declared lists", f"missing: {', '.join(missing)}", remedy)
    else:
        others = len(existing) - len(declared)
        more = f"; {others} more were made in the web interface" if others else ""
        yield Finding.ok("declared lists", f"all {len(declared)} exist{more}")
    if drift:
        remedy = f"{REMEDY} sets them again; or declare the new values in mailman_lists"
        yield Finding.warning("settings of the declared lists", "; ".join(drift), remedy)
    else:
        yield Finding.ok("settings of the declared lists", "as declared")


def _drift(client: RestClient, address: str, declared: Declared) -> Iterator[str]:
    current = client.get(f"lists/{address}/config")
    for name, value in declared[address].items():
        if current.get(name) != value:
            yield f"{address}: {name} is {current.get(name)!r}, declared is {value!r}"

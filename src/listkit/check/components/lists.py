"""The declared lists, and those made in the web interface.

Settings: `lists`, by address the settings that each declared list must have; `mitigates`, whether the site's lists are
meant to have DMARC mitigation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from listkit.check.finding import Check, Finding
from listkit.check.settings import Settings
from listkit.common.rest import RestClient, RestError

REMEDY = "on the machine that you deploy from: `ansible-playbook playbook.yml --tags lists`"
MITIGATION = "DMARC mitigation"
MOST_NAMED = 5
"""Lists that are not declared."""
Declared = Mapping[str, Mapping[str, Any]]


def checks(settings: Settings) -> list[Check]:
    """Return the checks."""
    example = {"dev@example.org": {"subscription_policy": "confirm"}}
    declared: Declared = settings.own.mapping("lists", example=example, default={})
    found = [Check("declared lists", lambda: check_lists(declared))]
    if settings.own.flag("mitigates", default=True):
        found.append(Check(MITIGATION, lambda: check_mitigation(declared)))
    return found


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
        yield Finding.ok("declared lists", f"all {len(declared)} exist{_undeclared(existing - set(declared))}")
    if drift:
        remedy = f"{REMEDY} sets them again; or declare the new values in mailman_lists"
        yield Finding.warning("settings of the declared lists", "; ".join(drift), remedy)
    else:
        yield Finding.ok("settings of the declared lists", "as declared")


def _undeclared(others: Collection[str]) -> str:
    """Name lists that exist but are not declared, to append to a finding."""
    if not others:
        return ""
    named = sorted(others)[:MOST_NAMED]
    more = ", …" if len(others) > MOST_NAMED else ""
    return f"; {len(others)} more were made in the web interface: {', '.join(named)}{more}"


def _drift(client: RestClient, address: str, declared: Declared) -> Iterator[str]:
    current = client.get(f"lists/{address}/config")
    for name, value in declared[address].items():
        if current.get(name) != value:
            yield f"{address}: {name} is {current.get(name)!r}, declared is {value!r}"


def check_mitigation(declared: Declared, client: RestClient | None = None) -> Iterator[Finding]:
    """The lists that were made in the web interface have DMARC mitigation. The declared ones are compared anyway."""
    client = client or RestClient.of_this_host()
    try:
        others = sorted({str(entry["fqdn_listname"]) for entry in client.entries("lists")} - set(declared))
        without = [address for address in others if _mitigation(client, address) == "no_mitigation"]
    except RestError as error:
        yield Finding.unknown(MITIGATION, str(error), "`listkit check --only core` on the core's host")
        return
    if without:
        seen = f"none for {', '.join(without)}: strict receivers refuse posts from other domains"
        remedy = (
            "on the list's page: Settings → DMARC Mitigations → Munge From; or declare the list in mailman_lists, and"
            f" {REMEDY}"
        )
        yield Finding.warning(MITIGATION, seen, remedy)
    else:
        yield Finding.ok(MITIGATION, f"in place for all {len(others)} lists made in the web interface")


def _mitigation(client: RestClient, address: str) -> str:
    return str(client.get(f"lists/{address}/config/dmarc_mitigate_action")["dmarc_mitigate_action"])

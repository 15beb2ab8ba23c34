"""The packet filter. Settings: `firewall`, whether the kit filters packets."""

from __future__ import annotations

from collections.abc import Iterator

from listkit.check.finding import Check, Finding
from listkit.check.probes import output
from listkit.check.settings import Settings

UNIT = "listkit-firewall.service"


def checks(settings: Settings) -> list[Check]:
    """Return the check of the packet filter, if there is one."""
    filtered = settings.own.flag("firewall")
    return [Check("packet filter", check_firewall, needs_root=True, inspects=True)] if filtered else []


def check_firewall() -> Iterator[Finding]:
    """The kernel has the kit's rules: another program may have removed them since the unit loaded them."""
    if "chain input" in output("nft", "list", "table", "inet", "listkit"):
        yield Finding.ok("packet filter", "loaded")
    else:
        seen = "its table inet listkit is missing: another program has removed it"
        yield Finding.critical("packet filter", seen, f"`systemctl restart {UNIT}`")

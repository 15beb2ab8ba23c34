"""`listkit check --round-trip`: whether mail arrives for each of the lists' addresses."""

from __future__ import annotations

import json
import smtplib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from listkit.bridge import config as bridge_config
from listkit.bridge.config import Configuration
from listkit.budget import accounts
from listkit.budget.accounts import Site
from listkit.budget.status import STATUS
from listkit.check import runner
from listkit.check.components import bridge, relay
from listkit.check.finding import Finding, Status
from listkit.common.configuration import ConfigurationError, Table, load
from listkit.common.rest import PASSWORD_FILE, RestClient, RestError
from listkit.reachability import BATCH, trips
from listkit.reachability.targets import Target, target, targets
from listkit.reachability.trips import State, Trip

COMPONENT = "addresses"
READY_SECONDS = 20.0
"""How long the bridge and the relay may take to be ready: the run that asks may have restarted them."""
_ARRIVAL = "mail arrives"


def check(named: Sequence[str], patience_seconds: float, announce: Callable[[str], None]) -> Iterator[Finding]:
    """Write to these addresses, or to all of the lists, and yield the findings.

    announce: called with the cost before the first message leaves.
    """
    try:
        bridge_settings, site = bridge_config.load_without_passwords(), accounts.load()
        secret = PASSWORD_FILE.read_text(encoding="utf-8").strip()
        if foreign := [one for one in named if one.rpartition("@")[2].lower() not in bridge_settings.domains]:
            domains = ", ".join(bridge_settings.domains)
            yield Finding.unknown(_ARRIVAL, f"{foreign[0]} is not an address of the lists", f"their domains: {domains}")
            return
        wanted = _wanted(named, bridge_settings, site)
    except PermissionError:
        yield Finding.unknown(_ARRIVAL, "needs root", runner.NEEDS_ROOT)
        return
    except (ConfigurationError, RestError, OSError) as error:
        seen = "; ".join(str(error).splitlines())
        yield Finding.unknown(_ARRIVAL, seen, "run it on the host of Mailman core; `listkit check` names what is down")
        return
    sender = site.accounts[0].address
    if obstacles := [*_obstacles(wanted, bridge_settings, sender)]:
        yield from obstacles
        return
    announce(
        f"{len(wanted)} test messages leave through {sender} and count against its limit; the bridge deletes them"
        f" when they arrive. Waiting up to {patience_seconds:.0f} s for each {BATCH}"
    )
    try:
        found = list(trips.make(wanted, sender, secret, patience_seconds))
    except (OSError, smtplib.SMTPException) as error:
        yield Finding.critical(_ARRIVAL, f"the relay does not accept mail: {error}", "`listkit check --only relay`")
        return
    yield from findings(found, wanted[len(found) :], patience_seconds)


def _wanted(named: Sequence[str], bridge_settings: Configuration, site: Site) -> list[Target]:
    """Return the addresses to test. Raises ConfigurationError, OSError and RestError."""
    if named:
        return [target(address.lower(), bridge_settings, site) for address in named]
    lists = [str(entry["fqdn_listname"]) for entry in RestClient.of_this_host().entries("lists")]
    return targets(lists, bridge_settings, site, catch_all=_catch_all(runner.DIRECTORY / "bridge.json"))


def _catch_all(path: Path) -> bool:
    def read(table: Table) -> bool:
        table.ignore("units", "ports")
        return table.flag(bridge.CATCH_ALL, default=False)

    return load(path, read)


def _obstacles(wanted: Sequence[Target], bridge_settings: Configuration, sender: str) -> Iterator[Finding]:
    """What would keep test messages from arriving, or from leaving: they would cost budget for nothing."""
    looks = [lambda: list(bridge.check_incoming()), lambda: list(relay.check_outgoing())]
    with ThreadPoolExecutor(len(looks)) as pool:
        found = [finding for results in runner.retry(looks, READY_SECONDS, pool) for finding in results]
    if closed := [finding for finding in found if finding.status is not Status.OK]:
        yield from closed
        return
    if not wanted:
        yield Finding.ok(_ARRIVAL, "there is no list")
        return
    account = next(one for one in json.loads(STATUS.read_text())["accounts"] if one["address"] == sender)
    if account["left_for_posts"] < len(wanted):
        seen = f"{len(wanted)} test messages, but {sender} may send to {account['left_for_posts']} more recipients only"
        remedy = (
            "name some of the addresses: `listkit check --round-trip ADDRESS …`; `listkit budget` shows what is left"
        )
        yield Finding.unknown(_ARRIVAL, f"{seen}; none was sent", remedy)


def findings(found: Sequence[Trip], untried: Sequence[Target], patience_seconds: float) -> Iterator[Finding]:
    """Yield what the trips mean; `untried`: addresses to which no message was sent."""

    def these(*states: State) -> list[Trip]:
        return [trip for trip in found if trip.state in states]

    if arrived := these(State.ARRIVED):
        slowest = max(trip.seconds for trip in arrived)
        seen = f"for {len(arrived)} of {len(found) + len(untried)} addresses, after {slowest:.0f} s at most"
        yield Finding.ok(_ARRIVAL, seen)
    for trip in these(State.REFUSED):
        yield Finding.critical(_ARRIVAL, f"refused for {trip.target.address}: {trip.place}", _click_path([trip.target]))
    missing = [trip.target for trip in these(State.LOST)]
    for mailbox in sorted({one.mailbox for one in missing}):
        yield _missing([one for one in missing if one.mailbox == mailbox], patience_seconds)
    for trip in these(State.FILED):
        remedy = f"in the webmail of {trip.target.mailbox}, switch off the filter that moved it; then run this again"
        yield Finding.warning(_ARRIVAL, f"{trip.target.address}: {trip.place}", remedy)
    if queued := these(State.QUEUED):
        seen = f"{len(queued)} messages have not left; {queued[0].place}"
        yield Finding.unknown(_ARRIVAL, seen, "`listkit budget` shows what waits; run this again when they have left")
    if untried:
        seen = f"{len(untried)} addresses were not tried: a provider blocks accounts that write to many unknown ones"
        yield Finding.unknown(_ARRIVAL, seen, "add the aliases that are missing, then run this again")


def _missing(lost: Sequence[Target], patience_seconds: float) -> Finding:
    addresses = ", ".join(one.address for one in lost)
    return Finding.critical(_ARRIVAL, f"none within {patience_seconds:.0f} s for {addresses}", _click_path(lost))


def _click_path(lost: Iterable[Target]) -> str:
    """Return where to add the addresses of one mailbox."""
    lost = list(lost)
    mailbox, names = lost[0].mailbox, ", ".join(one.address.partition("@")[0] for one in lost)
    if not all(one.same_domain for one in lost):
        return f"{mailbox} is in another domain: give the lists a mailbox of their domain in mail_accounts"
    return f"in the Manager, Mail Service > {mailbox} > Aliases > Add an alias: {names}"

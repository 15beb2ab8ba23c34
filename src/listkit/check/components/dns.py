"""The public DNS of the lists, and the key of the signature that the last canary, or the probe's message, had.

Settings, in `/etc/listkit/dns.json`: `domains` of the lists' addresses; `hosts`, the names of the web interface, and
the `addresses` that they must have; `reports`, the address for DMARC reports; `name_servers` to ask, those of the
system if empty; `zone` that the playbook changes, empty without one; `signs`, the domain in whose name the lists' mail
is signed; `canary`, whether there is one; `selector` that the probe has seen, empty before it has run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from listkit.canary import record
from listkit.check.finding import Check, Finding
from listkit.check.settings import Settings
from listkit.common import configuration
from listkit.common.configuration import DOMAIN, Table

if TYPE_CHECKING:
    from ansible_collections.listkit.infomaniak.plugins.module_utils.mail_dns import Finding as Problem
    from ansible_collections.listkit.infomaniak.plugins.module_utils.resolver import Resolver

CONFIGURATION = Path("/etc/listkit/dns.json")
HOUR_SECONDS = 3600
RESOLV_CONF = Path("/etc/resolv.conf")
TIMEOUT_SECONDS, ATTEMPTS = 1.0, 2
"""With two name servers that don't answer, the check ends within five seconds."""
MOST_AT_ONCE = 32
AGAIN = "`listkit check --only dns`"
OF_ZONE = "on the machine that you deploy from: `ansible-playbook playbook.yml --tags dns` changes the zone"
UNANSWERED = "DNS"
"""The subject of `mail_dns` for names about which no answer came."""
OF_HOSTS = {"address": "addresses of the web interface"}
OF_DOMAINS = {"MX": "MX", "SPF": "SPF", "DMARC": "DMARC"}
"""The names of the findings by the subjects of `mail_dns`."""
SIGNATURE = "DKIM"
CANARY_AGAIN = f"`listkit canary now` and {AGAIN}"
PROBE_AGAIN = "on the machine that you deploy from: `ansible-playbook playbooks/probe.yml` and then `--tags dns`"


@dataclass(frozen=True)
class Names:
    """What to look up: the settings."""

    domains: tuple[str, ...]
    hosts: tuple[str, ...]
    addresses: tuple[str, ...]
    reports: str
    name_servers: tuple[str, ...]
    zone: str
    signs: str
    canary: bool
    selector: str


@dataclass(frozen=True)
class Signature:
    """How a message was signed: its keys in the DNS, and the commands that send and look at another one."""

    message: str
    keys: Sequence[str]
    again: str


def checks(settings: Settings) -> list[Check]:
    """Return the check, one for all records: a name server that doesn't answer is one finding."""

    def look() -> Iterator[Finding]:
        return check_records(configuration.load(CONFIGURATION, read))

    return [Check("records", look, reuse_seconds=HOUR_SECONDS, settings=CONFIGURATION)]


def read(table: Table) -> Names:
    """Read the settings."""
    return Names(
        domains=table.texts("domains", pattern=DOMAIN, example="example.org"),
        hosts=table.texts("hosts", pattern=DOMAIN, example="lists.example.org", may_be_empty=True),
        addresses=table.texts("addresses", example="192.0.2.1", default=(), may_be_empty=True),
        reports=table.address("reports"),
        name_servers=table.texts("name_servers", example="192.0.2.53", default=(), may_be_empty=True),
        zone=table.text("zone", example="example.org", default=""),
        signs=table.text("signs", pattern=DOMAIN, example="example.org"),
        canary=table.flag("canary", default=False),
        selector=table.text("selector", example="20251103", default=""),
    )


def check_records(names: Names, canary: Path = record.PATH) -> Iterator[Finding]:
    """The records are as mail and browsers need them."""
    # A zipapp keeps no bytecode: most of the regular checks do without them.
    from ansible_collections.listkit.infomaniak.plugins.module_utils import mail_dns
    from ansible_collections.listkit.infomaniak.plugins.module_utils.resolver import DnsError

    try:
        resolver = _resolver(names.name_servers)
    except DnsError as error:
        yield _unanswered(str(error))
        return

    def look(domain: str = "", host: str = "") -> list[Problem]:
        domains, hosts = [domain] if domain else [], [host] if host else []
        return mail_dns.check(resolver, domains, hosts, names.addresses, names.reports)

    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        signature = pool.submit(lambda: [*_about_signature(_signature(names, canary), names.signs, resolver)])
        of_hosts = pool.map(lambda host: look(host=host), names.hosts)
        of_domains = pool.map(lambda domain: look(domain=domain), names.domains)
        looks = [(OF_HOSTS, names.hosts, _joined(of_hosts)), (OF_DOMAINS, names.domains, _joined(of_domains))]
        reasons = [problem.problem for _, _, found in looks for problem in found if problem.subject == UNANSWERED]
        for subjects, looked_up, found in looks:
            yield from _findings(subjects, looked_up, found, names.zone)
        try:
            yield from signature.result()
        except DnsError as error:
            reasons.append(str(error))
    if reasons:
        yield _unanswered(reasons[0])


def _resolver(name_servers: Sequence[str]) -> Resolver:
    """Return what asks these name servers, or those of the system. Raises DnsError when it has none."""
    from ansible_collections.listkit.infomaniak.plugins.module_utils.resolver import Resolver, server

    if name_servers:
        return Resolver([*map(server, name_servers)], TIMEOUT_SECONDS, ATTEMPTS)
    return Resolver.of_system(RESOLV_CONF, TIMEOUT_SECONDS, ATTEMPTS)


def _joined(looks: Iterable[list[Problem]]) -> list[Problem]:
    return [problem for found in looks for problem in found]


def _findings(
    subjects: Mapping[str, str], looked_up: Sequence[str], found: Sequence[Problem], zone: str
) -> Iterator[Finding]:
    """Yield a finding for each problem, and for each subject without one if there was an answer about every name."""
    is_known = all(problem.subject in subjects for problem in found)
    for subject, name in subjects.items():
        problems = [problem for problem in found if problem.subject == subject]
        for problem in problems:
            yield Finding.warning(name, _seen(problem), _remedy(problem, zone))
        if looked_up and is_known and not problems:
            yield Finding.ok(name, f"right for {', '.join(looked_up)}")


def _seen(problem: Problem) -> str:
    return f"{problem.name}: {_continued(problem.problem)}"


def _remedy(problem: Problem, zone: str) -> str:
    if problem.records and zone and f".{problem.name}".endswith(f".{zone}"):
        return OF_ZONE
    records = ", ".join(f"`{record.as_line()}`" for record in problem.records)
    at_provider = f". At the DNS provider: {records}" if records else ""
    return f"{_continued(problem.fix)}{at_provider}; then {AGAIN}"


def _continued(sentence: str) -> str:
    """Return a sentence as the rest of one."""
    return sentence[0].lower() + sentence[1:].rstrip(".")


def _unanswered(reason: str) -> Finding:
    remedy = f"correct the name servers in /etc/resolv.conf, or those of the domain; then {AGAIN}"
    return Finding.unknown("name servers", _continued(reason), remedy)


def _signature(names: Names, canary: Path) -> Signature | None:
    """Return how the last canary was signed, or else the probe's message; None if neither is known."""
    keys = record.signing_keys(canary) if names.canary else None
    if keys is not None:
        return Signature("the last canary", keys, CANARY_AGAIN)
    if names.selector:
        return Signature("the probe's message", [f"{names.selector}._domainkey.{names.signs}"], PROBE_AGAIN)
    return None


def _about_signature(found: Signature | None, domain: str, resolver: Resolver) -> Iterator[Finding]:
    """Yield the finding about DKIM; nothing if no signature is known, because only a message names its key.

    Raises DnsError.
    """
    from ansible_collections.listkit.infomaniak.plugins.module_utils import dkim

    if found is None:
        return
    key = next((name for name in found.keys if _is_aligned(name, domain)), "")
    if not key:
        seen = f"signed in another domain's name, with {', '.join(found.keys)}" if found.keys else "not signed"
        remedy = f"in the Manager, Mail Service > Global security > DKIM; then {found.again}"
        yield Finding.warning(SIGNATURE, f"{found.message} was {seen}, so that receivers distrust posts", remedy)
        return
    records = resolver.lookup(key, "TXT")
    bits = dkim.key_bits(records[0]) if records else None
    seen = f"{found.message} was signed with {key}"
    if not records or dkim.is_revoked(records[0]):
        remedy = (
            f"add the record that the Manager shows under Mail Service > Global security > DKIM; then {found.again}"
        )
        yield Finding.warning(SIGNATURE, f"{seen}, which has no {'valid ' if records else ''}key in the DNS", remedy)
    elif bits and bits <= dkim.WEAK_BITS:
        remedy = f"ask Infomaniak's support for a longer one; then {found.again}"
        yield Finding.warning(SIGNATURE, f"{seen}, which has {bits} bits: too short", remedy)
    else:
        yield Finding.ok(SIGNATURE, f"{seen}{f', {bits} bits' if bits else ''}")


def _is_aligned(key: str, domain: str) -> bool:
    """Return whether DMARC accepts the domain of a key for mail of `domain`, which may be below it."""
    return f".{domain}".endswith(f".{key.partition('._domainkey.')[2]}")

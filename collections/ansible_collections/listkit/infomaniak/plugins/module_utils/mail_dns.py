# SPDX-License-Identifier: MIT
"""Check the DNS of a domain for a list server behind Infomaniak, and suggest the missing records."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.listkit.infomaniak.plugins.module_utils import dmarc, spf
from ansible_collections.listkit.infomaniak.plugins.module_utils.resolver import DnsError, Resolver, ZoneFirst

MAIL_EXCHANGER = "mta-gw.infomaniak.ch"
MAIL_EXCHANGER_RECORD = f"5 {MAIL_EXCHANGER}"
TTL_SECONDS = 3600
FAMILIES = {4: "A", 6: "AAAA"}
PROPAGATION = "A change takes up to 48 hours to be seen everywhere."


@dataclass(frozen=True)
class Record:
    """A record to have; `replaces` are the targets of those of its name and type that it replaces."""

    name: str
    type: str
    target: str
    replaces: list[str] = field(default_factory=list)

    def as_result(self) -> dict[str, Any]:
        """Return it as a module answers it, with the names of `dns_record`'s options."""
        return {
            "source": self.name,
            "type": self.type,
            "target": self.target,
            "ttl": TTL_SECONDS,
            "replaces": self.replaces,
        }

    def as_line(self) -> str:
        """Return it as a zone file has it."""
        target = f'"{self.target}"' if self.type == "TXT" else self.target
        return f"{self.name}. {TTL_SECONDS} IN {self.type} {target}"


@dataclass(frozen=True)
class Finding:
    """A problem of a name, its fix, and the right records if they are known."""

    name: str
    subject: str
    problem: str
    fix: str
    records: list[Record] = field(default_factory=list)

    def as_result(self) -> dict[str, Any]:
        """Return it as a module answers it."""
        return {
            "name": self.name,
            "subject": self.subject,
            "problem": self.problem,
            "fix": self.fix,
            "records": [record.as_result() for record in self.records],
        }


def check(
    resolver: Resolver, domains: Sequence[str], hosts: Sequence[str], addresses: Sequence[str], reports: str
) -> list[Finding]:
    """Return what is wrong with the DNS.

    `domains` are those of the lists, `hosts` the names of the web interface, which must have the `addresses`, and
    `reports` is who gets DMARC reports. Ends at the first question that isn't answered.
    """
    found: list[Finding] = []
    try:
        for host in hosts:
            found += check_host(resolver, host, addresses)
        for domain in domains:
            for check_subject in (check_exchangers, check_spf):
                found += check_subject(resolver, domain)
            found += check_dmarc(resolver, domain, reports)
        if isinstance(resolver, ZoneFirst):
            found += check_publication(resolver)
    except DnsError as error:
        fix = "Check the name servers in /etc/resolv.conf and those of the domain, and run again."
        found.append(Finding("DNS", "DNS", f"It could not be checked: {error}.", fix))
    return found


def check_host(resolver: Resolver, host: str, addresses: Sequence[str]) -> Iterator[Finding]:
    """Compare a host name's addresses with those it should have, in the families that these are of."""
    wanted = {kind: _of_kind(addresses, kind) for kind in FAMILIES.values()}
    have = {kind: resolver.lookup(host, kind) for kind in FAMILIES.values()}
    if not addresses and not any(have.values()):
        fix = "Add an A record with the IPv4 address of the web interface's host, and an AAAA record if it has IPv6."
        yield Finding(host, "address", "The name has no address, so that browsers don't find the web interface.", fix)
    for kind, right in wanted.items():
        missing = [address for address in right if address not in have[kind]]
        wrong = [address for address in have[kind] if right and address not in right]
        replaced = dict.fromkeys(missing[:1], wrong)
        records = [Record(host, kind, address, replaced.get(address, [])) for address in missing]
        if missing and not wrong:
            problem = f"The {kind} record for {', '.join(missing)} is missing, so that browsers don't find the host."
            yield Finding(host, "address", problem, f"Add it. {PROPAGATION}", records)
        elif wrong:
            problem = f"The name leads to {', '.join(wrong)}, and the web interface is at {', '.join(right)}."
            yield Finding(host, "address", problem, f"Change the {kind} record. {PROPAGATION}", records)


def _of_kind(addresses: Sequence[str], kind: str) -> list[str]:
    parsed = (ipaddress.ip_address(address) for address in addresses)
    return [str(address) for address in parsed if FAMILIES[address.version] == kind]


def check_exchangers(resolver: Resolver, domain: str) -> Iterator[Finding]:
    """See that mail to the domain goes to Infomaniak."""
    names = [target.partition(" ")[2] for target in resolver.lookup(domain, "MX")]
    fix = f"Make it the only MX record: {MAIL_EXCHANGER_RECORD}"
    if not names:
        problem = "The domain has no MX record, so that mail to the lists has no destination."
        yield Finding(domain, "MX", problem, fix, [Record(domain, "MX", MAIL_EXCHANGER_RECORD)])
    others = [name for name in names if name != MAIL_EXCHANGER]
    if others:
        problem = f"Mail to the domain goes to {', '.join(others)}, and not only to Infomaniak."
        yield Finding(domain, "MX", problem, fix)


def check_spf(resolver: Resolver, domain: str) -> Iterator[Finding]:
    """See that the domain has one SPF record, that it is valid, and that it includes Infomaniak's."""
    texts = resolver.lookup(domain, "TXT")
    records = [text for text in texts if spf.is_record(text)]
    nearly = [text for text in texts if spf.is_nearly_one(text)]
    if len(records) > 1:
        problem = f"The domain has {len(records)} SPF records, so that receivers ignore them all."
        yield _spf_change(domain, problem, "Replace them by one", records)
    elif not records:
        yield _without_spf(domain, nearly)
    else:
        yield from _about_spf(resolver, domain, records[0])


def _without_spf(domain: str, nearly: Sequence[str]) -> Finding:
    if nearly:
        problem = f"Receivers don't read {nearly[0]!r} as SPF: a record begins with {spf.VERSION} and a space."
        return Finding(domain, "SPF", problem, f"Replace it, such as by: {spf.NEW_RECORD}")
    problem = "The domain has no SPF record, so that other providers treat its mail as forged."
    return Finding(domain, "SPF", problem, "Add one.", [Record(domain, "TXT", spf.NEW_RECORD)])


def _about_spf(resolver: Resolver, domain: str, record: str) -> Iterator[Finding]:
    def texts(name: str) -> list[str]:
        return resolver.lookup(name, "TXT")

    found = spf.evaluate(domain, record, texts)
    for error in found.errors:
        yield Finding(domain, "SPF", f"Receivers give up on the SPF record: {error}.", "Correct the record.")
    if found.passes_all:
        fix = "End it with -all, ~all or ?all."
        yield Finding(domain, "SPF", "The SPF record ends with +all, which lets everybody send for the domain.", fix)
    if spf.INFOMANIAK not in found.included:
        after = spf.evaluate(domain, spf.merged([record]), texts)
        problem = f"The SPF record doesn't include {spf.INFOMANIAK}, so that mail of the lists is taken for forged."
        if after.errors:
            fix = f"Add {spf.INCLUDE} to it by hand; with it, {after.errors[0]}: remove senders that aren't in use."
            yield Finding(domain, "SPF", problem, fix)
        else:
            yield _spf_change(domain, problem, "Change it", [record])


def _spf_change(domain: str, problem: str, fix: str, records: Sequence[str]) -> Finding:
    merged = spf.merged(records)
    if len(merged) > spf.LONGEST_TEXT:
        return Finding(domain, "SPF", problem, f"{fix} by hand, in parts of at most 255 characters: {merged}")
    return Finding(domain, "SPF", problem, f"{fix}.", [Record(domain, "TXT", merged, list(records))])


def check_dmarc(resolver: Resolver, domain: str, reports: str) -> Iterator[Finding]:
    """See that one DMARC record holds for the domain, and that it is valid."""

    def texts(name: str) -> list[str]:
        return resolver.lookup(name, "TXT")

    name = dmarc.record_name(domain)
    records = [text for text in texts(name) if dmarc.is_record(text)]
    nearly = [text for text in texts(name) if dmarc.is_nearly_one(text)]
    if len(records) > 1:
        problem = f"The domain has {len(records)} DMARC records, so that receivers ignore them all."
        yield Finding(name, "DMARC", problem, f"Keep one, and remove the others: {' | '.join(records)}")
    elif records:
        yield from _about_dmarc(name, records[0])
    elif nearly:
        problem = f"Receivers don't read {nearly[0]!r} as DMARC: a record begins with {dmarc.VERSION};"
        yield Finding(name, "DMARC", problem, f"Replace it, such as by: {dmarc.new_record(reports)}")
    elif dmarc.inherited_from(domain, texts) is None:
        problem = "The domain has no DMARC record, which large providers require of senders."
        yield Finding(name, "DMARC", problem, "Add one.", [Record(name, "TXT", dmarc.new_record(reports))])


def _about_dmarc(name: str, record: str) -> Iterator[Finding]:
    for error in dmarc.errors(record):
        yield Finding(name, "DMARC", f"Receivers don't understand the DMARC record: {error}.", "Correct the record.")
    for former in dmarc.former_tags(record):
        problem = f"The DMARC record has a tag that RFC 9989 has removed, {former}."
        yield Finding(name, "DMARC", problem, "Remove the tag.")


def check_publication(resolver: ZoneFirst) -> Iterator[Finding]:
    """See that the public DNS has the zone's records already."""
    for name in resolver.not_public():
        problem = "The public DNS doesn't have the records of the zone yet."
        fix = f"Wait. {PROPAGATION} If it stays so, the domain's name servers aren't those of the zone."
        yield Finding(name, "DNS", problem, fix)


def summary(findings: Sequence[Finding]) -> Mapping[str, Any]:
    """Return the findings as a module answers them, with the records to add or change."""
    records = [record for finding in findings for record in finding.records]
    return {
        "problems": [finding.as_result() for finding in findings],
        "records": [record.as_result() for record in records],
        "lines": [record.as_line() for record in records],
    }

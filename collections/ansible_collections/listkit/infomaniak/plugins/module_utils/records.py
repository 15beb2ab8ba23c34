# SPDX-License-Identifier: MIT
"""DNS records of a zone: compared as DNS compares them, however they are written."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.listkit.infomaniak.plugins.module_utils.api_module import Outcome
from ansible_collections.listkit.infomaniak.plugins.module_utils.client import ApiError, Client, Written, segment

TYPES = ("A", "AAAA", "CAA", "CNAME", "DNAME", "DS", "MX", "NS", "SMIMEA", "SRV", "SSHFP", "TLSA", "TXT")
SHORTEST_TTL, LONGEST_TTL = 60, 86400
# How Infomaniak writes the zone itself, and how else it is written.
APEX = "."
APEX_NAMES = ("", ".", "@")
ALREADY_THERE = "dns_record_already_exists"
GONE = 404
_HOST_NAME_TYPES = ("CNAME", "DNAME", "MX", "NS", "SRV")
# A text in one or more quoted parts, as zone files have it.
_QUOTED_PART = r'"((?:[^"\\]|\\.)*)"'
_QUOTED = re.compile(rf"{_QUOTED_PART}(\s*{_QUOTED_PART})*")


@dataclass(frozen=True)
class Record:
    """A record as it is compared: its name within the zone, type, target and time to live in seconds.

    `replaces` are the targets of those of its name and type that it replaces.
    """

    source: str
    type: str
    target: str
    ttl: int
    id: int | None = None
    replaces: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def of_answer(cls, answer: dict[str, Any], zone: str) -> Record:
        """Read Infomaniak's answer."""
        kind = answer["type"]
        target = normal_target(kind, answer["target"])
        return cls(normal_source(answer.get("source"), zone), kind, target, int(answer["ttl"]), int(answer["id"]))

    @classmethod
    def of_option(cls, declared: dict[str, Any], zone: str) -> Record:
        """Read the module's option; raise ValueError for what Infomaniak would refuse."""
        kind, ttl, what = declared["type"], declared["ttl"], f"records: {declared['source']} {declared['type']}"
        if not SHORTEST_TTL <= ttl <= LONGEST_TTL:
            raise ValueError(f"{what}: {ttl} is not a valid ttl ({SHORTEST_TTL} to {LONGEST_TTL} seconds)")
        if problem := target_problem(kind, declared["target"]):
            raise ValueError(f"{what}: {declared['target']!r} {problem}")
        replaces = tuple(normal_target(kind, target) for target in declared["replaces"] or ())
        target = normal_target(kind, declared["target"])
        return cls(normal_source(declared["source"], zone), kind, target, ttl, replaces=replaces)

    @property
    def key(self) -> tuple[str, str, str]:
        """All that makes it another record when it differs."""
        return self.source, self.type, self.target

    @property
    def set(self) -> tuple[str, str]:
        """The record set that it belongs to."""
        return self.source, self.type

    def as_result(self) -> dict[str, Any]:
        """Return it as a module answers it."""
        return {"source": self.source, "type": self.type, "target": self.target, "ttl": self.ttl}

    def __str__(self) -> str:
        return f"{self.source} {self.ttl} {self.type} {self.target}"


def normal_source(source: str | None, zone: str) -> str:
    """Return a name within `zone`, however it is written: relative, full, or one of the signs for the zone itself."""
    name = (source or "").strip().lower().removesuffix(".")
    if name in APEX_NAMES or name == zone:
        return APEX
    return name.removesuffix(f".{zone}")


def normal_target(kind: str, target: str) -> str:
    """Return a target as it is compared: text without quotes, names in small letters, addresses in their short form."""
    target = target.strip()
    if kind == "TXT":
        parts = re.findall(_QUOTED_PART, target) if _QUOTED.fullmatch(target) else None
        return target if parts is None else re.sub(r"\\(.)", r"\1", "".join(parts))
    if kind in ("A", "AAAA"):
        try:
            return str(ipaddress.ip_address(target))
        except ValueError:
            return target
    if kind in _HOST_NAME_TYPES:
        return " ".join(target.lower().removesuffix(".").split())
    return " ".join(target.split())


def target_problem(kind: str, target: str) -> str | None:
    """Return what is wrong with a target, or None."""
    if kind in ("A", "AAAA"):
        version, example = (4, "192.0.2.1") if kind == "A" else (6, "2001:db8::1")
        try:
            right = ipaddress.ip_address(target.strip()).version == version
        except ValueError:
            right = False
        return None if right else f"isn't an IPv{version} address, such as {example}"
    if kind == "MX" and not re.fullmatch(r"\s*\d{1,5}\s+\S+\s*", target):
        return "isn't a priority and a host name, such as 5 mta-gw.infomaniak.ch"
    return None if target.strip() else "is empty"


def find(client: Client, zone: str) -> list[Record]:
    """Return all records of a zone."""
    answers = client.get_all(f"/2/zones/{segment(zone)}/records")
    return [Record.of_answer(answer, zone) for answer in answers]


def wanted(have: list[Record], declared: Iterable[Record], absent: bool, exclusive: bool) -> list[Record]:
    """Return the records after the change.

    With `exclusive`, the declared records are the only ones of their name and type; otherwise they replace those that
    they name. One that is replaced keeps its id, so that it is changed instead of removed and made.
    """
    named = {record.key: record for record in declared}
    if absent:
        return [record for record in have if record.key not in named]
    after = [replace(record, ttl=named.get(record.key, record).ttl) for record in have]
    there = {record.key for record in have}
    new = [record for key, record in named.items() if key not in there]
    replaced = {(*record.set, target) for record in named.values() for target in record.replaces}
    sets = {record.set for record in named.values()} if exclusive else set()
    surplus = [record for record in after if record.key not in named and (record.set in sets or record.key in replaced)]
    kept = [record for record in after if record not in surplus]
    return [*kept, *(_with_id_of_another(record, surplus) for record in new)]


def _with_id_of_another(record: Record, surplus: list[Record]) -> Record:
    """Return `record` with the id of a surplus one of its set, which it replaces and which leaves `surplus`."""
    other = next((other for other in surplus if other.set == record.set), None)
    if other is None:
        return record
    surplus.remove(other)
    return replace(record, id=other.id)


def converge(client: Client, zone: str, have: list[Record], after: list[Record]) -> list[Record]:
    """Make the records of `have` those of `after` and return them as they are then."""
    path = f"/2/zones/{segment(zone)}/records"
    before = {record.id: record for record in have}
    kept = {record.id for record in after}
    # Remove first: a CNAME can't stand beside the record that goes.
    written = [_remove(client, f"{path}/{record.id}") for record in have if record.id not in kept]
    for record in after:
        if record.id is None:
            written.append(_add(client, path, record))
        elif record != before[record.id]:
            written.append(client.put(f"{path}/{record.id}", {"target": record.target, "ttl": record.ttl}))
    if not written:
        return after
    new, gone = set(shown(after)) - set(shown(have)), set(shown(have)) - set(shown(after))
    return client.confirm(
        lambda: find(client, zone),
        lambda found: new <= set(shown(found)) and not gone & set(shown(found)),
        f"records to add: {'; '.join(sorted(new)) or 'none'}; records to remove: {'; '.join(sorted(gone)) or 'none'}",
        any(each.asynchronous for each in written),
    )


def _add(client: Client, path: str, record: Record) -> Written:
    try:
        return client.post(path, record.as_result())
    except ApiError as error:
        if error.code != ALREADY_THERE:
            raise
        return Written(None, asynchronous=False)


def _remove(client: Client, path: str) -> Written:
    try:
        return client.delete(path)
    except ApiError as error:
        if error.status != GONE:
            raise
        return Written(None, asynchronous=False)


def shown(records: Iterable[Record]) -> list[str]:
    """Return records as lines, in order."""
    return sorted(str(record) for record in records)


def outcome(before: list[Record], after: list[Record]) -> Outcome:
    """Return what the module answers."""
    return Outcome(shown(before), shown(after), {"records": as_results(after)})


def as_results(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Return records as a module answers them, in order."""
    return [record.as_result() for record in sorted(records, key=str)]

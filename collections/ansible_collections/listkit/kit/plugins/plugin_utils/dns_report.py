# SPDX-License-Identifier: MIT
"""The summary of the DNS, and the records that a run changes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

ADDRESS_TYPES = ("A", "AAAA")
MOVE = "infomaniak_fix: true"
WEAK_KEY_BITS = 1024


class Report(NamedTuple):
    """The part of the run's summary about the DNS."""

    text: str
    failures: list[str]


def public_addresses(texts: Iterable[str]) -> list[str]:
    """Return the addresses among `texts` that can be reached from everywhere."""
    return [text for text in texts if _is_public(text)]


def _is_public(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_global
    except ValueError:
        return False


def zone_changes(records: Iterable[Mapping[str, Any]], zone: str, moves: bool = False) -> list[Mapping[str, Any]]:
    """Return those of the records that are in the zone; those that lead a name to another host only with `moves`."""
    return [record for record in records if _is_in(record["source"], zone) and (moves or not _is_move(record))]


def _is_in(name: str, zone: str) -> bool:
    return name == zone or name.endswith(f".{zone}")


def _is_move(record: Mapping[str, Any]) -> bool:
    return record["type"] in ADDRESS_TYPES and bool(record["replaces"])


def report(
    result: Mapping[str, Any],
    found: Mapping[str, Any],
    changes: Mapping[str, Any],
    zone: str,
    *,
    moves: bool = False,
    signed: Mapping[str, Any] | None = None,
    signing: Iterable[bool | None] = (),
) -> Report:
    """Return what to say about the results of `mail_dns_info`, of `dns_record_info` and of `dns_record`.

    `signed`: how a list's mail is signed, as the probe has seen it; `signing`: for each mailbox, whether the provider
    says that it signs its mail, None where it doesn't say.
    """
    failures = [f"DNS: {each['msg']}" for each in (result, found, changes) if each.get("msg") and not _skipped(each)]
    made = zone_changes(result.get("records", ()), zone, moves) if changes.get("records") else []
    pairs = list(zip(result.get("records", ()), result.get("lines", ()), strict=True))
    left = [(record, line) for record, line in pairs if record not in made]
    parts = [f"{each['name']}: {each['problem']} {each['fix']}" for each in result.get("problems", ())]
    if result.get("records") is not None:
        parts += _about_signature(signed) if signed else _without_probe(list(signing))
    if made:
        parts += [f"Added or changed in the zone {zone}:", *(line for record, line in pairs if record in made)]
    if left:
        parts += ["Records to add or change at the DNS provider:", *(line for _record, line in left)]
    if changes.get("records") and any(_is_move(record) for record, _line in left):
        parts.append(f"The run lets a name that leads to another host do so, unless {MOVE}.")
    return Report("\n".join(parts), failures)


def _skipped(result: Mapping[str, Any]) -> bool:
    return bool(result.get("skipped"))


def _without_probe(signing: Sequence[bool | None]) -> list[str]:
    """Return what is known of the signature before the probe has seen one: a selector shows only in a message."""
    if False in signing:
        return []  # the mailbox's problems name it
    known = "Infomaniak says that it signs the lists' mail, but not with which key." if all(signing) and signing else ""
    unknown = "unknown how the lists' mail is signed; a selector shows only in a signed message."
    return [f"DKIM: {known or unknown} Run playbooks/probe.yml once, which looks at both."]


def _about_signature(signed: Mapping[str, Any]) -> list[str]:
    """Return the problem of the signature, if there is one: its selector is the provider's, and no record of ours."""
    again = "Then run playbooks/probe.yml again."
    if not signed["signed"]:
        return [f"DKIM: mail of the lists isn't signed. In the Manager, Mail Service > Global security > DKIM. {again}"]
    if not signed["aligned"]:
        return [f"DKIM: mail of the lists is signed in another domain's name. Ask Infomaniak's support why. {again}"]
    if (bits := signed["key_bits"]) and bits <= WEAK_KEY_BITS:
        return [f"DKIM: the key has {bits} bits, which is too short. Ask Infomaniak's support for a new one. {again}"]
    return []

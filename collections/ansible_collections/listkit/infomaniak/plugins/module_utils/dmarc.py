# SPDX-License-Identifier: MIT
"""DMARC (RFC 9989): which record holds for a domain, and whether receivers understand it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

VERSION = "v=DMARC1"
POLICIES = ("none", "quarantine", "reject")
# Tags with their valid values. Receivers ignore unknown tags.
VALUES = {
    "p": POLICIES,
    "sp": POLICIES,
    "np": POLICIES,
    "adkim": ("r", "s"),
    "aspf": ("r", "s"),
    "t": ("y", "n"),
    "psd": ("y", "n", "u"),
}
ADDRESS_TAGS = ("rua", "ruf")
FORMER_TAGS = {"pct": "write t=y instead of pct=0", "rf": "leave it out", "ri": "leave it out"}
# How many labels a name keeps when the walk begins further up than at its parent.
LABELS_OF_WALK = 7

_VERSION = re.compile(r"v\s*=\s*DMARC1\s*(;|$)")
_NEARLY = re.compile(r"[\"']?\s*v\s*=?\s*d-?marc", re.IGNORECASE)
_MAILTO = re.compile(r"mailto:[^@\s,!]+@[^@\s,!]+(!\d+[kmgt]?)?", re.IGNORECASE)


def is_record(text: str) -> bool:
    """Return whether receivers read a text as a DMARC record."""
    return bool(_VERSION.match(text))


def is_nearly_one(text: str) -> bool:
    """Return whether a text was probably meant as a DMARC record and isn't one."""
    return not is_record(text) and bool(_NEARLY.match(text))


def record_name(domain: str) -> str:
    """Return the name that has the DMARC record of a domain."""
    return f"_dmarc.{domain}"


def new_record(reports: str) -> str:
    """Return a record that changes nothing for receivers, and asks them to report to an address."""
    return f"{VERSION}; p=none; rua=mailto:{reports}"


def inherited_from(domain: str, texts: Callable[[str], list[str]]) -> str | None:
    """Return the parent domain whose record holds for `domain`, which has none; None when no parent has one."""
    for parent in _parents(domain):
        records = [text for text in texts(record_name(parent)) if is_record(text)]
        if len(records) == 1:
            return None if tags(records[0]).get("psd") == "y" else parent
    return None


def _parents(domain: str) -> Iterator[str]:
    """Yield the names of the tree walk above a domain."""
    labels = domain.split(".")[1:]
    labels = labels[-LABELS_OF_WALK:]
    for first in range(len(labels)):
        yield ".".join(labels[first:])


def tags(record: str) -> dict[str, str]:
    """Return the tags of a record by name, in small letters."""
    pairs = (part.partition("=") for part in record.split(";") if part.strip())
    return {name.strip().lower(): value.strip() for name, _equals, value in pairs}


def errors(record: str) -> list[str]:
    """Return what receivers don't understand in a record."""
    found = tags(record)
    wrong = [
        f"{name}={found[name]} is not valid; use {', '.join(values)}"
        for name, values in VALUES.items()
        if name in found and found[name].lower() not in values
    ]
    for name in ADDRESS_TAGS:
        targets = [part.strip() for part in found.get(name, "").split(",") if part.strip()]
        wrong += [f"{name}: {part!r} must begin with mailto:" for part in targets if not _MAILTO.fullmatch(part)]
    if "p" not in found and "rua" not in found:
        wrong.append("it lacks p, such as p=none")
    wrong += [f"{part.strip()!r} lacks =" for part in record.split(";") if part.strip() and "=" not in part]
    return wrong


def former_tags(record: str) -> list[str]:
    """Return the tags that RFC 9989 has removed, with the advice for each."""
    found = tags(record)
    return [f"{name}: {advice}" for name, advice in FORMER_TAGS.items() if name in found]

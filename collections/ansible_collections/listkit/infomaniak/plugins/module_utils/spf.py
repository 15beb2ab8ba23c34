# SPDX-License-Identifier: MIT
"""SPF (RFC 7208): whether a domain lets Infomaniak send for it, and the one record that would."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

VERSION = "v=spf1"
INFOMANIAK = "spf.infomaniak.ch"
INCLUDE = f"include:{INFOMANIAK}"
NEW_RECORD = f"{VERSION} {INCLUDE} -all"
LOOKUPS_AT_MOST = 10
# A TXT record holds longer texts in parts, which the forms of many providers spoil.
LONGEST_TEXT = 255

_MECHANISM = re.compile(
    r"(?P<qualifier>[-+~?]?)(?P<name>all|include|a|mx|ptr|ip4|ip6|exists)(?P<value>[:/].*)?", re.IGNORECASE
)
_MODIFIER = re.compile(r"(?P<name>[a-z][a-z0-9_.-]*)=(?P<value>.*)", re.IGNORECASE)
# A plain `all`, which lets everybody send, is a mistake and comes last.
_STRICTNESS = "?~-"
_NETWORKS = {"ip4": ipaddress.IPv4Network, "ip6": ipaddress.IPv6Network}
_NEEDS_VALUE = ("include", "ip4", "ip6", "exists")
_LOOKS_UP = ("include", "a", "mx", "ptr", "exists")
# Records that an operator may have meant as SPF, and that receivers ignore.
_NEARLY = re.compile(r"[\"']?\s*v\s*=\s*spf\d*\b|spf1?\b.*\binclude:|spf2\.0/", re.IGNORECASE)


@dataclass
class Evaluation:
    """The result of following a record as receivers do: lookups, included domains, and errors."""

    lookups: int = 0
    included: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    passes_all: bool = False


def is_record(text: str) -> bool:
    """Return whether receivers read a text as an SPF record."""
    return text.lower() == VERSION or text.lower().startswith(f"{VERSION} ")


def is_nearly_one(text: str) -> bool:
    """Return whether a text was probably meant as an SPF record and isn't one."""
    return not is_record(text) and bool(_NEARLY.match(text))


def evaluate(domain: str, record: str, texts: Callable[[str], list[str]]) -> Evaluation:
    """Follow the record of `domain`; `texts` returns the TXT records of a name."""
    found = Evaluation()
    _follow(domain.lower(), record, texts, found, [domain.lower()])
    if found.lookups > LOOKUPS_AT_MOST:
        found.errors.append(f"receivers need {found.lookups} DNS lookups, and stop at {LOOKUPS_AT_MOST}")
    return found


def _follow(domain: str, record: str, texts: Callable[[str], list[str]], found: Evaluation, path: list[str]) -> None:
    redirect = None
    for term in record.split()[1:]:
        modifier, mechanism = _MODIFIER.fullmatch(term), _MECHANISM.fullmatch(term)
        if modifier:
            redirect = modifier["value"] if modifier["name"].lower() == "redirect" else redirect
            continue
        problem = _problem(term, mechanism)
        if problem or mechanism is None:
            found.errors.append(f"{problem} in the record of {domain}")
            continue
        name = mechanism["name"].lower()
        if name == "all":
            found.passes_all |= len(path) == 1 and mechanism["qualifier"] in ("", "+")
            # The rest is never read, and neither is a redirect.
            return
        found.lookups += name in _LOOKS_UP
        if name == "include":
            _include((mechanism["value"] or "")[1:], texts, found, path)
    if redirect:
        found.lookups += 1
        _include(redirect, texts, found, path)


def _problem(term: str, mechanism: re.Match[str] | None) -> str | None:
    if mechanism is None:
        return f"{term!r} is not valid SPF"
    value = mechanism["value"] or ""
    name = mechanism["name"].lower()
    if name in _NEEDS_VALUE and len(value) < 2:
        return f"{term!r} lacks a value"
    if name in _NETWORKS and not _is_network(_NETWORKS[name], value[1:]):
        return f"{term!r} has no valid IPv{name[-1]} address or network"
    return f"{term!r} must not have a value" if name == "all" and value else None


def _is_network(kind: Callable[..., object], text: str) -> bool:
    try:
        kind(text, strict=False)
    except ValueError:
        return False
    return True


def _include(target: str, texts: Callable[[str], list[str]], found: Evaluation, path: list[str]) -> None:
    target = target.lower().rstrip(".")
    found.included.add(target)
    if target in path:
        found.errors.append(f"{' includes '.join([*path, target])}, without end")
        return
    # Receivers stop there too. A macro depends on the message.
    if found.lookups > 2 * LOOKUPS_AT_MOST or "%" in target:
        return
    records = [text for text in texts(target) if is_record(text)]
    if len(records) == 1:
        _follow(target, records[0], texts, found, [*path, target])
    else:
        found.errors.append(f"{target}, which it includes, has {'no' if not records else len(records)} SPF record")


def merged(records: Iterable[str]) -> str:
    """Return one record that lets Infomaniak send besides all that the `records` allow.

    Where several end with `all`, the most lenient one stays, so that no mail is refused that was accepted before.
    """
    terms: list[str] = []
    ends: list[str] = []
    # The DNS answers in any order.
    for record in sorted(records):
        for term in record.split()[1:]:
            (ends if _is_end(term) else terms).append(term)
            if _is_end(term) and not term.lower().startswith("redirect="):
                break
    if INCLUDE not in [term.lower().lstrip("+") for term in terms]:
        terms.append(INCLUDE)
    # `all` settles every message, so that a redirect beside it would never be read.
    alls = sorted((end for end in ends if not end.lower().startswith("redirect=")), key=_strictness)
    return " ".join([VERSION, *dict.fromkeys(terms), *(alls or ends)[:1]])


def _strictness(term: str) -> int:
    return _STRICTNESS.index(term[0]) if term[0] in _STRICTNESS else len(_STRICTNESS)


def _is_end(term: str) -> bool:
    return term.lower().lstrip("+-~?") == "all" or term.lower().startswith("redirect=")

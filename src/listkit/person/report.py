"""The reports for the person, in plain words."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby

from listkit.person.erasure import Search
from listkit.person.finding import KINDS, Finding
from listkit.person.identity import REMOVED_NAME, Person
from listkit.trace.report import printable

WIDTH = 110
_ORDER = {kind: place for place, kind in enumerate(KINDS)}
_KEPT = ("ban", "file", "journal")
"""Kinds that erasing leaves."""


def as_json(found: Search) -> str:
    """Return what is held, for programs."""
    return json.dumps(
        {
            "addresses": sorted(found.person.addresses),
            "names": sorted(found.person.names | found.unused_names),
            "held": [finding.as_json() for finding in found.findings],
        },
        ensure_ascii=False,
    )


def held(found: Search) -> Iterator[str]:
    """Yield the lines of what is held."""
    yield f"What the mailing lists hold about {_people(found.person)}, {date.today():%Y-%m-%d}"
    names = sorted(found.person.names | found.unused_names)
    yield from _wrapped(f"Names: {', '.join(names)}") if names else ()
    for kind, findings in _by_kind(found.findings):
        yield ""
        yield f"{KINDS[kind].title}: {len(findings)}"
        for finding in findings:
            yield from _wrapped(f"- {finding.text}", "  ")


def planned(found: Search) -> Iterator[str]:
    """Yield what erasing would do."""
    yield f"Erasing {_people(found.person)} would change this:"
    yield from _fates(found.findings)


def erased(person: Person, before: Sequence[Finding], after: Sequence[Finding], limits: Sequence[str]) -> Iterator[str]:
    """Yield the report of an erasure. limits: what it can't reach."""
    yield f"Erasure of {_people(person)}, {date.today():%Y-%m-%d}"
    yield from _fates(before)
    replaced = f"In the archive, {person.alias} and {REMOVED_NAME} replace the addresses and the name."
    yield from ("", *_wrapped(replaced)) if any(one.kind in ("post", "mention") for one in before) else ()
    if after:
        yield ""
        yield "Still on this host:"
        for kind, findings in _by_kind(after):
            yield from _wrapped(f"- {KINDS[kind].title}: {len(findings)}. {_sentence(KINDS[kind].fate)}")
            for finding in findings if kind not in _KEPT else ():
                yield from _wrapped(f"- {finding.text}", "    ")
    yield ""
    yield "What this can't reach:"
    for limit in limits:
        yield from _wrapped(f"- {limit}")


def _fates(findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        yield "- Nothing was held."
    for kind, of_kind in _by_kind(findings):
        yield from _wrapped(f"- {KINDS[kind].title}: {len(of_kind)}. {_sentence(KINDS[kind].fate)}")


def _by_kind(findings: Sequence[Finding]) -> Iterator[tuple[str, list[Finding]]]:
    ordered = sorted(findings, key=lambda finding: _ORDER[finding.kind])
    for kind, of_kind in groupby(ordered, key=lambda finding: finding.kind):
        yield kind, list(of_kind)


def _people(person: Person) -> str:
    return ", ".join(sorted(person.addresses))


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        printable(text), WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ", break_long_words=False
    )

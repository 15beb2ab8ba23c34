"""Decide whether the mail service vouches for a message's author.

Whether the service removes an Authentication-Results that came with the message isn't known. What a sender wrote stands
below all that the service wrote: only the fields on top count, and of each method only the first result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from listkit.common import authentication_results
from listkit.common.authentication_results import Result
from listkit.common.message.addresses import addresses_in


def vouched_author(header: Iterable[tuple[str, str]]) -> str:
    """The author's address, in lower case, if the mail service has found that the message is from there; else "".

    header: names, in lower case, and values of all its fields.

    That is: the one address in From has passed DMARC, or, where its domain has no DMARC policy, SPF or DKIM for the
    same domain or a parent of it.
    """
    header = list(header)
    # Of several authors, cleaning has left the first in From: the service may vouch for another one.
    fields = [value for name, value in header if name in ("from", "x-original-from")]
    authors = list(dict.fromkeys(address for value in fields for address in addresses_in(value)))
    if len(authors) != 1:
        return ""
    domain = authors[0].rpartition("@")[2]
    results: dict[str, Result] = {}
    for found in _results(header):
        results.setdefault(found.method, found)
    dmarc = results["dmarc"].result if "dmarc" in results else "none"
    if dmarc != "none":
        return authors[0] if dmarc == "pass" else ""
    passed = [found.domain for found in results.values() if found.result == "pass"]
    return authors[0] if any(_is_aligned(domain, other) for other in passed) else ""


def _results(header: Iterable[tuple[str, str]]) -> Iterator[Result]:
    """Yield the results in the service's own fields, which follow each other."""
    has_begun = False
    for name, value in header:
        results = authentication_results.of_service(value) if name == authentication_results.NAME else None
        if results is not None:
            has_begun = True
            yield from results
        elif has_begun:
            return


def _is_aligned(domain: str, other: str) -> bool:
    """Whether `other` is the domain or a parent of it; a top-level domain isn't."""
    return "." in other and (domain == other or domain.endswith(f".{other}"))

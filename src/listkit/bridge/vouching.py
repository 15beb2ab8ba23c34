"""Whether the mail service vouches for a message's author, in the Authentication-Results that it writes (RFC 8601).

Whether the service removes such a field that came with the message isn't known. What a sender wrote stands below all
that the service wrote: only the fields on top count, and of each method only the first result.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from listkit.bridge.address import addresses_in
from listkit.common.message.header import Header
from listkit.common.provider_marks import AUTHENTICATION_RESULTS, SERVICE

_COMMENT = re.compile(r"\([^()]*\)")
_RESULT = re.compile(r"\s*(dmarc|spf|dkim)\s*=\s*([a-z]+)\b(.*)", re.DOTALL)
_LONGEST = 4096
# Of DKIM there may be a signature of the author's domain, of its mail service, and of a list.
_PROPERTIES = {
    "spf": re.compile(r"\bsmtp\.mailfrom\s*=\s*\"?(?:[^\s@;\"]*@)?([a-z0-9.-]+)"),
    "dkim": re.compile(r"\bheader\.(?:d\s*=\s*|i\s*=\s*\"?[^\s@;\"]*@)([a-z0-9.-]+)"),
}


def vouched_author(header: Header) -> str:
    """The author's address, in lower case, if the mail service has found that the message is from there; else "".

    That is: the one address in From has passed DMARC, or, where its domain has no DMARC policy, SPF or DKIM for the
    same domain or a parent of it.
    """
    authors = [address for field in header.fields if field.name == "from" for address in addresses_in(field.value)]
    if len(authors) != 1:
        return ""
    domain = authors[0].rpartition("@")[2]
    results: dict[str, tuple[str, str]] = {}
    for method, result, properties in _results(header):
        results.setdefault(method, (result, properties))
    dmarc = results.pop("dmarc", ("none", ""))[0]
    if dmarc != "none":
        return authors[0] if dmarc == "pass" else ""
    passed = (_domain_of(method, properties) for method, (result, properties) in results.items() if result == "pass")
    return authors[0] if any(_is_aligned(domain, other) for other in passed) else ""


def _results(header: Header) -> Iterator[tuple[str, str, str]]:
    """Yield method, result and properties of the service's own fields, which follow each other."""
    has_begun = False
    for field in header.fields:
        is_own = field.name == AUTHENTICATION_RESULTS and _service(field.value) == SERVICE
        if has_begun and not is_own:
            return
        if is_own:
            has_begun = True
            for part in _COMMENT.sub(" ", field.value[:_LONGEST].lower()).split(";")[1:]:
                if found := _RESULT.match(part):
                    yield found[1], found[2], found[3]


def _service(value: str) -> str:
    words = _COMMENT.sub(" ", value[:_LONGEST]).partition(";")[0].split()
    return words[0].lower() if words else ""


def _domain_of(method: str, properties: str) -> str:
    found = _PROPERTIES[method].search(properties)
    return found[1] if found else ""


def _is_aligned(domain: str, other: str) -> bool:
    """Whether `other` is the domain or a parent of it; a top-level domain isn't."""
    return "." in other and (domain == other or domain.endswith(f".{other}"))

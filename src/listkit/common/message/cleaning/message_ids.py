"""Message-IDs of which Mailman and HyperKitty make the same hash: one token, ASCII, at most 254 characters."""

from __future__ import annotations

import hashlib
import re
from collections import deque

LONGEST = 250
# Of all that occurs in the wild, what Python's strict parser reads.
_ATOM = "[0-9A-Za-z!#$%&'*+/=?^_`{|}~.-]+"
_SOUND = re.compile(rf"<{_ATOM}@(?:{_ATOM}|\[[0-9.]+\])>")
_BRACKETED = re.compile(r"<([^<>]*)>")
# More would not fit into a header that mail servers accept; the first and the last ones hold the thread together.
_MOST_REFERENCES = 60


def is_sound(value: str) -> bool:
    """Whether a value is one Message-ID that everything behind the bridge reads alike."""
    return len(value) <= LONGEST and bool(_SOUND.fullmatch(value))


def normalised(value: str, domain: str) -> str:
    """Return a sound Message-ID for any; the same for the same, so that answers still find what they answer.

    domain: for the IDs that must be replaced. An empty string is returned when there is nothing to go by.
    """
    if is_sound(value):
        return value
    found = _BRACKETED.search(value)
    inner = found[1] if found else re.sub(r"\([^()]*\)", "", value)
    # HyperKitty drops white space before it makes its hash; Mailman does not.
    inner = re.sub(r"\s+", "", inner).strip('"<>')
    inner = inner.strip('[]"') if inner.startswith("[") else inner
    if not inner:
        return ""
    if is_sound(f"<{inner}>"):
        return f"<{inner}>"
    digest = hashlib.sha256(inner.encode("utf-8", "surrogateescape")).hexdigest()
    return f"<{digest[:32]}@{domain}>"


def references(value: str, domain: str) -> list[str]:
    """Return the sound Message-IDs for all that a References or In-Reply-To field names."""
    first = _BRACKETED.search(value)
    last = deque(_BRACKETED.finditer(value, first.end()), _MOST_REFERENCES - 1) if first else ()
    found = [normalised(match[0], domain) for match in (first, *last) if match]
    return [one for one in found if one]


def are_sound(value: str) -> bool:
    """Whether a References or In-Reply-To field needs no change."""
    if not value.isascii() or value.count("<") > _MOST_REFERENCES:
        return False
    return all(is_sound(match[0]) for match in _BRACKETED.finditer(value))

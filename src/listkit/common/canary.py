"""The mark of the canary's messages, which the bridge recognises when they return."""

from __future__ import annotations

import re
from collections.abc import Sequence

HEADER = "X-Listkit-Canary"
RETURNED = "the canary has returned"
"""The bridge's log message about them."""
_SIGNED = re.compile(r"\bsigned with ([^\s;,]+(?:, [^\s;,]+)*)")
_UNSIGNED = "not signed"


def signature_note(keys: Sequence[str]) -> str:
    """Return the bridge's note about the signatures of a message, each the name of its key in the DNS."""
    return f"signed with {', '.join(keys)}" if keys else _UNSIGNED


def noted_keys(text: str) -> list[str] | None:
    """Return the keys in such a note; None without one."""
    if found := _SIGNED.search(text):
        return found[1].split(", ")
    return [] if _UNSIGNED in text else None

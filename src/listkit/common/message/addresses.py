"""Addresses in the header fields of other people's messages."""

from __future__ import annotations

import re

_LONGEST_LOCAL = 256
# Far stricter than RFC 5322 on purpose: quoted local parts and address literals are never ours.
_LOCAL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+", re.IGNORECASE)
_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.IGNORECASE)
# The last group is empty where the closing quote is missing; the pattern always matches, and so takes linear time.
_QUOTED = re.compile(r'"(?:[^"\\]|\\(?:.|\Z))*("?)', re.DOTALL)
_COMMENT = re.compile(r"\([^()]*\)")


def addresses_in(value: str) -> list[str]:
    """Find the addresses in a header's value, in lower case and in order; display names and comments don't count.

    Linear in the length of the value, whatever a stranger put there.
    """
    bare = _COMMENT.sub(" ", _QUOTED.sub(lambda quoted: " " if quoted[1] else quoted[0], value))
    return [address for sign in re.finditer("@", bare) if (address := _around(bare, sign.start()))]


def _around(text: str, sign: int) -> str | None:
    """The address around the @ at this place, if there is one."""
    backwards = _LOCAL.match(text[max(0, sign - _LONGEST_LOCAL - 1) : sign][::-1])
    domain = _DOMAIN.match(text, sign + 1)
    if not backwards or not domain or len(backwards[0]) > _LONGEST_LOCAL:
        return None
    return f"{backwards[0][::-1]}@{domain[0]}".lower()


def envelope_address(value: str) -> str | None:
    """Return the one address that an envelope header (`Delivered-To`, `Return-Path`) holds, or None."""
    address = value.strip().removeprefix("<").removesuffix(">").strip()
    local, sign, domain = address.rpartition("@")
    return address.lower() if sign and _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain) else None

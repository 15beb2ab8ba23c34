# SPDX-License-Identifier: MIT
"""DKIM: what a signature covers, and how long its key is."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

WEAK_BITS = 1024
_INTEGER, _SEQUENCE, _BIT_STRING = 0x02, 0x30, 0x03


@dataclass(frozen=True)
class Signature:
    """A DKIM-Signature field: its domain, selector, and the names of the fields that it covers."""

    domain: str
    selector: str
    covers: frozenset[str]

    @property
    def key_name(self) -> str:
        """The name of the TXT record with the key."""
        return f"{self.selector}._domainkey.{self.domain}"


def signature(value: str) -> Signature:
    """Read the value of a DKIM-Signature field."""
    tags = _tags(value)
    covers = frozenset(name.strip().lower() for name in tags.get("h", "").split(":"))
    return Signature(tags.get("d", "").lower(), tags.get("s", ""), covers)


def key_bits(record: str) -> int | None:
    """Return the length of the RSA key in a TXT record; None when it is of another kind, or revoked."""
    tags = _tags(record)
    if tags.get("k", "rsa") != "rsa":
        return None
    try:
        return _modulus_bits(base64.b64decode(re.sub(r"\s", "", tags.get("p", "")), validate=True))
    except (binascii.Error, IndexError, ValueError):
        return None


def is_revoked(record: str) -> bool:
    """Return whether a TXT record says that its key is not valid any more (RFC 6376, 3.6.1)."""
    return _tags(record).get("p") == ""


def _tags(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";") if "=" in part)
    return {name.strip(): re.sub(r"\s", "", value) for name, _equals, value in pairs}


def _modulus_bits(key: bytes) -> int:
    """Return the length of the modulus in a SubjectPublicKeyInfo (RFC 5280), or in an RSAPublicKey (RFC 8017)."""
    content = _value(key, 0, _SEQUENCE)[0]
    if content[0] == _SEQUENCE:
        _algorithm, offset = _value(content, 0, _SEQUENCE)
        # A bit string begins with the number of its unused bits.
        content = _value(_value(content, offset, _BIT_STRING)[0], 1, _SEQUENCE)[0]
    return int.from_bytes(_value(content, 0, _INTEGER)[0], "big").bit_length()


def _value(data: bytes, offset: int, tag: int) -> tuple[bytes, int]:
    """Return the value of the DER element at `offset`, and the offset behind it; raise ValueError for another tag."""
    if data[offset] != tag:
        raise ValueError(f"tag {data[offset]} instead of {tag}")
    size, start = data[offset + 1], offset + 2
    if size & 0x80:
        octets = size & 0x7F
        size, start = int.from_bytes(data[start : start + octets], "big"), start + octets
    return data[start : start + size], start + size

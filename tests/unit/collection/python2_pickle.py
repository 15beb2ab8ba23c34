"""Pickles as Python 2 wrote them, in which texts are bytes. Python 3 writes bytes as a call of code."""

from __future__ import annotations

import struct
from typing import Any


class BounceInfo:
    """Stands for Mailman 2.1's record of a member's bounces."""


def dumps(value: Any) -> bytes:
    """Return the pickle of a value, in protocol 1."""
    return _encoded(value) + b"."


def _encoded(value: Any) -> bytes:
    if value is None:
        return b"N"
    if isinstance(value, bool):
        return b"I01\n" if value else b"I00\n"
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, str):
        return _encoded(value.encode())
    if isinstance(value, bytes):
        return b"T" + struct.pack("<i", len(value)) + value
    if isinstance(value, tuple):
        return b"(" + b"".join(map(_encoded, value)) + b"t"
    if isinstance(value, list):
        return b"](" + b"".join(map(_encoded, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(_encoded(key) + _encoded(item) for key, item in value.items()) + b"u"
    assert isinstance(value, BounceInfo)
    return b"(cMailman.Bouncer\n_BounceInfo\no" + _encoded({"score": 1.0}) + b"b"

# SPDX-License-Identifier: MIT
"""The encoding in which an action plugin passes a manifest to its module.

It is one opaque string, which Ansible can hide as a whole (`no_log`) instead of each word in it. Compression reduces it
to a third.
"""

from __future__ import annotations

import base64
import json
import zlib


def pack(manifest: dict) -> str:
    """Return `manifest` as one ASCII string."""
    return base64.b64encode(zlib.compress(json.dumps(manifest).encode())).decode()


def unpack(text: str) -> dict:
    """Return the manifest that `pack` packed."""
    return json.loads(zlib.decompress(base64.b64decode(text)))

# SPDX-License-Identifier: MIT
"""How an action plugin hands a manifest to its module.

One opaque string: Ansible hides the whole of it (`no_log`) without hiding each word that happens to stand in it, and a
manifest of files shrinks to a third.
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

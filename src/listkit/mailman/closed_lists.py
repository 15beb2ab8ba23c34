"""The lists that accept no requests to join, as the operator declared them."""

from __future__ import annotations

import json
from pathlib import Path

PATH = Path("/etc/listkit/closed-lists.json")
"""The addresses, as a JSON array. The role `lists` writes it; it is read at each request."""


def is_closed(address: str, path: Path = PATH) -> bool:
    """Return whether the list at `address` is closed. Raises ValueError, naming the file, when it isn't JSON."""
    try:
        return address in json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error


def refuses(address: str, pre_approved: bool, invitation: bool, path: Path = PATH) -> bool:
    """Return whether the list at `address` refuses a subscription. What an owner approves or offers is accepted."""
    return not (pre_approved or invitation) and is_closed(address, path)

# SPDX-License-Identifier: MIT
"""Names as operators write them and as Infomaniak keeps them."""

from __future__ import annotations

import re
from typing import Any

# A mailbox or alias has at most 64 characters before the @.
_LOCAL_PART = re.compile(r"(?!\.)(?!.*\.\.)[a-z0-9._%+=&'-]{1,64}(?<!\.)", re.ASCII)


def local_part(option: str, name: str) -> str:
    """Return the part before the @ in small letters; raise ValueError, naming the option, when it can't be one."""
    name = name.strip().lower()
    if "@" in name:
        raise ValueError(f"{option}: {name!r} is a full address; write only the part before the @, such as news")
    if not _LOCAL_PART.fullmatch(name):
        raise ValueError(f"{option}: {name!r} can't stand before an @; write 1 to 64 letters, digits, dots and dashes")
    return name


def address(option: str, text: str) -> str:
    """Return a full address in small letters; raise ValueError, naming the option, when it isn't one."""
    text = text.strip().lower()
    if not re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", text):
        raise ValueError(f"{option}: {text!r} isn't a full address, such as ana@example.org")
    return text


def truth(value: Any) -> bool | None:
    """Return a setting that Infomaniak answers as a boolean, a number or a word; None when it didn't answer it."""
    if value is None or isinstance(value, bool):
        return value
    return str(value).strip().lower() not in ("", "0", "false", "no", "none", "off")

# SPDX-License-Identifier: MIT
"""Where roles are."""

from __future__ import annotations

from pathlib import Path

from ansible import constants as C
from ansible.errors import AnsibleError


def names() -> list[str]:
    """Return the names of all roles, sorted."""
    return sorted({path.name for root in C.DEFAULT_ROLES_PATH for path in Path(root).glob("*") if path.is_dir()})


def directory(role: str) -> Path:
    """Return the directory of `role`; raises AnsibleError if none of the configured paths has it."""
    found = next((path for path in (Path(root, role) for root in C.DEFAULT_ROLES_PATH) if path.is_dir()), None)
    if found is None:
        raise AnsibleError(f"there is no role {role!r} in {', '.join(C.DEFAULT_ROLES_PATH)}")
    return found

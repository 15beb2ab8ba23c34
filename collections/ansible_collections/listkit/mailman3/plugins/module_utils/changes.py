# SPDX-License-Identifier: MIT
"""The changes of a module, made or planned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Change:
    """The declared parts of a domain, list or roster before and after; of a removed list, its contents before."""

    what: str
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)

    @property
    def created(self) -> bool:
        """Whether it did not exist before."""
        return bool(self.after) and not self.before

    @property
    def removed(self) -> bool:
        """Whether it does not exist any more."""
        return bool(self.before) and not self.after

    def __bool__(self) -> bool:
        return self.before != self.after

    def diff(self) -> dict[str, Any]:
        """Return it as Ansible displays it."""
        # An empty text says "nothing"; an empty dictionary would be shown as a value.
        return {
            "before_header": self.what,
            "after_header": self.what,
            "before": self.before or "",
            "after": self.after or "",
        }


class Incomplete(Exception):
    """Some changes failed, and the others are done. The text says which failed, and why."""

    def __init__(self, text: str, changes: list[Change], results: dict[str, Any]):
        super().__init__(text)
        self.changes, self.results = changes, results

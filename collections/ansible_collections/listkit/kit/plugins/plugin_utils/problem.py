# SPDX-License-Identifier: MIT
"""What is wrong with a variable, in the words that the operator reads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that the operator has to put right."""

    variable: str
    wrong: str
    example: str

    def __str__(self) -> str:
        return f"{self.variable}: {self.wrong} (for example {self.example})"

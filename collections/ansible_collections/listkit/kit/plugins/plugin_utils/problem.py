# SPDX-License-Identifier: MIT
"""A problem of the inventory, in the operator's words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

VAULT_PROBLEM = "cannot be decrypted: the vault password is missing or wrong"
VAULT_EXAMPLE = "ansible-playbook playbook.yml --ask-vault-pass"


@dataclass(frozen=True)
class Problem:
    """One thing that the operator has to correct."""

    variable: str
    wrong: str
    example: str

    def __str__(self) -> str:
        return f"{self.variable}: {self.wrong} (for example {self.example})"


def secret_example(name: str) -> str:
    """Return an example for the secret variable `name`, with an environment variable of its own."""
    return f"\"{{{{ lookup('env', '{re.sub(r'[^A-Z0-9]+', '_', name.upper())}') }}}}\", with that variable exported"


def listing(problems: Sequence[Problem]) -> str:
    """Return the message that reports `problems`."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return "\n".join([f"{count} in the inventory; nothing was changed:", *map(str, problems)])

"""The checks that the unit of the regular checks is too confined for: a unit of its own, without network, makes them.

They read the packet filter, the memory maps of all processes, and the state of the clock. Root's own `listkit check`
has the capabilities for that, and does without the unit.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from listkit.check.finding import Finding
from listkit.common.durable import replace_file

UNIT = "listkit-inspection.service"
PATH = Path("/run/listkit-inspection/findings.json")
CAPABILITIES = 1 << 12 | 1 << 19
"""CAP_NET_ADMIN and CAP_SYS_PTRACE, as capabilities(7) numbers them."""
TIMEOUT_SECONDS = 60


def possible(status: Path = Path("/proc/self/status")) -> bool:
    """Return whether this process has the capabilities that the checks need."""
    effective = re.search(r"^CapEff:\t([0-9a-f]+)$", status.read_text(), re.MULTILINE)
    return effective is not None and int(effective[1], 16) & CAPABILITIES == CAPABILITIES


def ask(check: str, path: Path | None = None) -> list[Finding]:
    """Have the unit make its checks; return the findings of one of them. Raises OSError."""
    command = ["systemctl", "start", UNIT]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    if answer.returncode:
        raise OSError(answer.stderr.strip())
    return [Finding.of(entry) for entry in json.loads((path or PATH).read_text())[check]]


def record(found: Mapping[str, Sequence[Finding]], path: Path | None = None) -> None:
    """Keep the findings of each check, for `ask`."""
    replace_file(path or PATH, json.dumps({check: list(map(asdict, findings)) for check, findings in found.items()}))

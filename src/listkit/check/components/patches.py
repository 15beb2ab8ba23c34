"""The changes to Mailman and its web interface: each process that could not apply one leaves a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from listkit.check.finding import Check, Finding
from listkit.check.settings import Settings

DIRECTORY = Path("/run/listkit/patches")


def checks(settings: Settings) -> list[Check]:
    """Return the check; there are no settings."""
    return [Check("patches", check_patches)]


def check_patches(directory: Path = DIRECTORY) -> Iterator[Finding]:
    """Every patch fitted the program that it changes; nothing on a host without patched programs."""
    files = sorted(directory.rglob("*.json"))
    failed = [(file, patch) for file in files for patch in json.loads(file.read_text())["failed"]]
    for file, patch in failed:
        seen = f"{patch['patch']} does not fit {file.stem}: {patch['reason']}; it runs without the patch"
        remedy = (
            f"update the kit, then `ansible-playbook playbook.yml`; {patch['upstream']} says whether it is still needed"
        )
        yield Finding.critical("patches", seen, remedy)
    if files and not failed:
        yield Finding.ok("patches", f"all applied in {', '.join(file.stem for file in files)}")

"""The changes to Mailman and its web interface: each process records those that it could not apply."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from listkit.check.finding import Check, Finding
from listkit.check.settings import Settings
from listkit.common.patching import DIRECTORY, recorded_failures

REMEDY = "update the kit, then `ansible-playbook playbook.yml`; docs/reference/patches.md describes each patch"


def checks(settings: Settings) -> list[Check]:
    """Return the check; there are no settings."""
    return [Check("patches", check_patches)]


def check_patches(directory: Path = DIRECTORY) -> Iterator[Finding]:
    """Every patch fitted the program that it changes; nothing on a host without patched programs."""
    records = recorded_failures(directory)
    for process, failures in records.items():
        for failure in failures:
            seen = f"{process} runs without the patch {failure.patch}: {failure.reason}"
            yield Finding.critical("patches", seen, REMEDY)
    if records and not any(records.values()):
        yield Finding.ok("patches", f"all applied in {', '.join(records)}")

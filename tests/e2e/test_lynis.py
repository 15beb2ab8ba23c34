"""What lynis says of a deployed host, without its advice about Debian and the machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployment import Deployment
from lab import Host

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.one_release]

LEAST_INDEX = 75
WAIVED = {
    "for people who log in with passwords; here only keys do": (
        *("AUTH-9230", "AUTH-9262", "AUTH-9284", "AUTH-9286", "AUTH-9328", "DEB-0280", "DEB-0880", "HOME-9304"),
    ),
    "Debian's packages: interactive upgrades, other tools for what apt and `listkit check` do": (
        *("DEB-0810", "DEB-0811", "DEB-0831", "PKGS-7370", "PKGS-7394", "TOOL-5002"),
    ),
    "Debian's own units and files": ("BOOT-5180", "BOOT-5264", "FILE-7524"),
    "the machine: kernel, modules, disks, the lab's names": (
        *("FILE-6310", "KRNL-5788", "KRNL-6000", "NAME-4028", "NETW-3200", "STRG-1846", "USB-1000"),
    ),
    "the operator's: notices, accounting, a log host, scanners": (
        *("ACCT-9622", "ACCT-9626", "ACCT-9628", "BANN-7126", "BANN-7130", "FINT-4350", "HRDN-7230", "LOGG-2154"),
    ),
    "compared with a baseline in test_hardening": ("SSH-7408",),
    "Postfix greets on loopback only": ("MAIL-8818",),
    "PostgreSQL's configuration has no secret": ("DBS-1828",),
    "lynis is as old as Debian's": ("LYNIS",),
    "the web server logs errors; requests of visitors are logged nowhere": ("HTTP-6712",),
}
"""Reason → lynis's tests."""
PROFILE = "/etc/lynis/custom.prf"
REPORT = "/var/log/lynis-report.dat"


@pytest.fixture
def host(deployment: Deployment, release: str) -> Iterator[Host]:
    """A host with lynis, whose profile leaves out what is waived."""
    host = deployment.sites[release].host
    host.run("apt-get install -y -q --no-install-recommends lynis")
    host.write(PROFILE, "".join(f"skip-test={name}\n" for names in WAIVED.values() for name in names))
    yield host
    host.run(f"apt-get purge -y -q lynis; rm -rf {Path(PROFILE).parent}")


def test_lynis_finds_little(host: Host):
    host.run("lynis audit system --quick --no-colors --quiet", timeout=1200)
    report = host.run(f"grep -E '^(hardening_index|warning|suggestion)' {REPORT}")
    index = next(line for line in report.splitlines() if line.startswith("hardening_index="))
    print(index)
    assert int(index.partition("=")[2]) >= LEAST_INDEX, report
    assert "warning[]" not in report, report

"""`listkit restart`: restart the site's services that run files which an update has replaced.

After the daily updates, `apt-daily-upgrade.service` runs it. Services that aren't the site's, apart from sshd, are left
to the operator: some, such as D-Bus, need a reboot. `listkit check` names them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from listkit.check.units import services_with_replaced_files

SETTINGS = Path("/etc/listkit/check.d")
SSH = "ssh.service"


def main(argv: list[str]) -> int:
    """Restart the services; return the exit status: 0, or 1 if one doesn't start."""
    parser = argparse.ArgumentParser(
        prog="listkit restart", description="Restart the site's services that run files which an update has replaced."
    )
    parser.parse_args(argv)
    outdated = services_with_replaced_files()
    restarted = of_the_site(outdated, {SSH, *site_units()})
    print(f"restarted: {', '.join(restarted) or 'none'}")
    if others := sorted(set(outdated) - set(restarted)):
        print(f"not the site's, left as they are: {', '.join(others)}")
    if not restarted:
        return 0
    # In one call, so that systemd starts them in their order.
    done = subprocess.run(["systemctl", "restart", *restarted], stdout=sys.stdout, stderr=sys.stderr, check=False)
    return 1 if done.returncode else 0


def site_units() -> set[str]:
    """Return the units of all roles on this host."""
    return {unit for path in SETTINGS.glob("*.json") for unit in json.loads(path.read_text()).get("units", ())}


def of_the_site(services: Iterable[str], units: set[str]) -> list[str]:
    """Return the services that are among the units, or instances of them such as postgresql@17-main.service."""
    return [unit for unit in services if unit in units or f"{unit.partition('@')[0]}.service" in units]

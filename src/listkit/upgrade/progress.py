"""`/var/lib/listkit/upgrade.json`: the step that an upgrade has reached.

It is written before a step changes anything. The playbook refuses a host in the middle of an upgrade
(`roles/base/tasks/preflight.yml`), except in the last two steps, in which the host is complete.
"""

from __future__ import annotations

import json
from pathlib import Path

from listkit.common.durable import write_durably
from listkit.upgrade.errors import UpgradeError

PATH = Path("/var/lib/listkit/upgrade.json")
NONE, STOP, PACKAGES, DATABASE, DEPLOY, DONE = "", "stop", "packages", "database", "deploy", "done"

AGAIN = "ansible-playbook playbooks/upgrade.yml -D"
BACK = f"{AGAIN} -e upgrade_back=true"
SNAPSHOT = (
    f"To go back to Debian 12 by the snapshot of the server: {BACK} -e upgrade_server=NAME\n"
    "Without a snapshot: the backup on a Debian 12 host (docs/runbooks/restore.md)."
)
WAYS = {
    NONE: "Nothing was changed.",
    STOP: f"Mail and the web interface are stopped; nothing else was changed. To go on: {AGAIN}\nTo go back: {BACK}",
    PACKAGES: f"Debian's packages are being replaced. To go on: {AGAIN}\n{SNAPSHOT}",
    DATABASE: f"The data is where it was, in the old cluster. To go on: {AGAIN}\n{SNAPSHOT}",
    DEPLOY: (
        f"Debian 13 is installed. To go on: {AGAIN}\n"
        f"The old cluster has the data as it was before. To go back to it, with PostgreSQL's old version: {BACK}\n"
        f"{SNAPSHOT}"
    ),
}
WAYS[DONE] = WAYS[DEPLOY]
"""What can be done after a failure in each step."""


def load() -> str:
    """Return the step that was reached, "" when no upgrade has begun. Raises UpgradeError."""
    try:
        step = json.loads(PATH.read_text())["upgrade"]["step"]
    except FileNotFoundError:
        return NONE
    except (ValueError, KeyError, TypeError) as error:
        raise UpgradeError(f"{PATH} is damaged ({error})") from error
    if step not in WAYS:
        raise UpgradeError(f"{PATH} has the unknown step {step}")
    return str(step)


def save(step: str) -> None:
    """Record a step; "" removes the record."""
    if step == NONE:
        PATH.unlink(missing_ok=True)
    else:
        PATH.parent.mkdir(parents=True, exist_ok=True)
        write_durably(PATH, json.dumps({"upgrade": {"step": step}}) + "\n")

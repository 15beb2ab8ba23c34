"""The part of a deployment that Django's database needs: done only if something has changed since the last time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from listkit.common.configuration import Table, load
from listkit.common.durable import replace_file
from listkit.web import SHARE, pages
from listkit.web.user import run_as_web_user

CONFIGURATION = Path("/etc/listkit/web.json")
STAMP = Path("/var/lib/listkit/web-setup.json")
"""The digest of the inputs of the last deployment, and the administrators that it left."""

_ARTEFACT = Path("/usr/local/lib/listkit/listkit.pyz")
_SETTINGS = Path("/etc/mailman3/mailman-web.py")
_TEMPLATES = SHARE / "templates"


def deploy(passwords: str, dry_run: bool) -> dict:
    """Set up the database and the pages; return what changed, and the administrators who aren't declared any more.

    passwords: by login, as JSON.
    Raises ConfigurationError, and user.SubcommandFailed.
    """
    wanted = load(CONFIGURATION, Table.content)
    digest = _digest(CONFIGURATION, _SETTINGS, _ARTEFACT, *sorted(_TEMPLATES.rglob("*.html")))
    last = load(STAMP, Table.content, missing={})
    logins = {wanted["superuser"], *(entry["user"] for entry in wanted["administrators"])}
    done = last.get("digest") == digest and pages.is_installed()
    changes = [] if done and not wanted["superuser_password_force"] else _set_up_application(passwords, dry_run)
    former = _still_administrators(sorted({*last.get("administrators", ())} - logins))
    present = {"digest": digest, "administrators": sorted(logins.union(former))}
    if not dry_run and present != last:
        replace_file(STAMP, json.dumps(present))
    return {"changed": bool(changes), "changes": changes, "former_administrators": former}


def _digest(*files: Path) -> str:
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _set_up_application(passwords: str, dry_run: bool) -> list[str]:
    """Set up the database and install the pages that Django renders; return a line for each change."""
    answer = run_as_web_user("setup-application", *(["--check"] if dry_run else []), stdin=passwords)
    done = json.loads(answer)
    return [*done["changes"], *pages.install(done["pages"], dry_run=dry_run)]


def _still_administrators(logins: Sequence[str]) -> list[str]:
    """Return those of these logins whose accounts are administrators."""
    if not logins:
        return []
    found: list[str] = json.loads(run_as_web_user("find-administrators", *logins))
    return found

"""The declared syncs: `/etc/listkit/member-syncs.json`, which the role `lists` writes, and which timers run.

{"syncs": [{"list": "members@example.org", "every": "weekly", "file": "/srv/members.csv", "exact": true}]}

One that fails doesn't stop the others. Then the unit fails, which `listkit check` reports.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.listkit.mailman3.plugins.module_utils.membership import files

from listkit.common.configuration import Table, load
from listkit.common.rest import NotFound, RestError
from listkit.members.importing import Failure, Import, bring, read

CONFIGURATION = Path("/etc/listkit/member-syncs.json")
INTERVALS = ("hourly", "daily", "weekly", "monthly")
"""As systemd names them; each has an instance of the units `listkit-members@`."""
COMMAND_SECONDS = 300


@dataclass(frozen=True)
class Sync:
    """One list's sync. The people are in the file `file`, or in the output of `command`, on this host."""

    every: str
    how: Import
    file: str
    command: Sequence[str]
    form: str

    @property
    def source(self) -> str:
        """Where the people come from, in words."""
        return self.file or self.command[0]

    def run(self) -> int:
        """Bring the people to the list; return 1 if Mailman refused some of them, or else 0. Raises Failure."""
        return bring(read(self._content(), self.form, self.source), self.source, self.how)

    def _content(self) -> bytes:
        if self.file:
            return Path(self.file).read_bytes()
        try:
            done = subprocess.run(self.command, capture_output=True, check=False, timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise Failure(f"{self.source} has not ended after {COMMAND_SECONDS} s") from error
        if done.returncode:
            reason = done.stderr.decode(errors="replace").strip() or "no error output"
            raise Failure(f"{self.source} ended with {done.returncode}: {reason}")
        return done.stdout


def run(every: str) -> int:
    """Run the syncs with this interval; return 1 if one of them failed, or else 0. Raises ConfigurationError."""
    failed = 0
    for sync in load(CONFIGURATION, _syncs, missing={}):
        if sync.every == every:
            failed |= _outcome(sync)
    return failed


def _outcome(sync: Sync) -> int:
    try:
        return sync.run()
    except NotFound:
        reason = f"{sync.how.address}: there is no such list"
    except (Failure, RestError) as error:
        reason = str(error)
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}"
    # The list comes first: `listkit check` shows the last line.
    prefix = "" if reason.startswith(sync.how.address) else f"{sync.how.address}: "
    print(f"{prefix}{reason}", file=sys.stderr, flush=True)
    return 1


def _syncs(table: Table) -> list[Sync]:
    return [_sync(entry) for entry in table.tables("syncs")]


def _sync(table: Table) -> Sync:
    file = str(table.path("file", example="/srv/members.csv")) if "file" in table else ""
    return Sync(
        every=table.choice("every", INTERVALS),
        how=Import(
            address=table.address("list"),
            exact=table.flag("exact", default=False),
            max_removals=table.integer("max_removals", 0, 1_000_000) if "max_removals" in table else None,
            allow_empty=table.flag("allow_empty", default=False),
            welcome=table.flag("welcome", default=False),
        ),
        file=file,
        command=() if file else table.texts("command", pattern=r"(?s).*", example="/usr/local/bin/crm"),
        form=table.choice("format", (files.DETECT, *files.FORMATS), default=files.DETECT),
    )

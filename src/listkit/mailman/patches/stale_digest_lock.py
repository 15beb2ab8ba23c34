"""The lock that a killed process left on the mailbox of a digest is removed.

Without that every later post of the list fails with `ExternalClashError`.
"""

from __future__ import annotations

import functools
import logging
import time
from contextlib import suppress
from pathlib import Path

from listkit.common.patching import Patch, Target

STALE_SECONDS = 60
"""A process holds the lock for the moment of a write, or while it makes a digest."""

log = logging.getLogger("mailman.error")


def wrap(mailbox_class) -> None:
    """Wrap the method of Mailman's `Mailbox`."""
    mailbox_class.lock = _lock(mailbox_class.lock)


def _lock(original):
    @functools.wraps(original)
    def lock_or_break(self):
        """See `mailbox.Mailbox`."""
        path = Path(f"{self._path}.lock")
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > STALE_SECONDS:
                log.error("%s was left by a process that was killed: removed", path)
                path.unlink()
        return original(self)

    return lock_or_break


def _apply() -> None:
    from mailman.utilities.mailbox import Mailbox

    wrap(Mailbox)


PATCH = Patch(
    name="stale-digest-lock",
    purpose="A process that is killed while it writes to a list's digest leaves a lock, and every later post fails.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="An administrator has to remove the lock.",
    targets=(Target("mailman.utilities.mailbox:Mailbox.lock", "(self)"),),
    apply=_apply,
)

"""A post that HyperKitty refuses is archived as plain text, or set aside; it is not sent again with every later post.

HyperKitty's archiver puts what fails into a spool, and sends all of the spool before each post. Here it waits between
two attempts. What HyperKitty still refuses after a day goes to Mailman's queue `bad`, which `listkit check` reports.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

from listkit.common.message.plain_text import simplified
from listkit.common.patching import Patch, Target

RETRY_SECONDS = 300
GIVE_UP_SECONDS = 86_400

log = logging.getLogger("mailman.archiver")


class SpoolRetries:
    """When each refused post in the spool is sent again. Posts that met no answer at all are sent with every post."""

    def __init__(self, clock=time.time):
        self._clock = clock
        self._next: dict[str, float] = {}

    def is_due(self, filebase: str) -> bool:
        """Whether the file may be sent now."""
        return self._clock() >= self._next.get(filebase, 0)

    def refused(self, filebase: str) -> bool:
        """Note that HyperKitty has refused the file; return whether to give up."""
        self._next[filebase] = self._clock() + RETRY_SECONDS
        # The name begins with the time when the file was put there.
        return self._clock() - float(filebase.partition("+")[0]) > GIVE_UP_SECONDS

    def forget(self, filebase: str) -> None:
        """Forget a file that has left the spool."""
        self._next.pop(filebase, None)


def archive(archiver, mlist, msg, retries: SpoolRetries, filebase: str | None = None) -> str | None:
    """Do what the archiver's `_archive_message` does. `filebase`: the file in the spool that holds the message."""
    spool = archiver._switchboard
    if filebase is not None and not retries.is_due(filebase):
        _put_back(spool, filebase)
        return None
    try:
        url = _send(archiver, mlist, msg)
    except Exception as error:
        log.error("%s: archiving %s failed: %s", mlist.list_id, msg["message-id"], error)
        # An answer; without one the server is away.
        refused = isinstance(error, ValueError)
        if filebase is None:
            filebase = spool.enqueue(msg, mlist=mlist)
            if refused:
                retries.refused(filebase)
        elif refused and retries.refused(filebase):
            log.error("%s: gave up archiving %s", mlist.list_id, msg["message-id"])
            retries.forget(filebase)
            spool.finish(filebase, preserve=True)
        else:
            _put_back(spool, filebase)
        return None
    if filebase is not None:
        retries.forget(filebase)
        spool.finish(filebase)
    return url


def _send(archiver, mlist, msg) -> str | None:
    try:
        return archiver._send_message(mlist, msg)
    except ValueError as error:
        log.warning("%s: HyperKitty refuses %s, and gets its text only: %s", mlist.list_id, msg["message-id"], error)
        return archiver._send_message(mlist, simplified(msg))


def _put_back(spool, filebase: str) -> None:
    """Undo the `dequeue` of a file."""
    backup = Path(spool.queue_directory, f"{filebase}.bak")
    backup.rename(backup.with_suffix(".pck"))


def _apply() -> None:
    from mailman_hyperkitty import Archiver

    retries = SpoolRetries()

    def _archive_message(self, mlist, msg, from_filebase=None):
        """See `mailman_hyperkitty.Archiver`."""
        return archive(self, mlist, msg, retries, from_filebase)

    Archiver._archive_message = _archive_message


PATCH = Patch(
    name="archive-spool",
    purpose="A post that HyperKitty refuses for good is sent to it again with every later post, is never archived, and "
    "no person is informed.",
    upstream="none filed",
    read_in=("mailman-hyperkitty 1.2.1",),
    fallback="Refused posts stay in the spool, and are sent with every post.",
    targets=(
        Target(
            "mailman_hyperkitty:Archiver._archive_message", "(self, mlist, msg, from_filebase=None)", ("ee267a2f4b2a",)
        ),
        Target("mailman_hyperkitty:Archiver._send_message", "(self, mlist, msg)", ("7d649f612846",)),
        Target("mailman_hyperkitty:Archiver.process_queue", "(self)", ("c171ee351496",)),
        Target("mailman.core.switchboard:Switchboard.enqueue", "(self, _msg, _metadata=None, **_kws)"),
        Target("mailman.core.switchboard:Switchboard.finish", "(self, filebase, preserve=False)"),
    ),
    apply=_apply,
)

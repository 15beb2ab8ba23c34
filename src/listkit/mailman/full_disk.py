"""A full disk is no message's fault: what a runner can't store for want of room is tried again, not set aside.

Mailman shunts a message whose handling raised an error, and where even that fails it moves the queue file to
`queue/bad`, which nobody reads again: a disk that is full for a minute loses every post that is on its way. Here the
queue file goes back to its place instead, by a rename, which needs no room.
"""

import errno
import functools
import logging
import sys
import time
from pathlib import Path

PAUSE_SECONDS = 5
_FULL = {errno.ENOSPC, errno.EDQUOT}
_POSTGRESQL_DISK_FULL = "53100"

log = logging.getLogger("mailman.error")


def tolerate_full_disks(switchboard_class):
    """Teach Mailman's class `Switchboard` the difference; a second call changes nothing."""
    if not hasattr(switchboard_class.finish, "__wrapped__"):
        switchboard_class.finish = _keeping(switchboard_class.finish)
        switchboard_class.enqueue = _not_shunting(switchboard_class.enqueue)


def _not_shunting(enqueue):
    @functools.wraps(enqueue)
    def enqueue_unless_full(self, *arguments, **more):
        """See `ISwitchboard`. Refuses to shunt what failed for want of room, so that `finish` can keep it."""
        if self.name == "shunt" and disk_is_full(error := sys.exc_info()[1]):
            raise error
        return enqueue(self, *arguments, **more)

    return enqueue_unless_full


def _keeping(finish):
    @functools.wraps(finish)
    def finish_or_keep(self, filebase, preserve=False):
        """See `ISwitchboard`. Called with `preserve` while the error is being handled that made it necessary."""
        backup = Path(self.queue_directory, f"{filebase}.bak")
        if not (preserve and disk_is_full(sys.exc_info()[1]) and backup.exists()):
            return finish(self, filebase, preserve)
        log.error("The disk is full: %s stays in the queue %s", filebase, self.name)
        backup.rename(backup.with_name(f"{filebase}.pck"))
        time.sleep(PAUSE_SECONDS)
        return None

    return finish_or_keep


def disk_is_full(error):
    """Return whether an error, or one that led to it, says that there is no room."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        if getattr(getattr(error, "orig", error), "pgcode", None) == _POSTGRESQL_DISK_FULL:
            return True
        error = error.__cause__ or error.__context__
    return False

"""Queue each delivery of the bridge for Mailman exactly once.

The bridge hands a message to Mailman and records Mailman's 250. If either side dies between the two, the bridge hands
the message over again, under the same delivery id. A delivery is therefore taken in three steps, each durable before
the next:

1. *stage*: the whole queue file is written, under its final name, in a directory that no runner reads;
2. *claim*: a record named after the delivery says which queue file that is;
3. *commit*: the queue file is renamed into the queue.

The rename is what accepts the message, and it is atomic. Whichever step a crash follows, the state on disk
tells what to do:

=======  ======  ========================================================================================
claim    staged  meaning
=======  ======  ========================================================================================
missing  either  not accepted; a redelivery stages it again, and an orphan in the staging directory is pruned
there    there   not taken yet; a redelivery, or the next start of the runner, commits it
there    gone    taken; a redelivery is answered 250 and dropped, however far Mailman got with the message
=======  ======  ========================================================================================

A message that was answered with 250 is never lost: the rename was durable before the answer. One that was staged and
claimed may become a post without an answer; the bridge asks again and learns that it was taken. Records are pruned by
age (systemd-tmpfiles), long after the bridge has stopped asking.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

from listkit.common.durable import sync_directory, write_durably


class Deliveries:
    """The records below `directory`, for queues below `queues`; both must be on one file system."""

    def __init__(self, directory: Path, queues: Path):
        self.staging = directory / "staged"
        self._directory = directory
        self._queues = queues
        for path in (directory, self.staging):
            path.mkdir(mode=0o750, exist_ok=True)

    def take(self, identity: str, stage: Callable[[], tuple[str, str] | None]) -> bool:
        """Accept the delivery called `identity`.

        `stage` is called unless the delivery is known. It writes the queue file durably into `staging` and returns
        (queue, file name), or None when there is nothing to accept.
        Returns whether the message is Mailman's now. Raises OSError when the disk refuses; then nothing is taken.
        """
        record = self._directory / f"{hashlib.sha256(identity.encode()).hexdigest()}.claim"
        claim = _read(record)
        if claim is None:
            claim = stage()
            if claim is None:
                return False
            # The staged file's own name must be durable before a claim points at it.
            sync_directory(self.staging)
            write_durably(record, "\n".join(claim), 0o640)
        self._commit(*claim)
        return True

    def recover(self) -> int:
        """Commit what a crash left between claim and commit; return the number of messages."""
        claims = [claim for path in self._directory.glob("*.claim") if (claim := _read(path))]
        return sum(self._commit(*claim) for claim in claims)

    def _commit(self, queue, name):
        """Move a staged file into its queue; return whether it was still to be moved."""
        try:
            (self.staging / name).rename(self._queues / queue / name)
        except FileNotFoundError:
            return False
        for directory in (self._queues / queue, self.staging):
            sync_directory(directory)
        return True


def _read(record):
    """Return (queue, file name), or None when there is no record; there are no incomplete ones."""
    try:
        queue, name = record.read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return None
    return queue, name

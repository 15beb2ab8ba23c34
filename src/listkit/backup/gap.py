"""The mail between a backup and its restore: the lost host has handled it, and the restored site doesn't know it.

It is in the mailboxes' folders of delivered mail. In the inbox, the bridge handles it again: what its restored journal
knows is recognised, and the rest is posted, once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from listkit.backup.errors import BackupError
from listkit.backup.record import Restored
from listkit.backup.repository import Repository
from listkit.bridge.backlog import epoch_seconds
from listkit.bridge.config import Configuration, Mailbox
from listkit.bridge.imap import Imap
from listkit.bridge.imap_connection import ImapError
from listkit.check.probes import date
from listkit.trace.mailbox import day, logged_in

DAY_SECONDS = 86_400
MARGIN_SECONDS = 3600
"""What had arrived before the backup may have been delivered after it."""


@dataclass(frozen=True)
class Gap:
    """How many messages of a mailbox arrived since a moment, and the reach of the folder that they are in.

    since: when they arrived at the earliest, in seconds since 1970; kept_days: for how long the folder keeps a message,
    0 for ever; fetched: whether they are in the inbox now.
    """

    account: str
    folder: str
    count: int
    since: float
    kept_days: int
    fetched: bool

    def lines(self) -> Iterator[str]:
        """Yield it for people."""
        what = f"{self.count} messages in {self.folder} of {self.account} arrived since {date(self.since)}"
        if self.fetched:
            yield f"{what}: moved to the inbox. The bridge posts those that this site doesn't know"
        else:
            yield what
        if self.kept_days and self.since < time.time() - self.kept_days * DAY_SECONDS:
            yield f"{self.folder} keeps messages for {self.kept_days} days: older ones are gone"


def find(bridge: Configuration, repository: Repository, restored: Restored | None, *, fetch: bool) -> Iterator[Gap]:
    """Yield the gap in each mailbox. Raises BackupError.

    restored: the last restore of this host; fetch: move the messages to the inbox.
    """
    if restored is None:
        raise BackupError("this host was never restored, so it has handled all mail itself")
    since = repository.find(restored.snapshot).time - MARGIN_SECONDS
    for mailbox in bridge.mailboxes:
        if bridge.delete_processed:
            raise BackupError(f"{mailbox.account}: bridge_delete_processed is set, so the bridge kept no mail")
        try:
            with logged_in(mailbox) as server:
                count = _move(server, mailbox, since, fetch=fetch)
        except (ImapError, OSError) as error:
            raise BackupError(f"{mailbox.account}: {error}") from error
        yield Gap(mailbox.account, mailbox.folders.processed, count, since, bridge.keep_days.processed, fetch)


def _move(server: Imap, mailbox: Mailbox, since: float, *, fetch: bool) -> int:
    """Count the messages that arrived since then, and with `fetch` move them to the inbox."""
    if server.select(mailbox.folders.processed) is None:
        return 0
    # A search knows only days, in a time zone of the server's.
    candidates = server.search(f"UNDELETED SINCE {day(since - DAY_SECONDS)}")
    found = [uid for uid in candidates if epoch_seconds(server.internal_date(uid)) >= since]
    if found and fetch:
        server.move(found, mailbox.folders.fetch[0])
    return len(found)

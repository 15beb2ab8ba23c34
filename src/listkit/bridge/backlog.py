"""The number and age of the messages that wait in the mailbox, for monitoring."""

from __future__ import annotations

import datetime
import time

from listkit.bridge.context import MailboxContext, MessageRef


class Backlog:
    """The waiting messages of one mailbox; every change is reported."""

    def __init__(self, context: MailboxContext) -> None:
        self._context = context
        self._waiting: dict[str, int] = {}
        self._arrivals: dict[MessageRef, float] = {}

    def __contains__(self, ref: MessageRef) -> bool:
        """Whether it is known when a message arrived."""
        return ref in self._arrivals

    def set_waiting(self, folder: str, count: int) -> None:
        """Set how many messages of a folder wait."""
        self._waiting[folder] = count
        self._context.gauge("waiting_messages", sum(self._waiting.values()))
        self._report_oldest()

    def record_arrival(self, ref: MessageRef, internal_date: str) -> None:
        """Record when a waiting message arrived; `internal_date` as IMAP writes it."""
        self._arrivals[ref] = epoch_seconds(internal_date)
        self._report_oldest()

    def forget(self, ref: MessageRef) -> None:
        """Drop a message that waits no longer."""
        self._arrivals.pop(ref, None)

    def retain(self, folder: str, present: frozenset[MessageRef]) -> None:
        """Drop messages that are no longer in the folder."""
        for ref in [ref for ref in self._arrivals if ref.folder == folder and ref not in present]:
            del self._arrivals[ref]

    def _report_oldest(self) -> None:
        self._context.metrics.oldest_waiting(min(self._arrivals.values(), default=None), mailbox=self._context.account)


def epoch_seconds(internal_date: str) -> float:
    """Parse IMAP's INTERNALDATE; now, where the server writes it in another form."""
    try:
        return datetime.datetime.strptime(internal_date.strip(), "%d-%b-%Y %H:%M:%S %z").timestamp()
    except ValueError:
        return time.time()

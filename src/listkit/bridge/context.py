"""The objects that all parts of one mailbox's worker share."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from listkit.bridge.config import Configuration, Mailbox
from listkit.bridge.imap import Selected
from listkit.bridge.journal import Journal
from listkit.bridge.metrics import Metrics
from listkit.bridge.supervision import Heartbeat, StopSignal
from listkit.common.backoff import Backoff


@dataclass(frozen=True, slots=True)
class Intervals:
    """The waits of a worker.

    prune_seconds: between two prunings of the folders. report_seconds: between two reports of undelivered mail to one
        addressee. report_delay_seconds: how long further mail is awaited before the first report.
    """

    reconnect: Backoff
    certificate: Backoff
    mailman: Backoff
    local_error: Backoff
    message: Backoff
    idle_without_mail: Backoff
    prune_seconds: float
    report_seconds: float
    report_delay_seconds: float


INTERVALS = Intervals(
    reconnect=Backoff(first=0.5, longest=60),
    certificate=Backoff(first=30, longest=300),
    mailman=Backoff(first=0.5, longest=15),
    local_error=Backoff(first=5, longest=60),
    message=Backoff(first=5, longest=900),
    idle_without_mail=Backoff(first=0.1, longest=5),
    prune_seconds=3600,
    report_seconds=86_400,
    report_delay_seconds=300,
)


@dataclass(frozen=True, slots=True)
class MessageRef:
    """One message in the mailbox; valid for as long as the server keeps its UIDs."""

    account: str
    folder: str
    uidvalidity: int
    uid: int

    @property
    def key(self) -> str:
        """Its name in the journal."""
        return f"{self.account}/{self.folder}/{self.uidvalidity}/{self.uid}"

    def __str__(self) -> str:
        return f"{self.account}: {self.folder}/{self.uid}"


@dataclass(frozen=True, slots=True)
class MailboxContext:
    """One mailbox, the bridge's records, and the means to wait and to be watched."""

    configuration: Configuration
    mailbox: Mailbox
    journal: Journal
    metrics: Metrics
    intervals: Intervals = INTERVALS
    heartbeat: Heartbeat = field(default_factory=Heartbeat)
    stop: StopSignal = field(default_factory=StopSignal)
    jitter: random.Random = field(default_factory=random.Random)

    @property
    def account(self) -> str:
        """The mailbox's address."""
        return self.mailbox.account

    def ref(self, selected: Selected, uid: int) -> MessageRef:
        """Name a message of the selected folder."""
        return MessageRef(self.account, selected.name, selected.uidvalidity, uid)

    def gauge(self, name: str, value: float) -> None:
        """Set a figure of this mailbox."""
        self.metrics.set(name, value, mailbox=self.account)

    def gauge_folder(self, folder: str, count: int) -> None:
        """Set how many messages lie in a folder."""
        self.metrics.set("folder_messages", count, mailbox=self.account, folder=folder)

    def gauge_oldest(self, folder: str, arrived: float) -> None:
        """Set when the oldest message in a folder arrived (seconds since the epoch), 0 for an empty folder."""
        self.metrics.set("folder_oldest_timestamp_seconds", arrived, mailbox=self.account, folder=folder)

    def count(self, name: str, **labels: str) -> None:
        """Add one to a counter of this mailbox."""
        self.metrics.add(name, 1, mailbox=self.account, **labels)

    def record_contact(self) -> None:
        """Record that the mail service answered."""
        self.metrics.contact(mailbox=self.account)

    def sleep(self, seconds: float) -> None:
        """Sleep without alarming the watchdog. Raises `Stopping`."""
        self.heartbeat.beat(seconds)
        self.stop.wait(seconds)

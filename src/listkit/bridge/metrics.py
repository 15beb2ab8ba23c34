"""The bridge's metrics for Prometheus."""

from __future__ import annotations

import threading
import time
from typing import Literal

from listkit.common.prometheus import Metric, Sample

_PREFIX = "listkit_bridge_"

# name: (type, what it says). A name that isn't here can't be set.
_FIGURES: dict[str, tuple[Literal["gauge", "counter"], str]] = {
    "up": ("gauge", "1 while logged in to the mail service"),
    "login_refused": ("gauge", "1 while the mail service refuses the account and password"),
    "certificate_refused": ("gauge", "1 while the mail service's certificate isn't accepted"),
    "mailman_up": ("gauge", "1 while Mailman accepts connections"),
    "last_contact_timestamp_seconds": ("gauge", "when the mail service last answered"),
    "seconds_since_contact": ("gauge", "seconds since the mail service last answered, or since the start"),
    "waiting_messages": ("gauge", "messages that are in the mailbox and not yet delivered"),
    "oldest_waiting_seconds": ("gauge", "age of the oldest message that is not yet delivered, 0 for none"),
    "folder_messages": ("gauge", "messages in a folder that is only reported, or holds what was not delivered"),
    "folder_oldest_timestamp_seconds": ("gauge", "when the oldest message arrived that was not delivered, by folder"),
    "fetched_total": ("counter", "messages read from the mailbox"),
    "delivered_total": ("counter", "deliveries that Mailman accepted"),
    "duplicates_total": ("counter", "deliveries recognised as made before"),
    "owner_total": ("counter", "messages sent on to the site owner"),
    "deferred_total": ("counter", "attempts that were deferred"),
    "set_aside_total": ("counter", "messages moved to a folder for a human, by folder"),
    "crashes_total": ("counter", "messages that crashed the handler"),
}

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """All figures of one process; safe to use from every thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[tuple[str, Labels], float] = {}
        self._since: dict[tuple[str, Labels], float] = {}
        self._oldest: dict[tuple[str, Labels], float] = {}

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        with self._lock:
            self._values[_key(name, labels)] = value

    def add(self, name: str, value: float = 1, **labels: str) -> None:
        """Add to a counter."""
        key = _key(name, labels)
        with self._lock:
            self._values[key] = self._values.get(key, 0) + value

    def contact(self, **labels: str) -> None:
        """The mail service has just answered."""
        with self._lock:
            self._values[_key("last_contact_timestamp_seconds", labels)] = time.time()
            self._since[_key("seconds_since_contact", labels)] = time.monotonic()

    def await_contact(self, **labels: str) -> None:
        """Count the seconds without a contact from now on."""
        with self._lock:
            self._since[_key("seconds_since_contact", labels)] = time.monotonic()

    def oldest_waiting(self, arrived: float | None, **labels: str) -> None:
        """The oldest waiting message arrived then (seconds since the epoch); None when nothing waits."""
        with self._lock:
            self._oldest[_key("oldest_waiting_seconds", labels)] = 0.0 if arrived is None else arrived

    def value(self, name: str, **labels: str) -> float:
        """A figure as it stands, 0 when it was never set."""
        with self._lock:
            return self._values.get(_key(name, labels), 0)

    def snapshot(self) -> list[Metric]:
        """The metrics as they stand."""
        with self._lock:
            values = dict(self._values)
            values.update({key: time.monotonic() - since for key, since in self._since.items()})
            values.update({key: max(0.0, time.time() - at) if at else 0.0 for key, at in self._oldest.items()})
        return [
            Metric(_PREFIX + name, meaning, _samples(name, values), kind) for name, (kind, meaning) in _FIGURES.items()
        ]


def _key(name: str, labels: dict[str, str]) -> tuple[str, Labels]:
    if name not in _FIGURES:
        raise KeyError(name)
    return name, tuple(sorted(labels.items()))


def _samples(name: str, values: dict[tuple[str, Labels], float]) -> list[Sample]:
    found = sorted((labels, value) for (figure, labels), value in values.items() if figure == name)
    return [Sample(value, dict(labels)) for labels, value in found]

"""Figures for Prometheus, as a text file for node_exporter's textfile collector (or for a human with `cat`)."""

from __future__ import annotations

import threading
import time
from pathlib import Path

_PREFIX = "listkit_bridge_"

# name: (type, what it says). A name that isn't here can't be set.
_FIGURES = {
    "up": ("gauge", "1 while logged in to the mail service"),
    "login_refused": ("gauge", "1 while the mail service refuses the account and password"),
    "certificate_refused": ("gauge", "1 while the mail service's certificate isn't accepted"),
    "mailman_up": ("gauge", "1 while Mailman accepts connections"),
    "last_contact_timestamp_seconds": ("gauge", "when the mail service last answered well"),
    "seconds_since_contact": ("gauge", "seconds since the mail service last answered well, or since the start"),
    "waiting_messages": ("gauge", "messages that are in the mailbox and not yet delivered"),
    "oldest_waiting_seconds": ("gauge", "age of the oldest message that is not yet delivered, 0 for none"),
    "folder_messages": ("gauge", "messages in a folder that is only reported"),
    "fetched_total": ("counter", "messages read from the mailbox"),
    "delivered_total": ("counter", "deliveries that Mailman took"),
    "duplicates_total": ("counter", "deliveries that were recognised as made before"),
    "owner_total": ("counter", "messages sent on to the site owner"),
    "deferred_total": ("counter", "tries that ended with: again later"),
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
        """The mail service answered well, now."""
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

    def text(self) -> str:
        """The figures in Prometheus' text format."""
        with self._lock:
            values = dict(self._values)
            values.update({key: time.monotonic() - moment for key, moment in self._since.items()})
            values.update({key: max(0.0, time.time() - at) if at else 0.0 for key, at in self._oldest.items()})
        lines = []
        for name, (kind, meaning) in _FIGURES.items():
            samples = sorted((labels, value) for (figure, labels), value in values.items() if figure == name)
            if samples:
                lines += [f"# HELP {_PREFIX}{name} {meaning}", f"# TYPE {_PREFIX}{name} {kind}"]
                lines += [f"{_PREFIX}{name}{_rendered(labels)} {value:.15g}" for labels, value in samples]
        return "".join(f"{line}\n" for line in lines)

    def write(self, path: Path) -> None:
        """Replace the file by the figures of now; a reader sees the old or the new, never half of one."""
        fresh = path.with_suffix(".new")
        fresh.write_text(self.text())
        fresh.chmod(0o644)
        fresh.replace(path)


def _key(name: str, labels: dict[str, str]) -> tuple[str, Labels]:
    if name not in _FIGURES:
        raise KeyError(name)
    return name, tuple(sorted(labels.items()))


def _rendered(labels: Labels) -> str:
    def escaped(value: str) -> str:
        return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

    return "{" + ",".join(f'{name}="{escaped(value)}"' for name, value in labels) + "}" if labels else ""

"""The main thread's supervision of a mailbox's thread."""

from __future__ import annotations

import socket
import threading
import time

# Longer than any single step lasts.
STEP_SECONDS = 660


class Stopping(Exception):
    """The bridge is being stopped."""


class Heartbeat:
    """Shows the watchdog whether a thread still makes progress."""

    def __init__(self) -> None:
        self._deadline = time.monotonic() + STEP_SECONDS

    def beat(self, idle_seconds: float = 0) -> None:
        """Report progress; `idle_seconds` is the length of a wait that begins now."""
        self._deadline = time.monotonic() + idle_seconds + STEP_SECONDS

    @property
    def is_alive(self) -> bool:
        """Whether the thread reported progress in time."""
        return time.monotonic() < self._deadline


class StopSignal:
    """A flag that also wakes a thread from `select`: `wake` becomes readable."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._write, self.wake = socket.socketpair()

    def set(self) -> None:
        """Request the stop."""
        self._event.set()
        self._write.send(b"x")

    def is_set(self) -> bool:
        """Whether a stop was requested."""
        return self._event.is_set()

    def wait(self, seconds: float) -> None:
        """Sleep. Raises `Stopping` as soon as a stop is requested."""
        if self._event.wait(seconds):
            raise Stopping

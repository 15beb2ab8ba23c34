"""Deliveries under way."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class InFlight:
    """The deliveries under way in any thread: two mailboxes may hold copies of one message."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deliveries: set[str] = set()

    @contextlib.contextmanager
    def claim(self, delivery: str) -> Iterator[bool]:
        """Yield whether the caller may make the delivery; False while another thread makes it."""
        with self._lock:
            ours = delivery not in self._deliveries
            if ours:
                self._deliveries.add(delivery)
        try:
            yield ours
        finally:
            if ours:
                with self._lock:
                    self._deliveries.discard(delivery)

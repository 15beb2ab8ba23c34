"""What the tests of listkit.infomaniak's modules share, beside their fixtures."""

from __future__ import annotations

import threading
from typing import Any

HOSTING = 123456


class Clock:
    """A time that passes only when somebody sleeps; `slept` is how long they did."""

    def __init__(self):
        self.now, self.slept, self._lock = 1000.0, 0.0, threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""
        with self._lock:
            self.now += seconds
            self.slept += seconds


class Failed(Exception):
    """The module failed; `result` is what it answered."""

    def __init__(self, result: dict[str, Any]):
        super().__init__(result["msg"])
        self.result = result

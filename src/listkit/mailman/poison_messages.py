"""A message that Mailman can't accept is not retried without end.

One error may have any cause. When the same delivery fails again and again the message is the cause: then it is refused,
and the bridge sets it aside with the reason. Failures are counted in memory: a restart of Mailman resets the count.
"""

import threading
from collections import OrderedDict

from listkit.mailman.temporary_errors import is_temporary

LIMIT = 5
"""Failures until a delivery is refused. The bridge needs more than a minute for five."""
_MOST = 10_000
_LONGEST_REASON = 200


class Failures:
    """The number of failures of each delivery."""

    def __init__(self):
        self._lock = threading.Lock()
        self._counts = OrderedDict()

    def refusal(self, delivery: str, error: Exception) -> str | None:
        """Count a failure of `delivery`; return the final answer to it, or None while it is to be retried."""
        # No error of the disk is caused by a message.
        if isinstance(error, OSError) or is_temporary(error):
            return None
        with self._lock:
            count = self._counts[delivery] = self._counts.pop(delivery, 0) + 1
            if len(self._counts) > _MOST:
                self._counts.popitem(last=False)
        return f"554 5.6.0 Mailman cannot handle this message: {_one_line(error)}" if count >= LIMIT else None

    def forget(self, delivery: str) -> None:
        """Reset the count: the delivery succeeded."""
        with self._lock:
            self._counts.pop(delivery, None)


def _one_line(error):
    text = f"{type(error).__name__}: {error}"
    return "".join(c if " " <= c <= "~" else "?" for c in text[:_LONGEST_REASON])

"""A message that Mailman can't handle, however often it is tried, must not be tried for ever.

An error while a message is taken says nothing about whose fault it is. When it happens again and again to the same
delivery it is the message's: then it is refused, and the bridge sets it aside with the reason. Counted in memory: after
a restart of Mailman a message gets its tries anew.
"""

import threading
from collections import OrderedDict

from listkit.mailman import not_now

TIMES = 5
"""The failure at which a delivery is refused. The bridge takes more than a minute up to the fifth."""
_MOST = 10_000
_LONGEST_REASON = 200


class Failures:
    """How often each delivery failed."""

    def __init__(self):
        self._lock = threading.Lock()
        self._times = OrderedDict()

    def refusal(self, delivery: str, error: Exception) -> str | None:
        """Note that a delivery failed; return the final answer to it, or None when it is worth another try."""
        # Nor is any other trouble with the disk a message's fault.
        if isinstance(error, OSError) or not_now.is_no_message_s_fault(error):
            return None
        with self._lock:
            times = self._times[delivery] = self._times.pop(delivery, 0) + 1
            if len(self._times) > _MOST:
                self._times.popitem(last=False)
        return f"554 5.6.0 Mailman cannot handle this message: {_one_line(error)}" if times >= TIMES else None

    def forget(self, delivery: str) -> None:
        """Note that a delivery went well."""
        with self._lock:
            self._times.pop(delivery, None)


def _one_line(error):
    text = f"{type(error).__name__}: {error}"
    return "".join(c if " " <= c <= "~" else "?" for c in text[:_LONGEST_REASON])

"""The mark of the test messages of `listkit check --round-trip`, which only this host can make.

Without it, a stranger could write a message that the bridge deletes, or that makes a missing address look like a good
one.
"""

from __future__ import annotations

import hashlib
import hmac

HEADER = "X-Listkit-Round-Trip"
ARRIVED = "the test message has arrived"
"""The bridge's log message about them."""
_PURPOSE = "listkit round trip"


def mark(secret: str, message_id: str, address: str) -> str:
    """Return the value of `HEADER` for the message with this Message-ID to this address.

    secret: known to this host only, such as the password of Mailman's REST API.
    """
    text = "\0".join((_PURPOSE, message_id, address.lower()))
    # A stranger's header may hold octets that are not UTF-8.
    return hmac.new(secret.encode(), text.encode(errors="surrogateescape"), hashlib.sha256).hexdigest()


def is_genuine(secret: str, message_id: str, address: str, found: str) -> bool:
    """Whether `found`, the value of `HEADER`, was made by this host for this message."""
    return hmac.compare_digest(mark(secret, message_id, address).encode(), found.encode(errors="surrogateescape"))

"""The REST resource `trace` of the kit's plugin: hands a request of another host to the unit that follows messages.

Mailman itself can read neither the relay's queue nor the mailboxes. `listkit.trace.serving` checks who asks.
"""

from __future__ import annotations

import json
import socket

from mailman.rest.helpers import okay

from listkit.trace.remote import SOCKET

SECONDS = 10


class Trace:
    """`trace`"""

    def on_post(self, request, response):
        """Answer with what the unit answers."""
        okay(response, ask(json.dumps(request.media).encode() + b"\n"))


def ask(line: bytes, path: str = SOCKET) -> str:
    """Send a request to the unit, and return its answer. Raises OSError."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(SECONDS)
        connection.connect(path)
        connection.sendall(line)
        with connection.makefile("rb") as stream:
            return stream.read().decode()

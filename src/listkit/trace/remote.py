"""Asking the host of Mailman's core from another host of the site, by Mailman's REST API.

Mailman hands the request to a unit that runs as root (`serving`). A key that only root can read proves that root asks.
Mailman's REST server answers one request at a time, and the unit asks it, too: so the unit answers with a ticket at
once, and with the result when it is asked for later.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from listkit.common.rest import RestClient, RestError

KEY = Path("/etc/listkit/secrets/trace_key")
RESOURCE = "plugins/listkit/trace"
SOCKET = "/run/listkit-trace.socket"
"""Where the unit on the host of Mailman's core listens."""
POLL_SECONDS = 0.3
MOST_SECONDS = 120.0
FAILED = 3


def ask(command: str, argv: Sequence[str], client: RestClient | None = None, key: Path | None = None) -> int:
    """Have the other host carry out the command; print what it prints, and return its exit status."""
    try:
        secret = (key or KEY).read_text(encoding="utf-8").strip()
        answer = _answer(client or RestClient.of_this_host(), secret, command, argv)
    except (OSError, RestError) as error:
        print(f"the host of Mailman's core gives no answer: {error}; `listkit check` says why", file=sys.stderr)
        return FAILED
    print(answer["out"], end="")
    print(answer["err"], end="", file=sys.stderr)
    return int(answer["status"])


def _answer(client: RestClient, key: str, command: str, argv: Sequence[str]) -> dict[str, Any]:
    """Return the answer. Raises RestError, and TimeoutError when it takes too long."""
    answer = client.post_json(RESOURCE, {"key": key, "command": command, "argv": list(argv)})
    deadline = time.monotonic() + MOST_SECONDS
    while "ticket" in answer:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {MOST_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
        answer = client.post_json(RESOURCE, {"key": key, "ticket": answer["ticket"]})
    return answer

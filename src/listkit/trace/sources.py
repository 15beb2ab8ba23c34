"""Where the events of a message are found."""

from __future__ import annotations

from listkit.trace import bridge, core, mailbox, relay
from listkit.trace.tracing import Source


def sources(since: float) -> list[Source]:
    """Return the sources of the events since then.

    The mailbox comes last: it is asked for the messages that the others have found.
    """
    return [
        Source("the bridge's log", lambda *_: bridge.events(since)),
        Source("Mailman's log", lambda *_: core.logged(since)),
        Source("Mailman's queues", lambda *_: core.queued()),
        Source("held posts", lambda *_: core.held()),
        Source("Postfix", lambda *_: relay.events(since)),
        Source("the mailboxes", lambda query, known: mailbox.events(query, known, since)),
    ]

"""The output of `listkit trace`."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Iterator
from dataclasses import asdict

from listkit.trace.event import Event, Query
from listkit.trace.tracing import Trace, TracedMessage

WIDTH = 110
_INDENT = 34


def as_json(trace: Trace) -> str:
    """Return the trace for programs."""
    messages = [
        {
            "message_id": message.message_id,
            "subject": message.subject,
            "waits": message.waits,
            "events": [asdict(event) for event in message.events],
        }
        for message in trace.messages
    ]
    return json.dumps({"messages": messages, "more": trace.more, "failures": trace.failures})


def as_text(trace: Trace, query: Query) -> Iterator[str]:
    """Yield the lines for people."""
    for message in trace.messages:
        yield from _message(message, query)
        yield ""
    if trace.more:
        yield f"{trace.more} older messages match, too; `--most` shows more"
    for failure in trace.failures:
        yield f"could not be read: {failure}"


def _message(message: TracedMessage, query: Query) -> Iterator[str]:
    subject = f"  {message.subject}" if message.subject else ""
    yield printable(f"{message.message_id or '(no Message-ID)'}{subject}")
    for event in message.events:
        yield from _event(event, query)


def _event(event: Event, query: Query) -> Iterator[str]:
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event.time))
    mark = "▶" if event.waiting else " "
    start = f"  {moment} {mark} {event.component:8}"
    among = query.among(event.people)
    text = f"{event.text} (with {among})" if among and among not in event.text else event.text
    yield from textwrap.wrap(
        printable(text),
        WIDTH,
        initial_indent=f"{start:{_INDENT}}",
        subsequent_indent=" " * _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def printable(text: str) -> str:
    """Strangers' texts must not control the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)

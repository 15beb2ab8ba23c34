"""Postfix: its log and its queue."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from listkit.trace import journal
from listkit.trace.event import Event
from listkit.trace.place import Queued

COMPONENT = "relay"
MAIL_FACILITY = "SYSLOG_FACILITY=2"
_LINE = re.compile(r"(?P<queue_id>(?=[A-Za-z]*\d)[0-9A-Za-z]{6,20}): (?P<text>.*)")
_RESULT = re.compile(r"to=<(?P<to>[^>]*)>,.* status=(?P<status>\w+) \((?P<reply>.*)\)")
ACCEPTED = "accepted by the provider for"
REFUSED = "refused for"
_VERBS = {"sent": ACCEPTED, "deferred": "deferred for", "bounced": REFUSED}
_MOST_RECIPIENTS = 3


@dataclass
class _Message:
    """A message in Postfix's queue, as far as the log has been read."""

    queued: float
    message_id: str = ""
    released: float = 0
    results: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    times: dict[tuple[str, str], float] = field(default_factory=dict)


def events(since: float) -> Iterator[Event]:
    """Yield what Postfix did since then, and what it has in its queue now. Raises OSError."""
    messages = read(journal.lines(since, MAIL_FACILITY))
    yield from logged(messages)
    ids = {queue_id: message.message_id for queue_id, message in messages.items()}
    listing = subprocess.run(["postqueue", "-j"], capture_output=True, text=True, errors="replace", check=True)
    yield from queued(listing.stdout.splitlines(), ids)


def read(lines: Iterable[journal.Line]) -> dict[str, _Message]:
    """Return the messages in Postfix's log by their queue ids."""
    messages: dict[str, _Message] = {}
    for time, line in lines:
        if not (found := _LINE.fullmatch(line)):
            continue
        queue_id, text = found["queue_id"], found["text"]
        message = messages.setdefault(queue_id, _Message(time))
        if text.startswith("message-id="):
            message.message_id = text.removeprefix("message-id=")
        elif text == "released from hold":
            message.released = time
        elif result := _RESULT.search(text):
            key = (result["status"], result["reply"])
            message.results.setdefault(key, []).append(result["to"])
            message.times[key] = time
    return messages


def logged(messages: Mapping[str, _Message]) -> Iterator[Event]:
    """Yield the events of each message."""
    for queue_id, message in messages.items():
        yield Event(message.queued, COMPONENT, message.message_id, f"queued as {queue_id}")
        if message.released - message.queued > 1:
            text = f"{queue_id}: released by the sending budget"
            yield Event(message.released, COMPONENT, message.message_id, text)
        for (status, reply), recipients in message.results.items():
            text = f"{queue_id}: {_VERBS.get(status, status)} {_shown(recipients)}: {reply}"
            yield Event(message.times[status, reply], COMPONENT, message.message_id, text, tuple(recipients))


def queued(listing: Iterable[str], ids: Mapping[str, str]) -> Iterator[Event]:
    """Yield what waits. `listing`: the lines of `postqueue -j`; `ids`: the Message-IDs by queue id."""
    for entry in map(json.loads, listing):
        recipients = {recipient["address"]: recipient.get("delay_reason", "") for recipient in entry["recipients"]}
        reasons = sorted({reason for reason in recipients.values() if reason})
        if entry["queue_name"] == "hold":
            cause = "until the sending budget releases it; `listkit budget` shows when"
        else:
            cause = "; ".join(reasons) or "and is being delivered"
        text = f"{entry['queue_id']}: waits ({entry['queue_name']}) for {_shown(list(recipients))}: {cause}"
        message_id = ids.get(entry["queue_id"], "")
        place = Queued(entry["queue_id"], entry["queue_name"])
        yield Event(entry["arrival_time"], COMPONENT, message_id, text, tuple(recipients), waiting=True, place=place)


def _shown(recipients: list[str]) -> str:
    if len(recipients) > _MOST_RECIPIENTS:
        return f"{len(recipients)} recipients"
    return ", ".join(recipients)

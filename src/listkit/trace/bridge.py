"""The bridge's log: one line for each message that it handled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from listkit.trace import journal
from listkit.trace.event import Event

COMPONENT = "bridge"
UNIT = "listkit-bridge.service"
_HANDLED = re.compile(
    r"(?P<mailbox>[^\s:]+): (?P<place>\S+/\d+) (?P<id>.+?) via (?P<via>\S+): (?P<notes>.*): (?P<end>[^:]+)"
)
_ADDRESS = re.compile(r"(?:^|; )([^\s:;]+@[^\s:;]+): ")


def events(since: float) -> Iterator[Event]:
    """Yield what the bridge did since then."""
    return parse(journal.lines(since, f"_SYSTEMD_UNIT={UNIT}"))


def parse(lines: Iterable[journal.Line]) -> Iterator[Event]:
    """Yield an event for each line about a message."""
    for time, line in lines:
        if found := _HANDLED.fullmatch(line):
            text = f"{found['place']} of {found['mailbox']}: {found['notes']}; {_end(found['end'])}"
            people = tuple(_ADDRESS.findall(found["notes"]))
            yield Event(time, COMPONENT, found["id"], text, people)


def _end(end: str) -> str:
    return f"moved {end}" if end.startswith("to ") else end

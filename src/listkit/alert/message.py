"""The text of a message."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from listkit.alert.changes import Changes, Problem
from listkit.check.finding import Status


@dataclass(frozen=True)
class Message:
    """A message about problems. urgent: whether something that was reported is critical."""

    title: str
    text: str
    urgent: bool = False


def of(changes: Changes, host: str, now: float) -> Message:
    """Write the message about what has begun and what has ended."""
    counts = [(len(changes.begun), "new problem"), (len(changes.ended), "solved")]
    summary = ", ".join(_counted(count, what) for count, what in counts if count)
    urgent = any(problem.status is Status.CRITICAL for problem in changes.begun)
    return Message(f"{host}: {summary}", "\n".join(_lines(changes, now)), urgent)


def of_test(host: str) -> Message:
    """Write the message of `listkit alert test`."""
    return Message(f"{host}: test of the alerts", "If you read this, alerts of `listkit check` reach you.")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1 and what != 'solved')}"


def _lines(changes: Changes, now: float) -> Iterator[str]:
    for problem in changes.begun:
        yield f"{problem.status.upper()} {problem.component}, {problem.name}: {problem.seen}"
        yield f"→ {problem.remedy}"
    for problem in changes.ended:
        yield f"SOLVED {problem.component}, {problem.name}: after {_duration(problem, now)}"


def _duration(problem: Problem, now: float) -> str:
    minutes = max(0, round((now - problem.since) / 60))
    hours, minutes = divmod(minutes, 60)
    clock = time.strftime("%Y-%m-%d %H:%M", time.localtime(problem.since))
    return f"{hours} h {minutes} min, since {clock}"

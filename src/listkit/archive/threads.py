"""The order of the posts in a thread, as HyperKitty shows it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Position(NamedTuple):
    """Where a post stands: its place in the thread, from 0, and how far it is indented."""

    order: int
    depth: int


def positions(posts: Iterable[tuple[int, int | None]], start: int) -> dict[int, Position]:
    """Return the position of each post that answers, directly or not, the post `start`.

    posts: the number of each and of the one that it answers, in the order of their dates. Answers that go in a circle
    are cut where they meet a post that has a position already. Threads may be deeper than Python's stack.
    """
    answers: dict[int | None, list[int]] = {}
    for post, answered in posts:
        answers.setdefault(answered, []).append(post)
    found: dict[int, Position] = {}
    waiting = [(start, 0)]
    while waiting:
        post, depth = waiting.pop()
        if post in found:
            continue
        found[post] = Position(len(found), depth)
        waiting.extend((answer, depth + 1) for answer in reversed(answers.get(post, ())))
    return found

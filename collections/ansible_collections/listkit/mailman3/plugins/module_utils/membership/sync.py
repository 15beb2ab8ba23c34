# SPDX-License-Identifier: MIT
"""Carry out a plan, whichever way the roster is reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import Entry
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.plan import Plan

BATCH = 1000
"""People in each request of a bulk roster, which occupies Mailman's REST server for seconds."""

T = TypeVar("T")


@dataclass(frozen=True)
class Failure:
    """A person whose change Mailman refused, and why."""

    address: str
    reason: str


class Roster(Protocol):
    """The people with one role on one list. Each method returns those that Mailman refused; the others are done."""

    def read(self) -> list[Entry]:
        """Return everyone on it, with all properties."""

    def add(self, entries: Sequence[Entry], *, welcome: bool = False) -> list[Failure]:
        """Add people, without mail to the owners, or to them unless `welcome`."""

    def change(self, pairs: Sequence[tuple[Entry, Entry]]) -> list[Failure]:
        """Change people's properties: each pair is a person before and afterwards."""

    def remove(self, entries: Sequence[Entry]) -> list[Failure]:
        """Remove people, without mail to them or to the owners."""


def carry_out(plan: Plan, roster: Roster, progress: Callable[[int], None] = lambda _done: None) -> list[Failure]:
    """Do what the plan says; return the failures, which don't stop the rest.

    progress: called with the number of people done, after each batch.
    """
    failures: list[Failure] = []
    done = 0
    for added in _batches(plan.add):
        failures += roster.add(added, welcome=plan.mail.welcome)
        progress(done := done + len(added))
    for changed in _batches(plan.change):
        failures += roster.change(changed)
        progress(done := done + len(changed))
    remove = list(plan.remove)
    if plan.role == "owner" and len(remove) == plan.current and len(failures) >= len(plan.add):
        # None of the new owners could be added.
        failures.append(Failure(remove.pop(0).address, "stays, as the last owner"))
    for removed in _batches(remove):
        failures += roster.remove(removed)
        progress(done := done + len(removed))
    return failures


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


def table(failures: Sequence[Failure]) -> str:
    """Return the failures as lines of address and reason."""
    width = max(len(failure.address) for failure in failures)
    return "\n".join(f"  {failure.address:{width}}  {failure.reason}" for failure in failures)

# SPDX-License-Identifier: MIT
"""Redirection addresses: an address without a mailbox that forwards to up to ten others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.listkit.infomaniak.plugins.module_utils.api_module import Outcome
from ansible_collections.listkit.infomaniak.plugins.module_utils.client import Client, Written, segment
from ansible_collections.listkit.infomaniak.plugins.module_utils.names import address, local_part

TARGETS_AT_MOST = 10
DISABLED_STATES = ("disable", "disabled")


@dataclass(frozen=True)
class Redirection:
    """A redirection address; `pending` are those of its targets that haven't agreed to receive its mail."""

    name: str
    targets: list[str]
    pending: list[str] = field(default_factory=list)
    enabled: bool = True
    id: str = ""

    @classmethod
    def of_answer(cls, answer: dict[str, Any]) -> Redirection:
        """Read Infomaniak's answer."""
        targets = answer.get("targets") or ()
        return cls(
            answer["name"].partition("@")[0].lower(),
            sorted(target["address"].lower() for target in targets),
            sorted(target["address"].lower() for target in targets if not target.get("opted_in_at")),
            answer.get("state") not in DISABLED_STATES,
            str(answer["id"]),
        )

    @classmethod
    def of_option(cls, declared: dict[str, Any]) -> Redirection:
        """Read the module's option; raise ValueError for what Infomaniak would refuse."""
        name = local_part("redirections: name", declared["name"])
        targets = sorted({address(f"redirections: {name}: targets", target) for target in declared["targets"] or ()})
        if len(targets) > TARGETS_AT_MOST:
            raise ValueError(f"redirections: {name} has {len(targets)} targets; at most {TARGETS_AT_MOST} are allowed")
        return cls(name, targets)

    def as_result(self) -> dict[str, Any]:
        """Return it as a module answers it."""
        return {"name": self.name, "targets": self.targets, "pending": self.pending, "enabled": self.enabled}


def find(client: Client, hosting: str) -> dict[str, Redirection]:
    """Return the redirections of the mail hosting at this path by name."""
    found = (Redirection.of_answer(answer) for answer in client.get_all(f"{hosting}/redirections"))
    return {redirection.name: redirection for redirection in found}


def wanted(have: dict[str, Redirection], declared: list[Redirection], absent: bool, exclusive: bool) -> dict:
    """Return the redirections after the change: of those declared, other targets stay unless `exclusive`."""
    if absent:
        names = {redirection.name for redirection in declared}
        return {name: redirection for name, redirection in have.items() if name not in names}
    after = dict(have)
    for redirection in declared:
        before = have.get(redirection.name)
        kept = before.targets if before and not exclusive else []
        targets = sorted({*kept, *redirection.targets})
        if not targets:
            raise ValueError(f"redirections: {redirection.name} needs a target, such as ana@example.org")
        pending = [
            target for target in targets if not before or target not in before.targets or target in before.pending
        ]
        after[redirection.name] = Redirection(redirection.name, targets, pending, True, before.id if before else "")
    return after


def converge(client: Client, hosting: str, have: dict[str, Redirection], after: dict[str, Redirection]) -> dict:
    """Make the redirections of `have` those of `after` and return them as they are then."""
    path = f"{hosting}/redirections"
    written: list[Written] = []
    for name, redirection in after.items():
        written += _write(client, path, have.get(name), redirection)
    gone = [redirection for name, redirection in have.items() if name not in after]
    written += [client.delete(f"{path}/{segment(redirection.id)}") for redirection in gone]
    if not written:
        return have
    changed = [name for name in {**have, **after} if _state(have, name) != _state(after, name)]
    return client.confirm(
        lambda: find(client, hosting),
        lambda found: all(_state(found, name) == _state(after, name) for name in changed),
        f"redirections to change: {', '.join(sorted(changed))}",
        any(each.asynchronous for each in written),
    )


def _write(client: Client, path: str, before: Redirection | None, after: Redirection) -> list[Written]:
    if before is None:
        return [client.post(path, {"name": after.name, "targets": after.targets})]
    path = f"{path}/{segment(before.id)}"
    written = []
    if set(before.targets) - set(after.targets):
        written.append(client.put(path, {"targets": after.targets}))
    else:
        # One by one, so that those who have agreed aren't asked again.
        new = [target for target in after.targets if target not in before.targets]
        written += [client.post(f"{path}/targets", {"address": target}) for target in new]
    if after.enabled and not before.enabled:
        written.append(client.put(f"{path}/enable"))
    return written


def _state(redirections: dict[str, Redirection], name: str) -> dict[str, Any] | None:
    """Return what can be changed of a redirection, None when there is none of that name."""
    redirection = redirections.get(name)
    return {"targets": redirection.targets, "enabled": redirection.enabled} if redirection else None


def outcome(before: dict[str, Redirection], after: dict[str, Redirection], declared: list[Redirection]) -> Outcome:
    """Return what the module answers, with a warning for each declared target that hasn't agreed."""
    named = [after[redirection.name] for redirection in declared if redirection.name in after]
    return Outcome(
        {name: _state(before, name) for name in sorted(before)},
        {name: _state(after, name) for name in sorted(after)},
        results={
            "redirections": [redirection.as_result() for _name, redirection in sorted(after.items())],
            "undeclared": sorted(set(after) - {redirection.name for redirection in declared}),
        },
        warnings=[
            f"{redirection.name}: {target} receives nothing until it follows the link in Infomaniak's message"
            for redirection in named
            for target in redirection.pending
        ],
    )

"""Mailman asks the database for the one pending request that it needs, and doesn't load all of a list.

A request to join is compared with the earlier ones of the same address; a decision on a held post needs the token that
the post's author got.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from listkit.common.patching import Patch, Target


class Wanted(NamedTuple):
    """The pending requests that are of interest: those of a type in which `key` has the value."""

    pend_type: str
    key: str
    value: Callable[[], Any]


_wanted: ContextVar[Wanted | None] = ContextVar("wanted", default=None)


def wrap_pendings(pendings_class, pended_class) -> None:
    """Let the query of Mailman's `Pendings` find only the requests that are wanted. `pended_class`: a row of it."""
    original = pendings_class._query

    @functools.wraps(original)
    def _query(self, mlist, pend_type, token_owner, held_msgid):
        query = original(self, mlist, pend_type, token_owner, held_msgid)
        wanted = _wanted.get()
        if wanted is None or wanted.pend_type != pend_type:
            return query
        # The value as `Pendings.add` stores it.
        return query.filter(pended_class.key_values.any(key=wanted.key, value=json.dumps(wanted.value())))

    pendings_class._query = _query


def wrap_subscription(workflow_class) -> None:
    """Let the first step of Mailman's `SubscriptionWorkflow` look for requests of its own address."""
    original = workflow_class._step_sanity_checks

    @functools.wraps(original)
    def _step_sanity_checks(self):
        # The step itself may choose the address.
        with _looking_for(Wanted("subscription", "email", lambda: self.address.email)):
            return original(self)

    workflow_class._step_sanity_checks = _step_sanity_checks


def wrap_decision(original):
    """Return Mailman's `handle_message`, which looks for the token of its own held post."""

    @functools.wraps(original)
    def handle_message(mlist, id, action, comment=None, forward=None):
        with _looking_for(Wanted("held message", "id", lambda: id)):
            return original(mlist, id, action, comment, forward)

    return handle_message


@contextmanager
def _looking_for(wanted: Wanted) -> Iterator[None]:
    token = _wanted.set(wanted)
    try:
        yield
    finally:
        _wanted.reset(token)


def _apply() -> None:
    from mailman.app import moderator
    from mailman.app.subscriptions import SubscriptionWorkflow
    from mailman.commands import eml_confirm
    from mailman.model.pending import Pended, Pendings
    from mailman.rest import post_moderation

    wrap_pendings(Pendings, Pended)
    wrap_subscription(SubscriptionWorkflow)
    handle_message = wrap_decision(moderator.handle_message)
    for module in (moderator, eml_confirm, post_moderation):
        module.handle_message = handle_message


PATCH = Patch(
    name="pending-lookups",
    purpose="Each request to join loads all that are pending, and each decision on a held post all that are held: a"
    " flood of them takes time that grows with its square.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="With thousands of pending requests, members' own commands by mail wait for minutes.",
    targets=(
        Target(
            "mailman.model.pending:Pendings.find",
            "(self, mlist=None, pend_type=None, confirm=True, token_owner=None, held_msgid=None)",
            ("8811c82bbd3c",),
        ),
        Target("mailman.model.pending:Pendings._query"),
        Target("mailman.model.pending:Pendings.add"),
        Target("mailman.model.pending:Pended.key_values"),
        Target("mailman.app.subscriptions:SubscriptionWorkflow._step_sanity_checks", "(self)", ("f085603ad6d1",)),
        Target("mailman.app.moderator:handle_message", "(mlist, id, action, comment=None, forward=None)"),
        Target("mailman.commands.eml_confirm:handle_message"),
        Target("mailman.rest.post_moderation:handle_message"),
    ),
    apply=_apply,
)

"""A list gets its archivers when it is made.

Mailman adds them when they are first asked for. Two processes that ask at the same time, as with two first posts, add
them twice; every later post of the list then ends in the shunt queue (MultipleResultsFound).
"""

from __future__ import annotations

from listkit.common.patching import Patch, Target


def _apply() -> None:
    from zope import event

    event.subscribers.append(_add_archivers)


def _add_archivers(happened) -> None:
    from mailman.interfaces.listmanager import ListCreatedEvent
    from mailman.interfaces.mailinglist import IListArchiverSet

    if isinstance(happened, ListCreatedEvent):
        IListArchiverSet(happened.mailing_list)


PATCH = Patch(
    name="list-archivers",
    purpose="Two first posts to a new list at the same time set every later post aside.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="The first posts to a new list must not come at the same time.",
    targets=(
        Target("mailman.interfaces.listmanager:ListCreatedEvent.__init__", "(self, mlist)"),
        Target("mailman.interfaces.mailinglist:IListArchiverSet"),
        Target("zope.event:subscribers"),
    ),
    apply=_apply,
)

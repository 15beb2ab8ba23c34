"""Whom the web interface's mail goes to, for the outbound budget: a sign-up sends mail to any address at all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from listkit.common.answers import Answer


def answer_of(
    recipients: Iterable[str],
    *,
    reported_to: Collection[str],
    is_list: Callable[[str], bool],
    has_account: Callable[[str], bool],
) -> Answer | None:
    """Return the class of a message; None for what goes to lists only, such as a post from the archive's pages.

    reported_to: the administrators' addresses if the message reports an error, empty otherwise.
    """
    people = [address for address in recipients if not is_list(address)]
    if not people:
        return None
    if set(people) <= set(reported_to):
        return Answer.OWNERS
    return Answer.ACCOUNT if all(map(has_account, people)) else Answer.STRANGER

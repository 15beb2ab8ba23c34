"""Which of Mailman's own messages answer mail that anyone can forge, and whom they go to.

The runners that handle mail from outside do so `from_outside()`, and what Mailman writes meanwhile is noted in the
message's metadata, which no sender can reach. Its class is found when the message is about to leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from listkit.common.answers import Answer

METADATA = "listkit_answer"
TO_RECIPIENT = "recipient"
"""The value in the metadata of an answer whose class depends on its recipient."""
MOST_HELD_WITH_NOTICE = 5
"""While more posts of a list wait, the moderators' daily summary reports them."""

_from_outside: ContextVar[bool] = ContextVar("from_outside", default=False)


@contextmanager
def from_outside() -> Iterator[None]:
    """Mark messages that are created inside as answers to mail of an unverified sender."""
    token = _from_outside.set(True)
    try:
        yield
    finally:
        _from_outside.reset(token)


def sender_is_proven() -> None:
    """Note that the mail contains a valid confirmation: what else it causes is for the person who got the token."""
    _from_outside.set(False)


def metadata(to_owners: bool) -> dict[str, str]:
    """Return what to note about a message that Mailman is about to queue."""
    if not _from_outside.get():
        return {}
    return {METADATA: Answer.OWNERS.value if to_owners else TO_RECIPIENT}


def answer_of(msgdata: dict, is_known: Callable[[str], bool]) -> Answer | None:
    """Return the class of a message that is about to leave; None if it isn't an automatic answer."""
    if msgdata.get("to_owner"):
        return Answer.OWNERS
    noted = msgdata.get(METADATA)
    if noted != TO_RECIPIENT:
        return Answer(noted) if noted else None
    return Answer.MEMBER if all(map(is_known, msgdata.get("recipients", ()))) else Answer.STRANGER


def is_known(email: str) -> bool:
    """Whether the address is confirmed, or belongs to a member, an owner or a moderator of any list."""
    from mailman.interfaces.member import MemberRole
    from mailman.interfaces.subscriptions import ISubscriptionService
    from mailman.interfaces.usermanager import IUserManager
    from zope.component import getUtility

    address = getUtility(IUserManager).get_address(email)
    if address is None:
        return False
    if address.verified_on is not None:
        return True
    memberships = getUtility(ISubscriptionService).find_members(email)
    # An author who has posted once is a nonmember of the list.
    return any(member.role is not MemberRole.nonmember for member in memberships)


def is_notice_of_many(mlist, message) -> bool:
    """Whether `message` asks the list's moderators at once for a decision, although many posts wait for them."""
    from mailman.interfaces.requests import IListRequests, RequestType

    if set(message.recipients) != {mlist.owner_address}:
        return False
    return IListRequests(mlist).count_of(RequestType.held_message) > MOST_HELD_WITH_NOTICE

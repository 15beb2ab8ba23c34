"""Mail that programs write because of what anyone may send: confirmations, command results, notices, sign-up mail.

Mailman and Django know its recipient, and mark it with `HEADER` for the outbound budget. Mailman removes the header
from everything else that it sends; Postfix removes it before a message leaves the host.
"""

from __future__ import annotations

from enum import StrEnum

HEADER = "X-Listkit-Answer"


class Answer(StrEnum):
    """Whom an automatic answer goes to.

    STRANGER: an address that belongs to no member and no account.
    MEMBER: a member of a list, or a person whose address has been confirmed.
    ACCOUNT: the person of an account of the web interface.
    OWNERS: the owners and moderators of a list: what others write to them, and what asks them for a decision.
    """

    STRANGER = "stranger"
    MEMBER = "member"
    ACCOUNT = "account"
    OWNERS = "owners"


def answer_of(value: str | None) -> Answer | None:
    """Return the meaning of the header's value; None where it is missing or unknown."""
    try:
        return Answer((value or "").strip())
    except ValueError:
        return None

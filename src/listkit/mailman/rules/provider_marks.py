"""Matches posts that the mail provider marked as spam, or whose sender it found to be forged."""

from mailman.interfaces.rules import IRule
from public import public
from zope.interface import implementer

from listkit.common import provider_marks
from listkit.mailman.hold_spam import holds_spam
from listkit.mailman.patches.provider_marks import RULE


@public
@implementer(IRule)
class ProviderMarks:
    """Skips posts that a moderator or the list's password has approved."""

    name = RULE
    description = "Match posts that the mail provider marked as spam or forged."
    record = True

    def check(self, mlist, msg, msgdata):
        """See `IRule`."""
        reason = provider_marks.suspicion(msg)
        if reason is None or msgdata.get("approved") or not holds_spam(mlist.posting_address):
            return False
        msgdata["moderation_sender"] = msg.sender
        msgdata.setdefault("moderation_reasons", []).append(reason)
        return True

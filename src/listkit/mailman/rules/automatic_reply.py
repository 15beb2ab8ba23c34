"""Matches automatic replies that were sent to a list's address."""

from mailman.interfaces.rules import IRule
from public import public
from zope.interface import implementer

from listkit.common.message.automatic import is_automatic_reply
from listkit.mailman.patches.automatic_mail import RULE


@public
@implementer(IRule)
class AutomaticReply:
    """Absence notices, and reports about delivery or reading."""

    name = RULE
    description = "Match automatic replies."
    record = True

    def check(self, mlist, msg, msgdata):
        """See `IRule`."""
        if not is_automatic_reply(msg):
            return False
        msgdata["moderation_sender"] = msg.sender
        msgdata.setdefault("moderation_reasons", []).append("Automatic replies are not posted")
        return True

"""Matches posts that say they are posts of this very list already."""

from mailman.interfaces.rules import IRule
from public import public
from zope.interface import implementer

from listkit.mailman import posted
from listkit.mailman.patches.posting_loops import RULE


@public
@implementer(IRule)
class OwnPost:
    """The list's own `List-Post`: sent again by a person, or by a program in a loop. A moderator decides."""

    name = RULE
    description = "Match posts that carry the list's own List-Post header."
    record = True

    def check(self, mlist, msg, msgdata):
        """See `IRule`."""
        # A moderator, or an author with the list's password, has decided already.
        if msgdata.get("approved") or not posted.names_as_list(msg, mlist.posting_address.lower()):
            return False
        msgdata["moderation_sender"] = msg.sender
        msgdata.setdefault("moderation_reasons", []).append("Message has already been posted to this list")
        return True

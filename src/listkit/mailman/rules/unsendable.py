"""Matches posts that the provider would refuse."""

from mailman.interfaces.rules import IRule
from public import public
from zope.interface import implementer

from listkit.common import submission_rules
from listkit.mailman import submission_filter


@public
@implementer(IRule)
class Unsendable:
    """Forbidden attachments, also in archives, and messages over the size limit."""

    name = "listkit-unsendable"
    description = "Match posts that the mail provider's filter would refuse."
    record = True

    def check(self, mlist, msg, msgdata):
        """See `IRule`."""
        objections = submission_filter.objections(msg, msg.original_size, submission_rules.rules())
        if objections:
            msgdata["moderation_sender"] = msg.sender
            # The author needn't know why it would have been held. Mailman expands $ in reasons; a file's name is no
            # template.
            msgdata["moderation_reasons"] = [text.replace("$", "$$") for text in objections]
        return bool(objections)

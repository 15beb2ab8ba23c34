"""The handler that gives mail to a list's owners an author whom the mail account may send as.

Mailman sends what is written to `list-owner@` on to the owners with its author's From. The provider accepts only the
account's own addresses as authors, and without the author's signature the owners' servers may reject it (DMARC).
"""

from email.utils import formataddr, parseaddr

from mailman.config import config
from mailman.handlers.dmarc import munged_headers
from mailman.interfaces.handler import IHandler
from mailman.interfaces.pipeline import DiscardMessage
from public import public
from zope.interface import implementer

from listkit.common import submission_rules
from listkit.mailman import posted, submission_filter


@public
@implementer(IHandler)
class OwnerMailAuthor:
    """Writes "Ana via Members" <members-owner@…> into From, and the author into Reply-To."""

    name = "listkit-owner-mail-author"
    description = "Let mail to the owners come from the list's owner address."

    def process(self, mlist, msg, msgdata):
        """See `IHandler`."""
        self._break_loop(mlist, msg, msgdata)
        self._leave_out_unsendable_content(msg)
        author = msg["From"] or msg.sender
        # Mailman's words for the author of a post. Its Reply-To is the list's, where an owner's answer doesn't belong.
        munged = dict(munged_headers(mlist, msg, {"original_sender": msg.sender}))
        del msg["From"]
        msg["From"] = formataddr((parseaddr(munged["From"])[0], mlist.owner_address))
        if author and "Reply-To" not in msg:
            msg["Reply-To"] = author

    @staticmethod
    def _break_loop(mlist, msg, msgdata):
        """Send nothing to the owners that they have had.

        A list without owners sends to the site's owner instead, whose address leads to the same mailbox: there the
        header To would bring the message to the list's owners again.
        """
        if mlist.owner_address.lower() in posted.been_through(msg):
            raise DiscardMessage("the owners have had it already")
        posted.mark(msg, mlist.owner_address)
        if msgdata.get("recipients") == {config.mailman.site_owner}:
            del msg["To"]
            del msg["Cc"]
            msg["To"] = config.mailman.site_owner

    @staticmethod
    def _leave_out_unsendable_content(msg):
        rules = submission_rules.rules()
        if objections := submission_filter.objections(msg, len(msg.as_bytes()), rules):
            submission_filter.withhold_content(msg, objections)

"""The handler that gives mail to a list's owners an author whom the mail account may send as.

Mailman sends what is written to `list-owner@` on to the owners with its author's From. The provider accepts only the
account's own addresses as authors, and without the author's signature the owners' servers may reject it (DMARC).
"""

from email.utils import formataddr, parseaddr

from mailman.handlers.dmarc import munged_headers
from mailman.interfaces.handler import IHandler
from public import public
from zope.interface import implementer


@public
@implementer(IHandler)
class OwnerMailAuthor:
    """Writes "Ana via Members" <members-owner@…> into From, and the author into Reply-To."""

    name = "listkit-owner-mail-author"
    description = "Let mail to the owners come from the list's owner address."

    def process(self, mlist, msg, msgdata):
        """See `IHandler`."""
        author = msg["From"] or msg.sender
        # Mailman's words for the author of a post. Its Reply-To is the list's, where an owner's answer doesn't belong.
        munged = dict(munged_headers(mlist, msg, {"original_sender": msg.sender}))
        del msg["From"]
        msg["From"] = formataddr((parseaddr(munged["From"])[0], mlist.owner_address))
        if author and "Reply-To" not in msg:
            msg["Reply-To"] = author

"""Gives mail to a list's owners an author whom the mail account may send as.

Mailman sends what is written to `list-owner@` on to the owners with its author's From. The provider takes no author but
the account's own addresses, and without the author's signature the owners' servers may reject it as well (DMARC).
"""

from email.utils import formataddr, parseaddr

from mailman.handlers.dmarc import munged_headers
from mailman.interfaces.handler import IHandler
from public import public
from zope.interface import implementer

SENDING_HANDLER = "to-outgoing"


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


def link_into(pipeline) -> None:
    """Make the built-in owner pipeline do it before it sends; to be called once, in the plugin's `post_hook`."""
    names = [handler.name for handler in pipeline]
    pipeline._handlers.insert(names.index(SENDING_HANDLER), OwnerMailAuthor())

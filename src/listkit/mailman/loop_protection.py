"""The first handler of the posting pipeline: a list posts nothing twice; see `listkit.mailman.posted`."""

from pathlib import Path

from mailman.config import config
from mailman.interfaces.handler import IHandler
from mailman.interfaces.pipeline import DiscardMessage
from mailman.utilities.email import add_message_hash
from public import public
from zope.interface import implementer

from listkit.mailman import posted


def records() -> posted.Posted:
    """Return the records of this Mailman."""
    return posted.Posted(Path(config.DATA_DIR) / "posted")


def has_been_here(mlist, msg) -> bool:
    """Whether `mlist` (`IMailingList`) has had `msg`: it has come back, or another list has sent a copy of it."""
    through = posted.been_through(msg)
    if mlist.posting_address.lower() in through:
        return True
    return bool(through) and records().has(mlist.list_id, msg)


@public
@implementer(IHandler)
class LoopProtection:
    """Discards what the list has had, and marks what it sends on."""

    name = "listkit-loop-protection"
    description = "Post nothing twice."

    def process(self, mlist, msg, msgdata):
        """See `IHandler`."""
        if mlist.posting_address.lower() in posted.been_through(msg):
            raise DiscardMessage("it has come back from a list that is a member")
        posting = records().add(mlist.list_id, msg)
        if posting.is_repeated:
            raise DiscardMessage("the list has had it already")
        if posting.shares_message_id:
            posted.renew_message_id(msg, mlist.mail_host)
            add_message_hash(msg)
        posted.mark(msg, mlist.posting_address)

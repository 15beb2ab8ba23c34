"""Rejects posts that the provider would refuse, with the reason and without the content."""

from mailman.chains.reject import RejectChain
from public import public

from listkit.mailman import submission_filter
from listkit.mailman.patches.unsendable_posts import CHAIN


@public
class Unsendable(RejectChain):
    """The poster gets the reason, and the headers of what was refused."""

    name = CHAIN
    description = "Reject a post that the mail provider's filter would refuse."

    def _process(self, mlist, msg, msgdata):
        submission_filter.withhold_content(msg)
        super()._process(mlist, msg, msgdata)

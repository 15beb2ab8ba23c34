"""Rejects posts that the provider would not take from us, with the reason and without the content."""

from mailman.chains.reject import RejectChain
from public import public

from listkit.mailman import submission_filter

RULE, CHAIN = "listkit-unsendable", "listkit-unsendable"
# Where a post ends up that somebody will read. What the list discards gets no answer from us: a virus is sent in the
# name of somebody who knows nothing of it.
BEFORE_CHAINS = ("accept", "hold")


@public
class Unsendable(RejectChain):
    """The poster gets the reason, and the headers of what was refused."""

    name = CHAIN
    description = "Reject a post that the mail provider's filter would refuse."

    def _process(self, mlist, msg, msgdata):
        submission_filter.withhold_content(msg)
        super()._process(mlist, msg, msgdata)


def link_into(chains) -> None:
    """Make those built-in chains ask the rule first; to be called once, in the plugin's `post_hook`.

    Before a moderator sees the post: the notice to the moderators holds it, and couldn't be sent either.
    """
    for name in BEFORE_CHAINS:
        _ask_first(chains[name])


def _ask_first(chain) -> None:
    from mailman.chains.base import Link
    from mailman.interfaces.chain import LinkAction

    own_links = chain.get_links

    def get_links(mlist, msg, msgdata):
        """See `IChain`."""
        yield Link(RULE, LinkAction.jump, CHAIN)
        yield from own_links(mlist, msg, msgdata)

    chain.get_links = get_links

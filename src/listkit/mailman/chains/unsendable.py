"""Rejects posts that the provider would not take from us, with the reason and without the content."""

from mailman.chains.reject import RejectChain
from public import public

from listkit.mailman import submission_filter

RULE, CHAIN = "listkit-unsendable", "listkit-unsendable"
# Before anybody moderates (the moderators' notice holds the message, and couldn't be sent either), and after the
# senders that get no answer from us.
AFTER_RULE = "banned-address"


@public
class Unsendable(RejectChain):
    """The poster gets the reason, and the headers of what was refused."""

    name = CHAIN
    description = "Reject a post that the mail provider's filter would refuse."

    def _process(self, mlist, msg, msgdata):
        submission_filter.withhold_content(msg)
        super()._process(mlist, msg, msgdata)


def link_into(chain) -> None:
    """Make the built-in posting chain ask the rule; to be called once, in the plugin's `post_hook`."""
    from mailman.interfaces.chain import LinkAction

    links = list(chain._link_descriptions)
    place = 1 + next(number for number, (rule, *_) in enumerate(links) if rule == AFTER_RULE)
    chain._link_descriptions = (*links[:place], (RULE, LinkAction.jump, CHAIN), *links[place:])
    chain._cached_links = None

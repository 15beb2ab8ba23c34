"""Links that come before a chain's own."""

from __future__ import annotations


def ask_first(chain, rule: str, target: str) -> None:
    """Make `chain` (`IChain`) jump to the chain `target` where `rule` matches, before it asks its own rules."""
    from mailman.chains.base import Link
    from mailman.interfaces.chain import LinkAction

    own_links = chain.get_links

    def get_links(mlist, msg, msgdata):
        """See `IChain`."""
        yield Link(rule, LinkAction.jump, target)
        yield from own_links(mlist, msg, msgdata)

    chain.get_links = get_links

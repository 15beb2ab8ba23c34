"""Posts that the provider's filter would refuse are rejected before they are accepted or held.

Before a moderator sees the post: the notice to the moderators contains it, and couldn't be sent either.
"""

from __future__ import annotations

from listkit.common.patching import Patch, Target
from listkit.mailman.chain_links import ask_first

RULE = CHAIN = "listkit-unsendable"
CHAINS = ("accept", "hold")
"""Not `discard`, which answers nothing: a virus is sent in the name of a person who knows nothing of it."""


def _apply() -> None:
    from mailman.config import config

    for name in CHAINS:
        ask_first(config.chains[name], RULE, CHAIN)


PATCH = Patch(
    name="unsendable-posts",
    purpose="The provider refuses a post with a forbidden attachment only after Mailman has accepted it: the account "
    "pauses, and the author is not informed.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="The provider refuses the posts.",
    targets=(
        Target("mailman.chains.base:TerminalChainBase.get_links", "(self, mlist, msg, msgdata)"),
        Target("mailman.chains.base:Link.__init__", "(self, rule, action=None, chain=None, function=None)"),
        Target("mailman.chains.reject:RejectChain._process", "(self, mlist, msg, msgdata)"),
        Target("mailman.interfaces.chain:LinkAction.jump"),
    ),
    apply=_apply,
)

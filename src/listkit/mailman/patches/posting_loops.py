"""A post that a list has had already is not posted again.

Mailman's rule compares the list's bare address with `<mailto:…>`, so it never matches; and each list replaces
`List-Post`, so that it would not see a loop of two lists. A post with the list's own `List-Post` but without our mark
is held: a moderator can tell whether it is a loop.
"""

from __future__ import annotations

from listkit.common.patching import Patch, Target
from listkit.mailman.chain_links import ask_first

PIPELINE = "default-posting-pipeline"
RULE, HOLD = "listkit-own-post", "hold"


def _apply() -> None:
    from mailman.config import config
    from mailman.rules.loop import Loop

    from listkit.mailman.loop_protection import LoopProtection

    Loop.check = check
    config.pipelines[PIPELINE]._handlers.insert(0, LoopProtection())
    ask_first(config.chains["accept"], RULE, HOLD)


def check(self, mlist, msg, msgdata) -> bool:
    """See `IRule`. Comes before moderation, so that what comes back is not held."""
    from listkit.mailman.loop_protection import has_been_here

    if not has_been_here(mlist, msg):
        return False
    msgdata["moderation_sender"] = msg.sender
    msgdata.setdefault("moderation_reasons", []).append("Message has already been posted to this list")
    return True


PATCH = Patch(
    name="posting-loops",
    purpose="Two lists that are members of each other post one message again and again, until the provider's hop limit "
    "ends it.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="Lists that are members of each other spend the quota.",
    targets=(
        Target("mailman.rules.loop:Loop.check", "(self, mlist, msg, msgdata)", ("0d3f1c204dcf",)),
        Target("mailman.chains.base:TerminalChainBase.get_links", "(self, mlist, msg, msgdata)"),
        Target("mailman.chains.base:Link.__init__", "(self, rule, action=None, chain=None, function=None)"),
        Target("mailman.interfaces.pipeline:DiscardMessage.__init__"),
        Target("mailman.pipelines.base:BasePipeline.__init__", "(self)", ("bfc53e8e8b2a",)),
        Target("mailman.utilities.email:add_message_hash", "(msg)"),
    ),
    apply=_apply,
)

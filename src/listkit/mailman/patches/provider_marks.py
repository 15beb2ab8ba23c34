"""Posts that the mail provider marked as spam, or as forged, are held before they are accepted."""

from __future__ import annotations

import functools

from listkit.common import provider_marks
from listkit.common.patching import Patch, Target
from listkit.mailman.chain_links import ask_first

RULE, HOLD = "listkit-provider-marks", "hold"


def wrap(handler_class) -> None:
    """Let Mailman's `ToOutgoing` remove the marks: another list, or the provider, would apply them again."""
    original = handler_class.process

    @functools.wraps(original)
    def process(self, mlist, msg, msgdata):
        """See `IHandler`."""
        provider_marks.remove(msg)
        original(self, mlist, msg, msgdata)

    handler_class.process = process


def _apply() -> None:
    from mailman.config import config
    from mailman.handlers.to_outgoing import ToOutgoing

    wrap(ToOutgoing)
    ask_first(config.chains["accept"], RULE, HOLD)


PATCH = Patch(
    name="provider-marks",
    purpose="A spam in the name of a member is posted to all members, although the provider has recognised it.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="Such posts are treated like all others.",
    targets=(
        Target("mailman.handlers.to_outgoing:ToOutgoing.process", "(self, mlist, msg, msgdata)"),
        Target("mailman.chains.base:TerminalChainBase.get_links", "(self, mlist, msg, msgdata)"),
        Target("mailman.chains.base:Link.__init__", "(self, rule, action=None, chain=None, function=None)"),
    ),
    apply=_apply,
)

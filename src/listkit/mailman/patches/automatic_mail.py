"""Automatic mail isn't answered, run as a command, or posted if it is a reply (RFC 3834)."""

from __future__ import annotations

import functools
import logging

from listkit.common.message.automatic import is_automatic
from listkit.common.patching import Patch, Target
from listkit.mailman.chain_links import ask_first

RULE, DISCARD = "listkit-automatic-reply", "discard"
"""Discarded, not held: each post would bring its moderators one for every member who is away."""
CHAIN = "default-posting-chain"

log = logging.getLogger("mailman.vette")


def wrap(runner_class) -> None:
    """Wrap the method of Mailman's `CommandRunner`."""
    runner_class._dispose = _dispose(runner_class._dispose)


def _dispose(original):
    @functools.wraps(original)
    def dispose_of_persons_mail(self, mlist, msg, msgdata):
        """See `IRunner`."""
        if is_automatic(msg):
            log.info("DISCARD: %s; an automatic message isn't a command", msg.get("message-id", "n/a"))
            return False
        return original(self, mlist, msg, msgdata)

    return dispose_of_persons_mail


def _apply() -> None:
    from mailman.config import config
    from mailman.runners.command import CommandRunner

    wrap(CommandRunner)
    ask_first(config.chains[CHAIN], RULE, DISCARD)


PATCH = Patch(
    name="automatic-mail",
    purpose="An absence notice is posted to all members when it comes to the list's address, and carried out as a "
    "command when it comes to another one: one that quotes a confirmation subscribes its author.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="Absence notices are posted, and answered.",
    targets=(
        Target("mailman.runners.command:CommandRunner._dispose", "(self, mlist, msg, msgdata)"),
        Target("mailman.chains.builtin:BuiltInChain.get_links", "(self, mlist, msg, msgdata)"),
        Target("mailman.chains.base:Link.__init__", "(self, rule, action=None, chain=None, function=None)"),
    ),
    apply=_apply,
)

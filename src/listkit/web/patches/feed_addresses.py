"""The feed of an archive hides the address of an author without a name, as the pages do."""

from __future__ import annotations

import functools

from listkit.common.patching import Patch, Target

AT_SIGN = "\uff20"
"""HyperKitty's own, which looks like one."""


def hide(original):
    """Wrap the method of HyperKitty's `MailingListFeed`: where a post has no name, its address is the name."""

    @functools.wraps(original)
    def item_author_name(self, item):
        name = original(self, item)
        return name and name.replace("@", AT_SIGN)

    return item_author_name


def _apply() -> None:
    from hyperkitty.feed import MailingListFeed

    MailingListFeed.item_author_name = hide(MailingListFeed.item_author_name)


PATCH = Patch(
    name="feed-addresses",
    purpose="The feed of an archive shows the address of an author without a name to robots.",
    upstream="none filed",
    read_in=("hyperkitty 1.3.7", "hyperkitty 1.3.12"),
    fallback="The feed shows these addresses.",
    targets=(Target("hyperkitty.feed:MailingListFeed.item_author_name", "(self, item)"),),
    apply=_apply,
)

"""A renamed list gets the mail to its former addresses, and what was in a queue while it was renamed."""

from __future__ import annotations

import functools

from listkit.common.patching import Patch, Target
from listkit.mailman import former_lists


def wrap_lookup(original):
    """Return Mailman's `ListManager.get_by_list_id`, which finds a renamed list by a former identifier, too."""

    @functools.wraps(original)
    def get_by_list_id(self, list_id):
        """See `IListManager`."""
        found = original(self, list_id)
        current = former_lists.current_list_id(list_id) if found is None else None
        return original(self, current) if current else found

    return get_by_list_id


def wrap_recipient(original, exists):
    """Return Mailman's `split_recipient`, whose result names the list as it is called now."""

    @functools.wraps(original)
    def split_recipient(address):
        return former_lists.current_recipient(original(address), exists)

    return split_recipient


def wrap_rule(original):
    """Return the check of the rule `implicit-dest`, for which a former address counts as the list's own."""

    @functools.wraps(original)
    def check(self, mlist, msg, msgdata):
        """See `IRule`."""
        if former_lists.names_former_address(mlist.posting_address, msg):
            return False
        return original(self, mlist, msg, msgdata)

    return check


def _exists(address: str) -> bool:
    from mailman.interfaces.listmanager import IListManager
    from zope.component import getUtility

    return getUtility(IListManager).get_by_fqdn(address) is not None


def _apply() -> None:
    from mailman.model.listmanager import ListManager
    from mailman.rules.implicit_dest import ImplicitDestination
    from mailman.runners import lmtp

    ListManager.get_by_list_id = wrap_lookup(ListManager.get_by_list_id)
    ImplicitDestination.check = wrap_rule(ImplicitDestination.check)
    lmtp.split_recipient = wrap_recipient(lmtp.split_recipient, _exists)


PATCH = Patch(
    name="former-lists",
    purpose="Mailman knows no former addresses of a list: after `listkit list rename`, mail to the old one is refused, "
    "and a post that is in a queue is set aside.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="Mail to a former address of a list is refused.",
    targets=(
        # The decorator for the database hides the parameters.
        Target("mailman.model.listmanager:ListManager.get_by_list_id"),
        Target("mailman.model.listmanager:ListManager.get_by_fqdn"),
        Target("mailman.rules.implicit_dest:ImplicitDestination.check", "(self, mlist, msg, msgdata)"),
        Target("mailman.runners.lmtp:split_recipient", "(address)"),
    ),
    apply=_apply,
)

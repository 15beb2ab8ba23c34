"""A post that comes through another list of this host needn't name this one, if it is a member there.

The post names the umbrella list. Mailman would hold it in each list below, as mail with an implicit destination.
"""

from __future__ import annotations

import functools

from listkit.common.patching import Patch, Target
from listkit.mailman import posted


def wrap(rule_class, contains) -> None:
    """Wrap the method of Mailman's `ImplicitDestination`. `contains(list, member)`: whether a list has that member."""
    rule_class.check = _check(rule_class.check, contains)


def _check(original, contains):
    @functools.wraps(original)
    def check_unless_by_list(self, mlist, msg, msgdata):
        """See `IRule`."""
        if any(contains(address, mlist.posting_address) for address in posted.been_through(msg)):
            return False
        return original(self, mlist, msg, msgdata)

    return check_unless_by_list


def _contains(address: str, member: str) -> bool:
    from mailman.interfaces.listmanager import IListManager
    from zope.component import getUtility

    umbrella = getUtility(IListManager).get(address) if "@" in address else None
    return umbrella is not None and umbrella.members.get_member(member) is not None


def _apply() -> None:
    from mailman.rules.implicit_dest import ImplicitDestination

    wrap(ImplicitDestination, _contains)


PATCH = Patch(
    name="umbrella-lists",
    purpose="The lists that are members of an umbrella list hold all its posts.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="Turn `require_explicit_destination` off for the lists below an umbrella list.",
    targets=(
        Target("mailman.rules.implicit_dest:ImplicitDestination.check", "(self, mlist, msg, msgdata)"),
        Target("mailman.interfaces.listmanager:IListManager"),
    ),
    apply=_apply,
)

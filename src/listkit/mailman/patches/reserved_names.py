"""A list gets no name whose address belongs to something else.

Postorius' form allows a list called like the site's own address, and one called like a sub-address of another list
(`members-owner`), whose mail would then reach the wrong one.
"""

from __future__ import annotations

from listkit.common import former_lists
from listkit.common.patching import Patch, Target
from listkit.mailman.list_names import reason


def _refuse(happening) -> None:
    from mailman.config import config
    from mailman.interfaces.listmanager import IListManager, ListCreatingEvent
    from mailman.interfaces.mailinglist import InvalidListNameError
    from zope.component import getUtility

    if not isinstance(happening, ListCreatingEvent):
        return

    class Reserved(InvalidListNameError, ValueError):
        """Mailman's command line expects the first, its REST API shows the text of the second."""

        def __str__(self):
            return why

    address = happening.fqdn_listname.lower()
    names = getUtility(IListManager).names
    if why := reason(address, names, {config.mailman.site_owner.lower()}, former_lists.read()):
        raise Reserved(address.partition("@")[0])


def _apply() -> None:
    from zope import event

    event.subscribers.append(_refuse)


PATCH = Patch(
    name="reserved-names",
    purpose="Postorius makes lists whose addresses belong to the site or to another list.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="`listkit check` names such lists.",
    targets=(
        Target("mailman.interfaces.listmanager:ListCreatingEvent.__init__", "(self, fqdn_listname)"),
        Target("mailman.interfaces.mailinglist:InvalidListNameError.__init__", "(self, listname)"),
        Target("zope.event:subscribers"),
    ),
    apply=_apply,
)

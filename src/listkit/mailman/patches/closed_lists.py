"""A list that is declared as closed refuses requests to join, by mail and on the web."""

from __future__ import annotations

from listkit.common.patching import Patch, Target
from listkit.mailman import closed_lists


def _apply() -> None:
    from mailman.app.subscriptions import SubscriptionManager
    from mailman.interfaces.member import MembershipIsBannedError

    own = SubscriptionManager.register

    # Of all errors, the mail command and the REST API answer with this one as with a refusal.
    class Closed(MembershipIsBannedError):
        def __str__(self):
            return f"{self._mlist.fqdn_listname} is closed: only its owners add members"

    def register(self, subscriber=None, *, pre_approved=False, invitation=False, **options):
        """See `ISubscriptionManager`."""
        if closed_lists.refuses(self._mlist.posting_address, pre_approved, invitation):
            raise Closed(self._mlist, str(subscriber))
        return own(self, subscriber, pre_approved=pre_approved, invitation=invitation, **options)

    SubscriptionManager.register = register


PATCH = Patch(
    name="closed-lists",
    purpose="Mailman has no list without requests to join: its strictest policy lets the owners decide on each.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="Owners of closed lists get requests to join, which they can refuse.",
    targets=(
        Target(
            "mailman.app.subscriptions:SubscriptionManager.register",
            "(self, subscriber=None, *, pre_verified=False, pre_confirmed=False, pre_approved=False, invitation=False,"
            " send_welcome_message=None, delivery_mode=None, delivery_status=None)",
        ),
        Target("mailman.interfaces.member:MembershipIsBannedError.__init__", "(self, mlist, address)"),
    ),
    apply=_apply,
)

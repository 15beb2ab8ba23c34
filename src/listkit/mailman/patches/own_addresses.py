"""Mail from Mailman to addresses of its own lists doesn't leave the host.

A moderator's notice goes to `list-owner@`, and a post to an umbrella list goes to its lists: without this they make the
round trip through the provider, and cost the quota.
"""

from __future__ import annotations

import functools

from listkit.common.patching import Patch, Target

NOTICE = b"X-List-Administrivia: yes\n"
"""Marks Mailman's own notices: a list that is a member of another one posts no welcome.

See `listkit.common.message.automatic`.
"""


def wrap(delivery_class, of_lists, deliver) -> None:
    """Wrap the method of Mailman's `BaseDelivery`; see `listkit.mailman.own_addresses`."""
    delivery_class._deliver_to_recipients = _deliver_to_recipients(
        delivery_class._deliver_to_recipients, of_lists, deliver
    )


def _deliver_to_recipients(original, of_lists, deliver):
    @functools.wraps(original)
    def deliver_own_mail_first(self, mlist, msg, msgdata, recipients):
        """See `BaseDelivery`."""
        own = of_lists(recipients)
        if not own:
            return original(self, mlist, msg, msgdata, recipients)
        content = msg.as_bytes()
        if msgdata.get("reduced_list_headers"):
            content = NOTICE + content
        refused = deliver(self._get_sender(mlist, msg, msgdata), own, content)
        others = [recipient for recipient in recipients if recipient not in own]
        return {**refused, **(original(self, mlist, msg, msgdata, others) if others else {})}

    return deliver_own_mail_first


def _apply() -> None:
    from mailman.mta.base import BaseDelivery

    from listkit.mailman import own_addresses

    wrap(BaseDelivery, own_addresses.of_lists, own_addresses.deliver)


PATCH = Patch(
    name="own-addresses",
    purpose="A moderator's notice, and a post to a list that is a member of another, make the round trip through the "
    "provider and cost the quota.",
    upstream="none filed",
    read_in=("mailman 3.3.8", "mailman 3.3.10"),
    fallback="Such mail makes the round trip.",
    targets=(
        Target("mailman.mta.base:BaseDelivery._deliver_to_recipients", "(self, mlist, msg, msgdata, recipients)"),
        Target("mailman.mta.base:BaseDelivery._get_sender", "(self, mlist, msg, msgdata)"),
        Target("mailman.runners.lmtp:split_recipient", "(address)"),
    ),
    apply=_apply,
)

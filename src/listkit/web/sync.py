"""Bring what HyperKitty knows of the lists up to what Mailman's core says: above all, who may read an archive.

Postorius tells HyperKitty what it changes; nobody tells it of what is changed by Mailman's REST API.
"""

from __future__ import annotations


def sync() -> None:
    """Ask core about every list."""
    from hyperkitty.lib.mailman import get_new_lists_from_mailman
    from hyperkitty.models import MailingList

    get_new_lists_from_mailman()
    for mailing_list in MailingList.objects.all():
        mailing_list.update_from_mailman()

"""A new archive is closed until Mailman's core has said who may read it.

HyperKitty makes a list's archive with the first post, open to everybody, and asks core for the list's policy in a job
that runs a moment later: until then a private list's first post could be read by anybody.
"""

from __future__ import annotations


def listen() -> None:
    """Hear of new archives."""
    from django.db.models.signals import post_save
    from hyperkitty.models import MailingList

    post_save.connect(ask_core, sender=MailingList, dispatch_uid="listkit.web.privacy")


def ask_core(sender, instance, created: bool, **_) -> None:
    """Close a new archive, then open it as far as core says, if core answers."""
    if not created:
        return
    from hyperkitty.models.mailinglist import ArchivePolicy

    instance.archive_policy = ArchivePolicy.private.value
    sender.objects.filter(pk=instance.pk).update(archive_policy=instance.archive_policy)
    instance.update_from_mailman()

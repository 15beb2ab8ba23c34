"""A new archive is closed until Mailman's core has said who may read it.

HyperKitty makes a list's archive with the first post, open to everyone, and asks core for the list's policy in a job
that runs a moment later: until then the first post of a private list could be read by anyone.
"""

from __future__ import annotations

from listkit.common.patching import Patch, Target


def _apply() -> None:
    from django.db.models.signals import post_save
    from hyperkitty.models import MailingList

    post_save.connect(ask_core, sender=MailingList, dispatch_uid="listkit.web.new_archives")


def ask_core(sender, instance, created: bool, **_) -> None:
    """Close a new archive, then open it as far as core says, if core answers."""
    if not created:
        return
    from hyperkitty.models.mailinglist import ArchivePolicy

    instance.archive_policy = ArchivePolicy.private.value
    sender.objects.filter(pk=instance.pk).update(archive_policy=instance.archive_policy)
    instance.update_from_mailman()


PATCH = Patch(
    name="new-archives",
    purpose="The first post of a private list can be read by anyone until a job has run.",
    upstream="none filed",
    read_in=("hyperkitty 1.3.7", "hyperkitty 1.3.12"),
    fallback="The first post of a private list can be read for a moment.",
    targets=(
        Target("hyperkitty.models:MailingList.update_from_mailman", "(self)"),
        Target("hyperkitty.models.mailinglist:ArchivePolicy.private"),
    ),
    apply=_apply,
)

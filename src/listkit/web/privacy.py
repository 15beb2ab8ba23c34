"""What is private in the archive stays so where HyperKitty forgets.

A new archive is closed until Mailman's core has said who may read it. HyperKitty makes a list's archive with the first
post, open to everybody, and asks core for the list's policy in a job that runs a moment later: until then a private
list's first post could be read by anybody.

The API asks who may read a list. HyperKitty's views of one message and of one thread name that permission, and look the
object up in a way of their own, past the place where Django REST framework would ask.
"""

from __future__ import annotations

from collections.abc import Callable


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


def guard_api() -> None:
    """Have the API ask who may read a message or a thread before it shows it."""
    from hyperkitty.api.email import EmailDetail
    from hyperkitty.api.thread import ThreadDetail

    for view in (EmailDetail, ThreadDetail):
        view.get_object = _asking(view.get_object)


def _asking(get_object: Callable) -> Callable:
    def permitted(view):
        found = get_object(view)
        view.check_object_permissions(view.request, found)
        return found

    return permitted

"""Only a list's members download its archive: it has the addresses that the pages hide."""

from __future__ import annotations

import functools

from listkit.common.patching import Patch, Target


def _export_mbox(original):
    @functools.wraps(original)
    def export_mbox(request, mlist_fqdn, filename):
        from django.contrib.auth.views import redirect_to_login
        from django.core.exceptions import PermissionDenied
        from django.shortcuts import get_object_or_404
        from hyperkitty.models import MailingList

        archive = get_object_or_404(MailingList, name=mlist_fqdn)
        # HyperKitty itself keeps strangers out of private ones.
        if not archive.is_private and not may_download(request.user, archive.list_id):
            if request.user.is_authenticated:
                raise PermissionDenied
            return redirect_to_login(request.get_full_path())
        return original(request, mlist_fqdn, filename)

    return export_mbox


def may_download(user, list_id: str) -> bool:
    """Return whether someone is a member of the list, or an administrator."""
    from django_mailman3.lib.mailman import get_subscriptions

    return user.is_superuser or (user.is_authenticated and list_id in get_subscriptions(user))


def _apply() -> None:
    from hyperkitty.views import mlist

    mlist.export_mbox = _export_mbox(mlist.export_mbox)


def _close() -> None:
    """Settings can be changed until the first request."""
    from django.conf import settings

    settings.HYPERKITTY_MBOX_EXPORT = False


PATCH = Patch(
    name="archive-download",
    purpose="Anyone downloads the addresses of all who ever wrote to a list with a public archive.",
    upstream="none filed",
    read_in=("hyperkitty 1.3.7", "hyperkitty 1.3.12"),
    fallback="No archive can be downloaded.",
    targets=(
        Target("hyperkitty.views.mlist:export_mbox", "(request, mlist_fqdn, filename)"),
        Target("django_mailman3.lib.mailman:get_subscriptions", "(user)"),
    ),
    apply=_apply,
    otherwise=_close,
)

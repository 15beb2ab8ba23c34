"""The archive's search for a list shows no private list to people who may not read it.

HyperKitty redirects to the list when only one fits, before it looks who asks: the address of a private list is in the
redirect.
"""

from __future__ import annotations

import functools

from listkit.common.patching import Patch, Target

NO_NAME = "\x01"
"""Fits no list."""


def _index(original):
    @functools.wraps(original)
    def index(request):
        response = original(request)
        if response.status_code != 302 or _may_read(request, response.url):
            return response
        # The page that is shown when no list fits.
        request.GET = request.GET.copy()
        request.GET["name"] = NO_NAME
        return original(request)

    return index


def _may_read(request, url: str) -> bool:
    from django.urls import get_script_prefix, resolve
    from hyperkitty.lib.view_helpers import is_mlist_authorized
    from hyperkitty.models import MailingList

    found = resolve("/" + url.removeprefix(get_script_prefix()))
    return is_mlist_authorized(request, MailingList.objects.get(name=found.kwargs["mlist_fqdn"]))


def _apply() -> None:
    from hyperkitty.views import index

    index.index = _index(index.index)


PATCH = Patch(
    name="archive-search",
    purpose="A search for a list redirects anyone to the address of a private one.",
    upstream="none filed",
    read_in=("hyperkitty 1.3.7", "hyperkitty 1.3.12"),
    fallback="The addresses of private lists can be found by guessing parts of them.",
    targets=(
        Target("hyperkitty.views.index:index", "(request)"),
        Target("hyperkitty.lib.view_helpers:is_mlist_authorized", "(request, mlist)"),
    ),
    apply=_apply,
)

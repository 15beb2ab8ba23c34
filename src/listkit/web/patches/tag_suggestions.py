"""The tags that HyperKitty suggests for a thread are those of its own list, also before the first letter is typed."""

from __future__ import annotations

import functools
import json

from listkit.common.patching import Patch, Target

MOST = 20
"""HyperKitty's own limit."""


def _suggest_tags(original):
    @functools.wraps(original)
    def suggest_tags(request, mlist_fqdn, threadid):
        response = original(request, mlist_fqdn, threadid)
        if request.GET.get("term") or response.status_code != 200:
            return response
        from hyperkitty.models import Tag

        names = Tag.objects.filter(threads__mailinglist__name=mlist_fqdn).exclude(threads__thread_id=threadid)
        response.content = json.dumps(sorted(set(names.values_list("name", flat=True)))[:MOST])
        return response

    return suggest_tags


def _apply() -> None:
    from hyperkitty.views import thread

    thread.suggest_tags = _suggest_tags(thread.suggest_tags)


PATCH = Patch(
    name="tag-suggestions",
    purpose="The tags of all lists, private ones too, are shown to anyone.",
    upstream="none filed",
    read_in=("hyperkitty 1.3.7", "hyperkitty 1.3.12"),
    fallback="The tags of all lists are shown.",
    targets=(
        Target("hyperkitty.views.thread:suggest_tags", "(request, mlist_fqdn, threadid)"),
        Target("hyperkitty.models:Tag"),
    ),
    apply=_apply,
)

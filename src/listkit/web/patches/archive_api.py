"""The archive's API checks who may read a message or a thread before it shows it.

HyperKitty's views of one message and of one thread name that permission, and look the object up in a way of their own,
past the place where Django REST framework would check it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from listkit.common.patching import Patch, Target

API = "/hyperkitty/api/"
ARCHIVING = "/hyperkitty/api/mailman/"
"""Pages that Mailman's core calls; the web server admits no other client."""


def _apply() -> None:
    from hyperkitty.api.email import EmailDetail
    from hyperkitty.api.thread import ThreadDetail

    for view in (EmailDetail, ThreadDetail):
        view.get_object = _get_object(view.get_object)


def _get_object(original: Callable) -> Callable:
    @functools.wraps(original)
    def get_permitted_object(self):
        found = original(self)
        self.check_object_permissions(self.request, found)
        return found

    return get_permitted_object


def _close_api() -> None:
    """Insert our middleware. Settings can be changed until the first request."""
    from django.conf import settings

    settings.MIDDLEWARE = (f"{__name__}.closed_api", *settings.MIDDLEWARE)


def closed_api(get_response: Callable) -> Callable:
    """Django's middleware that answers 404 to everything in the archive's API but core."""
    from django.http import HttpResponseNotFound

    def respond(request):
        path = request.path_info
        is_closed = path.startswith(API) and not path.startswith(ARCHIVING)
        return HttpResponseNotFound() if is_closed else get_response(request)

    return respond


PATCH = Patch(
    name="archive-api",
    purpose="The API shows single messages and threads of private lists to anyone.",
    upstream="none filed",
    read_in=("hyperkitty 1.3.7", "hyperkitty 1.3.12"),
    fallback="The archive's API is closed.",
    targets=(
        Target("hyperkitty.api.email:EmailDetail.get_object", "(self)"),
        Target("hyperkitty.api.thread:ThreadDetail.get_object", "(self)"),
        Target("rest_framework.views:APIView.check_object_permissions", "(self, request, obj)"),
    ),
    apply=_apply,
    otherwise=_close_api,
)

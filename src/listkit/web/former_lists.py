"""Django's middleware that redirects the pages of a list's former address to those of the present one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from listkit.common import former_lists

_PAGE = re.compile(r"/(?:hyperkitty/list|postorius/lists)/([^/]+)(?=/|$)")
"""HyperKitty names a list by its address, Postorius by its identifier."""


def redirected(path: str, former: Mapping[str, str]) -> str | None:
    """Return the path of the same page of a list's present address; None if it names no former one."""
    page = _PAGE.match(path)
    if page is None:
        return None
    name = page[1]
    addresses = former if "@" in name else {_list_id(old): _list_id(new) for old, new in former.items()}
    new = addresses.get(name.lower())
    return None if new is None else path[: page.start(1)] + new + path[page.end(1) :]


def _list_id(address: str) -> str:
    return address.replace("@", ".", 1)


def redirect(get_response):
    """Return the middleware. The redirection is temporary: the operator may take the former address away."""
    from django.http import HttpResponseRedirect

    def respond(request):
        path = redirected(request.path_info, former_lists.read()) if request.method in ("GET", "HEAD") else None
        if path is None:
            return get_response(request)
        query = request.META.get("QUERY_STRING", "")
        script = request.path.removesuffix(request.path_info)
        return HttpResponseRedirect(quote(f"{script}{path}", safe="/@:") + (f"?{query}" if query else ""))

    return respond

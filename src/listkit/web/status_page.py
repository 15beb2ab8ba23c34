"""The status page for administrators. `listkit alert run` writes it; here, only its readers are admitted."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse

FILE = "/status-details"
"""The web server's own address of the page; it chooses the language."""


@login_required
def details(request):
    """Have the web server send the page to a superuser."""
    if not request.user.is_superuser:
        raise PermissionDenied
    return HttpResponse(headers={"X-Accel-Redirect": FILE})

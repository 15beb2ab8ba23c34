"""All passwords are entered in one form, which limits the attempts for each account.

Django's administration has a form of its own without a limit: it redirects to the login of the other pages instead.
"""

from __future__ import annotations

from listkit.common.patching import Patch, Target


def _apply() -> None:
    from django.contrib import admin

    admin.site.login = log_in


def log_in(request, **_):
    """Let administrators in, send strangers to the login, and refuse accounts that are not administrators."""
    from django.contrib import admin
    from django.contrib.auth.views import redirect_to_login
    from django.core.exceptions import PermissionDenied
    from django.shortcuts import redirect
    from django.urls import reverse

    if admin.site.has_permission(request):
        return redirect("admin:index")
    # The login would send them straight back, in a circle.
    if request.user.is_authenticated:
        raise PermissionDenied
    return redirect_to_login(request.GET.get("next") or reverse("admin:index"))


PATCH = Patch(
    name="admin-login",
    purpose="Passwords can be guessed without limit at the login form of Django's administration.",
    upstream="none filed",
    read_in=("django 3.2", "django 4.2"),
    fallback="The form is there; the web server still limits the requests of each address.",
    targets=(
        Target("django.contrib.admin.sites:AdminSite.login", "(self, request, extra_context=None)"),
        Target("django.contrib.admin.sites:AdminSite.has_permission", "(self, request)"),
        Target("django.contrib.auth.views:redirect_to_login"),
    ),
    apply=_apply,
)

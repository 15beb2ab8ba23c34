"""Passwords are tried in one place, which counts them by account.

Django's administration has a form of its own, which doesn't: it sends people to the login of all other pages instead.
"""

from __future__ import annotations


def be_the_only_one() -> None:
    """Take the place of the administration's form."""
    from django.contrib import admin

    admin.site.login = log_in


def log_in(request, **_):
    """Let administrators in, send strangers to the login, and refuse whoever is logged in without being one."""
    from django.contrib import admin
    from django.contrib.auth.views import redirect_to_login
    from django.core.exceptions import PermissionDenied
    from django.shortcuts import redirect
    from django.urls import reverse

    if admin.site.has_permission(request):
        return redirect("admin:index")
    # The login would send them straight back, and so on for ever.
    if request.user.is_authenticated:
        raise PermissionDenied
    return redirect_to_login(request.GET.get("next") or reverse("admin:index"))

"""Wrong passwords are counted for each account and network, and by themselves for a browser that has logged in before.

django-allauth counts them for each account alone: five wrong passwords every five minutes, from anywhere, lock an
administrator out. A network is an IPv4 address, or the 64 bits of an IPv6 address that a provider gives to a customer.
"""

from __future__ import annotations

import functools
import ipaddress
import secrets

from listkit.common.patching import Patch, Target

COOKIE = "listkit_device"
SALT = "listkit.web.device"
KNOWN_SECONDS = 365 * 24 * 3600
IPV6_NETWORK_BITS = 64


def network(address: str) -> str:
    """Return what addresses of the same customer have in common; the address itself, if it isn't one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, IPV6_NETWORK_BITS), strict=False))


def _get_client_ip(original):
    @functools.wraps(original)
    def get_client_ip(self, request):
        return network(original(self, request))

    return get_client_ip


def _get_login_attempts_cache_key(original):
    @functools.wraps(original)
    def get_login_attempts_cache_key(self, request, **credentials):
        account = original(self, request, **credentials)
        return f"{account}:{_known_device(request, credentials) or self.get_client_ip(request)}"

    return get_login_attempts_cache_key


def _post_login(original):
    @functools.wraps(original)
    def post_login(self, request, user, **options):
        response = original(self, request, user, **options)
        _remember_device(response, user)
        return response

    return post_login


def _known_device(request, credentials: dict) -> str | None:
    """Return the name of the browser, if the account that it wants to enter has been entered from it."""
    from django.contrib.auth import get_user_model
    from django.core import signing
    from django.db.models import Q

    try:
        known = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=KNOWN_SECONDS)
    except signing.BadSignature:
        return None
    # Someone may log in by name or by address.
    login = credentials.get("email") or credentials.get("username") or ""
    is_same = Q(username__iexact=login) | Q(emailaddress__email__iexact=login)
    return known["device"] if get_user_model().objects.filter(is_same, pk=known["user"]).exists() else None


def _remember_device(response, user) -> None:
    from django.conf import settings
    from django.core import signing
    from django.urls import reverse

    value = signing.dumps({"user": user.pk, "device": secrets.token_hex(8)}, salt=SALT)
    response.set_cookie(
        COOKIE,
        value,
        max_age=KNOWN_SECONDS,
        path=reverse("account_login"),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _apply() -> None:
    from allauth.account.adapter import DefaultAccountAdapter as Adapter

    Adapter.get_client_ip = _get_client_ip(Adapter.get_client_ip)
    Adapter._get_login_attempts_cache_key = _get_login_attempts_cache_key(Adapter._get_login_attempts_cache_key)
    Adapter.post_login = _post_login(Adapter.post_login)


_POST_LOGIN = "(self, request, user, *, email_verification, signal_kwargs, email, signup, redirect_url)"

PATCH = Patch(
    name="login-attempts",
    purpose="A stranger's wrong passwords lock an account for its owner too.",
    upstream="none filed",
    read_in=("django-allauth 0.51", "django-allauth 65.0.2"),
    fallback="Five wrong passwords lock an account for five minutes, for every address.",
    targets=(
        Target("allauth.account.adapter:DefaultAccountAdapter.get_client_ip", "(self, request)"),
        Target(
            "allauth.account.adapter:DefaultAccountAdapter._get_login_attempts_cache_key",
            "(self, request, **credentials)",
        ),
        Target("allauth.account.adapter:DefaultAccountAdapter.post_login", _POST_LOGIN),
    ),
    apply=_apply,
)

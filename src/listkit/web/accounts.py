"""Accounts of the web interface, as the operator needs them on the host. Needs Django to be loaded."""

from __future__ import annotations


class UnknownAccount(Exception):
    """There is no account of that name or address."""


def password_link(name: str) -> str:
    """Return a link to set a new password for the account of this name or address. It works once.

    Raises UnknownAccount.
    """
    from allauth.account.forms import default_token_generator
    from allauth.account.utils import user_pk_to_url_str
    from django.conf import settings
    from django.urls import reverse

    user = _account(name)
    key = {"uidb36": user_pk_to_url_str(user), "key": default_token_generator.make_token(user)}
    return f"https://{settings.ALLOWED_HOSTS[0]}{reverse('account_reset_password_from_key', kwargs=key)}"


def _account(name: str):
    from django.contrib.auth import get_user_model
    from django.db.models import Q

    is_named = Q(username=name) | Q(emailaddress__email__iexact=name)
    user = get_user_model().objects.filter(is_named, is_active=True).first()
    if user is None:
        raise UnknownAccount(f"{name}: no active account has this name or address, such as admin or ana@example.org")
    return user

"""Accounts of the web interface, as the operator needs them on the host. Needs Django to be loaded."""

from __future__ import annotations

from collections.abc import Sequence

INVITATION = """\
Hello,

you are now an administrator of the mailing lists of {organisation},
{page}

Your login is {login}. Choose a password here, within three days:

{link}

After that, get another link at {reset}
"""


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


def administrators(names: Sequence[str]) -> list[str]:
    """Return those of these logins whose accounts are active superusers, sorted."""
    from django.contrib.auth import get_user_model

    found = get_user_model().objects.filter(username__in=names, is_active=True, is_superuser=True)
    return sorted(found.values_list("username", flat=True))


def invite(user, organisation: str) -> None:
    """Send the new administrator `user` a link to set a password. Raises OSError if the relay refuses the mail."""
    from django.conf import settings
    from django.core.mail import send_mail
    from django.urls import reverse

    site = f"https://{settings.ALLOWED_HOSTS[0]}"
    text = INVITATION.format(
        page=f"{site}{reverse('account_login')}",
        organisation=organisation,
        login=user.username,
        link=password_link(user.username),
        reset=f"{site}{reverse('account_reset_password')}",
    )
    send_mail(f"Your account at {site}", text, None, [user.email])


def _account(name: str):
    from django.contrib.auth import get_user_model
    from django.db.models import Q

    is_named = Q(username=name) | Q(emailaddress__email__iexact=name)
    user = get_user_model().objects.filter(is_named, is_active=True).first()
    if user is None:
        raise UnknownAccount(f"{name}: no active account has this name or address, such as admin or ana@example.org")
    return user

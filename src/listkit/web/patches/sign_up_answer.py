"""The sign-up answers the same, whether the address has an account or not.

django-allauth does so by itself since 0.52; Debian 12 has an older one.
"""

from __future__ import annotations

import functools

from listkit.common.patching import Patch, Target


def _apply() -> None:
    from allauth.account.forms import BaseSignupForm
    from allauth.account.views import SignupView

    if not hasattr(BaseSignupForm, "try_save"):
        BaseSignupForm.validate_unique_email = _validate_unique_email(BaseSignupForm.validate_unique_email)
        SignupView.form_valid = _form_valid(SignupView.form_valid)


def _validate_unique_email(original):
    @functools.wraps(original)
    def validate_unique_email(self, value):
        from django.core.exceptions import ValidationError

        try:
            return original(self, value)
        except ValidationError:
            self.account_already_exists = True
            return value

    return validate_unique_email


def _form_valid(original):
    @functools.wraps(original)
    def form_valid(self, form):
        if not getattr(form, "account_already_exists", False):
            return original(self, form)
        return _as_if_new(self.request, form.cleaned_data)

    return form_valid


def _as_if_new(request, entered: dict):
    """Answer as for a new account, after as much time."""
    from allauth.account.adapter import get_adapter
    from django.contrib import messages
    from django.contrib.auth.hashers import make_password

    make_password(entered["password1"])
    adapter = get_adapter(request)
    shown = "account/messages/email_confirmation_sent.txt"
    adapter.add_message(request, messages.INFO, shown, {"email": entered["email"]})
    return adapter.respond_email_verification_sent(request, None)


PATCH = Patch(
    name="sign-up-answer",
    purpose="The sign-up reveals to strangers which addresses have an account.",
    upstream="https://github.com/pennersr/django-allauth/blob/main/ChangeLog.rst",
    read_in=("django-allauth 0.51", "django-allauth 65.0.2"),
    fallback="The sign-up reveals to strangers which addresses have an account.",
    targets=(
        Target("allauth.account.forms:BaseSignupForm.validate_unique_email", "(self, value)"),
        Target("allauth.account.views:SignupView.form_valid", "(self, form)"),
        Target(
            "allauth.account.adapter:DefaultAccountAdapter.respond_email_verification_sent",
            "(self, request, user)",
        ),
    ),
    apply=_apply,
)

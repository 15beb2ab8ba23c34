"""Forms that have mail sent to the address that a stranger enters cost a robot time, and don't tell who is a member.

Each form that is sent needs a page that was fetched for it some seconds earlier, and leaves a field empty that people
don't see. It works without JavaScript. The web server limits how many forms an address sends.
"""

from __future__ import annotations

import functools
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from listkit.common.patching import Patch, Target

MOMENT = "moment"
HONEYPOT = "website"
SALT = "listkit.web.form"
MIN_SECONDS = 2
"""A person takes longer to enter an address."""
MAX_SECONDS = 24 * 3600

KNOWN_TO_CORE = (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT)
"""Core's answers for an address that is banned, a member, or about to be one."""

log = logging.getLogger("postorius")


def issue_token() -> str:
    """Return a token for one form that is shown now."""
    from django.core import signing

    return signing.dumps({"nonce": secrets.token_hex(8), "issued": time.time()}, salt=SALT)


def is_human(data: Mapping[str, str]) -> bool:
    """Return whether a form was fetched for a person to fill in. Its token is used up by that."""
    from django.core import signing
    from django.core.cache import cache

    try:
        token = signing.loads(data.get(MOMENT, ""), salt=SALT, max_age=MAX_SECONDS)
    except signing.BadSignature:
        return False
    if data.get(HONEYPOT) or time.time() - token["issued"] < MIN_SECONDS:
        return False
    return cache.add(f"listkit-form-{token['nonce']}", 1, MAX_SECONDS)


def guard(form_class: Any) -> None:
    """Give a form its token and its honeypot, and have it refuse what robots send."""
    from django import forms

    class Honeypot(forms.TextInput):
        """A text field that only those see who read the page's source."""

        is_hidden = True

    fields = form_class.base_fields
    fields[MOMENT] = forms.CharField(required=False, widget=forms.HiddenInput, initial=issue_token)
    attributes = {"hidden": True, "tabindex": "-1", "autocomplete": "off"}
    fields[HONEYPOT] = forms.CharField(required=False, widget=Honeypot(attributes))
    form_class.full_clean = _full_clean(form_class.full_clean)


def _full_clean(original: Callable) -> Callable:
    @functools.wraps(original)
    def full_clean(self):
        from django.utils.translation import gettext

        original(self)
        # A person who corrects a mistake sends the same token again.
        if self.is_bound and not self._errors and not is_human(self.data):
            self.add_error(None, gettext("Something went wrong. Please try again."))

    return full_clean


def _subscribe(self, request, list_id):
    """See `ListAnonymousSubscribeView.post`: here the answer is the same for every address."""
    from django.contrib import messages
    from django.shortcuts import redirect
    from django.utils.translation import gettext
    from postorius.forms.list_forms import ListAnonymousSubscribe

    form = ListAnonymousSubscribe(request.POST)
    if form.is_valid():
        _ask_core(self.mailing_list, form.cleaned_data["email"], form.cleaned_data["display_name"])
        messages.success(request, gettext("Please check your inbox for further instructions"))
    else:
        messages.error(request, gettext("Something went wrong. Please try again."))
    return redirect("list_summary", self.mailing_list.list_id)


def _ask_core(mailing_list, email: str, display_name: str) -> None:
    from urllib.error import HTTPError

    try:
        mailing_list.subscribe(email, display_name, pre_verified=False, pre_confirmed=False)
    except HTTPError as error:
        if error.code not in KNOWN_TO_CORE:
            raise
        log.info("%s: subscription of %s refused: %s", mailing_list.list_id, email, error.msg)


def _apply() -> None:
    from allauth.account.forms import SignupForm
    from postorius.forms.list_forms import ListAnonymousSubscribe
    from postorius.views.list import ListAnonymousSubscribeView

    guard(SignupForm)
    guard(ListAnonymousSubscribe)
    ListAnonymousSubscribeView.post = _subscribe


PATCH = Patch(
    name="public-forms",
    purpose="A robot subscribes or signs up any address as fast as it can, and learns who is a member of a list.",
    upstream="none filed",
    read_in=("postorius 1.3.8", "postorius 1.3.13", "django-allauth 0.51", "django-allauth 65.0.2"),
    fallback="The web server limits how many forms an address sends; the answer reveals who is a member.",
    targets=(
        Target("postorius.forms.list_forms:ListAnonymousSubscribe.base_fields"),
        Target("postorius.views.list:ListAnonymousSubscribeView.post", "(self, request, list_id)"),
        Target("mailmanclient:MailingList.subscribe", "(self, address, display_name=None, pre_verified=False, …"),
        Target("allauth.account.forms:SignupForm.base_fields"),
        Target("django.forms:BaseForm.full_clean", "(self)"),
        Target("django.forms:BaseForm.add_error", "(self, field, error)"),
    ),
    apply=_apply,
)

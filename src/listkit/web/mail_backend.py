"""Django's way to the relay, which marks each message for the outbound budget."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail.backends.smtp import EmailBackend
from hyperkitty.models import MailingList

from listkit.common.answers import HEADER
from listkit.web.mail_marks import answer_of


class MarkingBackend(EmailBackend):
    """Django's own backend, except for the mark."""

    def send_messages(self, email_messages):
        """See `BaseEmailBackend`."""
        for message in email_messages:
            reports = message.subject.startswith(settings.EMAIL_SUBJECT_PREFIX)
            answer = answer_of(
                message.recipients(),
                reported_to=[address for _, address in settings.ADMINS] if reports else [],
                is_list=lambda address: MailingList.objects.filter(name__iexact=address).exists(),
                has_account=_has_account,
            )
            if answer:
                message.extra_headers[HEADER] = answer.value
        return super().send_messages(email_messages)


def _has_account(address: str) -> bool:
    """Whether the address belongs to a person who has confirmed it. Anyone can sign up with anyone's address."""
    if EmailAddress.objects.filter(email__iexact=address, verified=True, user__is_active=True).exists():
        return True
    # The operator has declared the superuser's address.
    return get_user_model().objects.filter(email__iexact=address, is_active=True, is_superuser=True).exists()

"""Which mail is automatic."""

import email

import pytest

from listkit.common.message.automatic import is_automatic, is_automatic_reply

REPLIES = [
    "Auto-Submitted: auto-replied",
    "Auto-Submitted: auto-replied (vacation)",
    "Precedence: auto_reply",
    "X-Autoreply: yes",
    "X-List-Administrivia: yes",
    "Content-Type: multipart/report; report-type=delivery-status; boundary=x",
    "Content-Type: multipart/report; report-type=disposition-notification; boundary=x",
]
NOTICES = ["Auto-Submitted: auto-generated", "Precedence: bulk", "X-Auto-Response-Suppress: All", "X-MailFrom: <>"]
PERSONS = ["Auto-Submitted: no", "Precedence: list", "X-MailFrom: ana@example.org", "Subject: Abwesenheitsnotiz",
           "Content-Type: multipart/report; report-type=feedback-report; boundary=x"]  # fmt: skip


def message(header):
    return email.message_from_string(f"{header}\n\nI am away.\n")


@pytest.mark.parametrize("header", REPLIES)
def test_an_automatic_reply_is_neither_posted_nor_a_command(header):
    assert is_automatic_reply(message(header))
    assert is_automatic(message(header))


@pytest.mark.parametrize("header", NOTICES)
def test_an_automatic_notice_is_posted_and_no_command(header):
    assert not is_automatic_reply(message(header))
    assert is_automatic(message(header))


@pytest.mark.parametrize("header", PERSONS)
def test_a_person_s_mail_is_both(header):
    assert not is_automatic(message(header))

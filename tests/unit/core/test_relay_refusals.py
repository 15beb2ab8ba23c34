"""What becomes of a message that the relay refuses as a whole."""

import smtplib
from email.message import Message
from types import SimpleNamespace

import pytest

from listkit.mailman.patches import relay_refusals
from listkit.mailman.relay_refusals import MessageRefused

LIST = SimpleNamespace(list_id="ants.example.com", posting_address="ants@example.com")
REFUSALS = [
    smtplib.SMTPDataError(554, b"5.6.0 mime-error"),
    smtplib.SMTPDataError(552, b"5.3.4 Message size\nexceeds limit"),
    smtplib.SMTPSenderRefused(552, b"5.3.4 Message size exceeds limit", "ants-bounces@example.com"),
]
OTHERS = [
    smtplib.SMTPDataError(451, b"4.3.0 later"),
    smtplib.SMTPSenderRefused(452, b"4.3.1 Insufficient system storage", "x@example.com"),
    smtplib.SMTPRecipientsRefused({"ana@example.com": (550, b"5.1.1 unknown")}),
    smtplib.SMTPServerDisconnected("gone"),
]


class Outbound:
    """As much of Mailman's delivery as matters here; the relay raises `error`."""

    def __init__(self, error):
        self.notices = []

        class Connection:
            def sendmail(self, envsender, recipients, msg):
                raise error

        class Delivery:
            def _deliver_to_recipients(self, mlist, msg, msgdata, recipients):
                try:
                    return Connection().sendmail("ants-bounces@example.com", recipients, msg)
                except (OSError, smtplib.SMTPException) as seen:
                    return {recipient: (444, str(seen)) for recipient in recipients}

        relay_refusals.wrap(Connection, Delivery, lambda *notice: self.notices.append(notice))
        self._delivery = Delivery()

    def send(self, **metadata):
        message = Message()
        message["From"], message["Subject"] = "Ana <ana@example.com>", "=?utf-8?q?Gr=C3=BC=C3=9Fe?="
        return self._delivery._deliver_to_recipients(LIST, message, metadata, ["ben@example.com"])


@pytest.mark.parametrize("error", REFUSALS)
def test_a_refused_post_is_no_bounce_and_the_owners_are_informed(error):
    outbound = Outbound(error)
    with pytest.raises(MessageRefused, match=r"^55[24] 5"):
        outbound.send(to_list=True)
    ((mlist, subject, text),) = outbound.notices
    assert mlist is LIST
    assert subject == "A message to ants@example.com was not sent"
    assert "From:    Ana <ana@example.com>\n    Subject: Grüße\n    Reason:  55" in text
    assert "Message size exceeds limit" in text or "mime-error" in text


@pytest.mark.parametrize("error", OTHERS)
def test_any_other_error_is_mailman_s(error):
    outbound = Outbound(error)
    assert outbound.send(to_list=True).keys() == {"ben@example.com"}
    assert outbound.notices == []


def test_a_refused_notice_leads_to_no_other_notice():
    outbound = Outbound(REFUSALS[0])
    with pytest.raises(MessageRefused):
        outbound.send()
    assert outbound.notices == []

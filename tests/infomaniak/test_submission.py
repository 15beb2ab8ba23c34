"""The submission service says yes to what the real one takes, and no in every way that it has."""

import io
import smtplib
import socket
import zipfile

import pytest

from infomaniak import Received, StandIn, compose
from infomaniak.conftest import Smtp

pytestmark = pytest.mark.lab


def refusals(stand_in: StandIn, kind: str) -> int:
    return stand_in.status()["refused"].get(kind, 0)


def attach(name: str, content: bytes = b"x"):
    message = compose("test@customer.test", "ana@strict.test", "With an attachment")
    message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message


def test_a_submitted_message_arrives_signed(stand_in, submit):
    submit()
    verdicts = stand_in.wait_for_mail("ana@strict.test").verdicts
    for verdict in ("dkim=pass", "spf=pass", "dmarc=pass"):
        assert verdict in verdicts
    assert stand_in.status()["recipients"] == 1


def test_both_ports_want_tls_and_a_login(stand_in, tls):
    plain = smtplib.SMTP(stand_in.service.address, 587, timeout=20)
    plain.ehlo()
    assert not plain.has_extn("auth")
    assert plain.mail("test@customer.test")[0] == 530
    encrypted = Smtp(stand_in.service.address, 587, timeout=20)
    encrypted.starttls(context=tls)
    encrypted.ehlo()
    assert encrypted.mail("test@customer.test")[0] == 553


def test_port_465_speaks_tls_at_once(stand_in, mailbox, tls):
    plain = socket.create_connection((stand_in.service.address, 465), timeout=20)
    with tls.wrap_socket(plain, server_hostname="mail.infomaniak.com") as wrapped:
        assert wrapped.recv(4) == b"220 "


@pytest.mark.parametrize(
    ("envelope", "author"),
    [
        ("mailman@customer.test", "mailman@customer.test"),
        ("test-bounces+u=strict.test@customer.test", "test@customer.test"),
    ],
)
def test_own_addresses_may_send(submit, envelope, author):
    assert submit(envelope, author=author) == {}


@pytest.mark.parametrize("envelope", ["ana@bank.test", "other@customer.test", ""])
def test_foreign_envelope_senders_are_refused(stand_in, submit, envelope):
    with pytest.raises(smtplib.SMTPSenderRefused) as refused:
        submit(envelope)
    assert refused.value.smtp_code == 553
    assert refusals(stand_in, "sender") == 1


def test_foreign_authors_are_refused(stand_in, submit):
    with pytest.raises(smtplib.SMTPDataError) as refused:
        submit(author="Ana <ana@bank.test>")
    assert refused.value.smtp_code == 553
    assert refusals(stand_in, "from") == 1
    stand_in.set("foreign_author", "accepted")
    assert submit(author="Ana <ana@plain.test>") == {}


@pytest.mark.parametrize(
    ("switch", "envelope"),
    [("plus_sender", "test-bounces+u=strict.test@customer.test"), ("alias_sender", "test@customer.test")],
)
def test_senders_that_may_be_refused(stand_in, submit, switch, envelope):
    stand_in.set(switch, "refused")
    with pytest.raises(smtplib.SMTPSenderRefused):
        submit(envelope)


def test_at_most_100_recipients(stand_in, submit):
    refused = submit(recipients=[f"user{n}@strict.test" for n in range(101)])
    assert list(refused) == ["user100@strict.test"]
    assert refused["user100@strict.test"][0] == 452
    stand_in.wait(lambda: len(stand_in.counts()) == 100, "100 deliveries")


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
def test_the_quota_counts_recipients(stand_in, submit, stage):
    stand_in.set("quota", 3)
    stand_in.set("quota_stage", stage)
    stand_in.set("quota_reply", "550 5.7.1 Quota exceeded")
    submit(recipients=["a@strict.test", "b@strict.test", "c@strict.test"])
    with pytest.raises(smtplib.SMTPException, match="Quota exceeded"):
        submit()
    assert refusals(stand_in, "quota") == 1
    assert stand_in.status()["spent"]["mailman@customer.test"] == 3


def test_the_quota_slides(stand_in, submit):
    stand_in.set("quota", 1)
    submit()
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        submit()
    stand_in.set("quota_window", 1)
    stand_in.wait(lambda: stand_in.status()["spent"]["mailman@customer.test"] == 0, "the window to pass", 5)
    assert submit() == {}


def test_a_ban_stops_sending_and_not_receiving(stand_in, mailbox, submit):
    stand_in.set("smtpban", "on")
    with pytest.raises(smtplib.SMTPSenderRefused, match="SMTPban"):
        submit()
    stand_in.post("ana@strict.test", "test@customer.test", compose("ana@strict.test", "test@customer.test", "Hi"))
    stand_in.wait(lambda: stand_in.inbox(mailbox), "the message in the mailbox")


def zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "x")
    return buffer.getvalue()


@pytest.mark.parametrize(("name", "content"), [("run.EXE", b"x"), ("a.zip", zipped("inner.js"))])
def test_forbidden_attachments_are_refused(stand_in, submit, name, content):
    with pytest.raises(smtplib.SMTPDataError) as refused:
        submit(message=attach(name, content))
    assert refused.value.smtp_code == 554
    assert refusals(stand_in, "attachment") == 1


@pytest.mark.parametrize(("name", "content"), [("a.pdf", b"x"), ("a.zip", zipped("inner.txt")), ("broken.zip", b"x")])
def test_other_attachments_pass(submit, name, content):
    assert submit(message=attach(name, content)) == {}


def test_the_header_filter(submit):
    message = compose("test@customer.test", "ana@strict.test", "Spam", X_Spam_Flag="YES")
    with pytest.raises(smtplib.SMTPDataError, match="header rules filter"):
        submit(message=message)


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "end"])
def test_faults_are_counted_down(stand_in, submit, stage):
    stand_in.set("fault", stage)
    stand_in.set("fault_times", 1)
    with pytest.raises(smtplib.SMTPException, match="try again later"):
        submit()
    assert submit() == {}


@pytest.mark.parametrize(("fault", "copies"), [("cut_refused", 1), ("cut_accepted", 2)])
def test_cut_connections(stand_in, submit, fault, copies):
    stand_in.set("fault", fault)
    stand_in.set("fault_times", 1)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        submit()
    stand_in.wait(lambda: submits(submit), "the service to listen again", 20)
    stand_in.wait(lambda: len(stand_in.received("ana@strict.test")) == copies, f"{copies} copies")


def submits(submit) -> bool:
    try:
        return submit() == {}
    except (OSError, smtplib.SMTPException):
        return False


def is_banned(connect) -> bool:
    try:
        connect().close()
    except OSError:
        return True
    return False


def test_failed_logins_lead_to_a_ban(stand_in, mailbox, tls, connect):
    stand_in.set("banip_failures", 4)  # smtplib tries PLAIN, then LOGIN
    client = Smtp(stand_in.service.address, 587, timeout=20)
    client.starttls(context=tls)
    for _ in range(2):
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login(mailbox.login, "wrong")
    stand_in.wait(lambda: is_banned(connect), "the ban")
    stand_in.reset()
    connect()


@pytest.mark.parametrize(("position", "works"), [("imap", True), ("smtp", False), ("all", False)])
def test_refused_logins(stand_in, connect, position, works):
    stand_in.set("login_refused", position)
    if works:
        connect()
        return
    with pytest.raises(smtplib.SMTPAuthenticationError):
        connect()


def test_a_rejected_delivery_comes_back_as_a_bounce(stand_in, mailbox, submit):
    submit("test-bounces@customer.test", recipients="unknown@strict.test")
    bounce: Received = stand_in.wait(lambda: next(iter(stand_in.inbox(mailbox)), None), "the bounce")
    assert bounce["Delivered-To"] == "test-bounces@customer.test"
    assert bounce.message.get_content_type() == "multipart/report"

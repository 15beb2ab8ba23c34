"""The mailbox: what arrives, under which name, and how IMAP tells."""

import imaplib
import smtplib
import ssl

import pytest

from infomaniak import StandIn, compose

pytestmark = pytest.mark.lab


class Imap(imaplib.IMAP4_SSL):
    """A client that checks the name on the certificate, and not the address that it connects to."""

    def _create_socket(self, timeout):
        sock = imaplib.IMAP4._create_socket(self, timeout)
        return self.ssl_context.wrap_socket(sock, server_hostname="mail.infomaniak.com")


@pytest.fixture
def imap(stand_in, mailbox, tls):
    def opener() -> imaplib.IMAP4:
        client = Imap(stand_in.service.address, 993, ssl_context=tls, timeout=20)
        client.login(mailbox.login, mailbox.password)
        return client

    return opener


def post(stand_in: StandIn, *recipients: str) -> None:
    message = compose("ana@strict.test", recipients[0], "A post")
    stand_in.post("ana@strict.test", recipients, message)


def delivered_to(stand_in: StandIn, mailbox, number: int = 1) -> list[str]:
    arrived = stand_in.wait(lambda: (found := stand_in.inbox(mailbox)) and len(found) >= number and found, "the post")
    return sorted(received["Delivered-To"] for received in arrived)


@pytest.mark.parametrize(
    ("position", "address"), [("alias", "test@customer.test"), ("mailbox", "mailman@customer.test")]
)
def test_delivered_to(stand_in, mailbox, position, address):
    stand_in.set("delivered_to", position)
    post(stand_in, "test@customer.test")
    assert delivered_to(stand_in, mailbox) == [address]


@pytest.mark.parametrize(
    ("position", "address"), [("alias", "anybody@customer.test"), ("mailbox", "mailman@customer.test")]
)
def test_a_catch_all_gets_what_nobody_has(stand_in, mailbox, position, address):
    stand_in.control("alias", mailbox.login, "@customer.test")
    try:
        stand_in.set("delivered_to", position)
        post(stand_in, "anybody@customer.test")
        assert delivered_to(stand_in, mailbox) == [address]
    finally:
        stand_in.control("unalias", "@customer.test")


def test_filters_file_mail_into_folders(stand_in, mailbox, imap):
    stand_in.set("filed_into", "Promotions")
    client = imap()
    post(stand_in, "test@customer.test")
    stand_in.wait(lambda: client.status("Promotions", "(MESSAGES)")[1] == [b"Promotions (MESSAGES 1)"], "the post")
    assert stand_in.inbox(mailbox) == []


def test_mailbox_and_alias_make_two_copies(stand_in, mailbox):
    post(stand_in, "test@customer.test", "mailman@customer.test")
    assert delivered_to(stand_in, mailbox, 2) == ["mailman@customer.test", "test@customer.test"]


@pytest.mark.parametrize(
    ("position", "address"), [("accepted", "test-confirm+token@customer.test"), ("lost", "test-confirm@customer.test")]
)
def test_tagged_addresses(stand_in, mailbox, position, address):
    stand_in.set("plus_receipt", position)
    post(stand_in, "test-confirm+token@customer.test")
    assert delivered_to(stand_in, mailbox) == [address]


def test_what_the_mx_refuses(stand_in):
    stand_in.set("plus_receipt", "refused")
    client = smtplib.SMTP(stand_in.service.address, 25, timeout=20)
    client.ehlo()
    client.mail("ana@strict.test")
    assert client.rcpt("test+tag@customer.test")[0] == 550
    assert client.rcpt("nobody@customer.test")[0] == 550
    assert client.rcpt("ana@strict.test")[0] == 554
    assert client.rcpt("test@customer.test")[0] == 250


def test_removed_aliases_are_refused(stand_in, mailbox):
    stand_in.add_aliases(mailbox, "shortlived")
    stand_in.remove_aliases(mailbox, "shortlived")
    client = smtplib.SMTP(stand_in.service.address, 25, timeout=20)
    client.ehlo()
    client.mail("ana@strict.test")
    assert client.rcpt("shortlived@customer.test")[0] == 550


def test_idle_reports_new_mail(stand_in, imap):
    client = imap()
    assert "IDLE" in client.capabilities
    client.select("INBOX")
    client.send(b"x IDLE\r\n")
    assert client.readline().startswith(b"+")
    post(stand_in, "test@customer.test")
    assert client.readline() == b"* 1 EXISTS\r\n"


def test_a_connection_that_hibernates_reports_new_mail_at_once(stand_in, imap):
    stand_in.set("idle", "hibernate")
    client = imap()
    client.select("INBOX")
    client.send(b"x IDLE\r\n")
    assert client.readline().startswith(b"+")
    stand_in.wait(
        lambda: not stand_in.service.try_run("pgrep -x -u vmail imap").stdout, "the connection to hibernate", 60
    )
    post(stand_in, "test@customer.test")
    assert client.readline() == b"* 1 EXISTS\r\n"


def test_idle_can_be_missing(stand_in, imap):
    stand_in.set("idle", "off")
    assert "IDLE" not in imap().capabilities


def test_logins_can_be_refused(stand_in, imap):
    stand_in.set("login_refused", "imap")
    with pytest.raises(imaplib.IMAP4.error):
        imap()


def test_connections_are_limited(stand_in, imap):
    stand_in.set("imap_connections", 1)
    first = imap()
    with pytest.raises(imaplib.IMAP4.error):
        imap()
    first.logout()


def test_a_stranger_s_trust_store_says_no(stand_in):
    with pytest.raises(ssl.SSLCertVerificationError):
        Imap(stand_in.service.address, 993, ssl_context=ssl.create_default_context(), timeout=20)


@pytest.mark.parametrize("forged", ["kept", "removed"])
def test_verdicts_are_on_top_of_forged_ones(stand_in, mailbox, forged):
    stand_in.set("verdict", "dmarc_fail")
    stand_in.set("forged_verdicts", forged)
    message = compose("ana@strict.test", "test@customer.test", "A post")
    message["Authentication-Results"] = "mx.infomaniak.com; dmarc=pass"
    message["X-Infomaniak-Spam"] = "ham"
    stand_in.post("ana@strict.test", "test@customer.test", message)
    [arrived] = stand_in.wait(lambda: stand_in.inbox(mailbox), "the post")
    results = [value.split("; ")[1] for value in arrived.all("Authentication-Results") if "infomaniak" in value]
    assert results == ["dmarc=fail (stand-in)"] + ["dmarc=pass"] * (forged == "kept")
    assert arrived.all("X-Infomaniak-Spam") == ["ham"] * (forged == "kept")

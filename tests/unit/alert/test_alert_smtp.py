"""Alerts by another SMTP account: over TLS and with a login, or not at all."""

from __future__ import annotations

import base64
import email.policy
import json
import socketserver
import ssl
import subprocess
import threading
from email import message_from_bytes

import pytest

from listkit.alert import cli, delivery, smtp
from listkit.alert.configuration import load
from listkit.alert.message import Message

PASSWORD = "p:w @%"
NEWS = Message("lists: 1 new problem – é", "CRITICAL relay, Postfix: down\n→ `start`", urgent=True)


class Submission(socketserver.ThreadingTCPServer):
    """A mail server on loopback. tls: "smtps", "smtp" (STARTTLS), or "" for a server without TLS."""

    daemon_threads = True

    def __init__(self, tls, certificate, key):
        super().__init__(("127.0.0.1", 0), Session)
        self.tls, self.mails, self.logins, self.refused = tls, [], [], ""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def handle_error(self, *_):
        """A client that refuses the certificate hangs up."""

    def url(self, host="localhost", scheme=None):
        return f"{scheme or self.tls}://alerts@x.test@{host}:{self.port}/ana%40y.test"


class Session(socketserver.StreamRequestHandler):
    encrypted = False

    def say(self, text):
        self.wfile.write(f"{text}\r\n".encode())

    def encrypt(self):
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)
        self.encrypted = True

    def handle(self):
        if self.server.tls == "smtps":
            self.encrypt()
        self.say("220 x ESMTP")
        while line := self.rfile.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            match verb.upper():
                case "EHLO":
                    offer = "AUTH PLAIN" if self.encrypted or not self.server.tls else "STARTTLS"
                    self.say(f"250-x\r\n250 {offer}")
                case "STARTTLS":
                    self.say("220 go")
                    self.encrypt()
                case "AUTH":
                    _, login, password = base64.b64decode(rest.split()[1]).decode().split("\0")
                    self.server.logins.append((login, password))
                    self.say("235 in" if password == PASSWORD else f"535 5.7.8 {password} is wrong")
                case "DATA":
                    self.say("354 go")
                    lines = list(iter(self.rfile.readline, b".\r\n"))
                    self.server.mails.append(message_from_bytes(b"".join(lines), policy=email.policy.default))
                    self.say("250 taken")
                case "QUIT":
                    self.say("221 bye")
                case "RCPT" if self.server.refused:
                    self.say(self.server.refused)
                case _:
                    self.say("250 ok")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for `localhost`, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    made = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-out", made[0], "-keyout", made[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    return made


@pytest.fixture
def server(request, certificate, monkeypatch):
    """A mail server whose certificate this host trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    made = Submission(getattr(request, "param", "smtps"), *certificate)
    yield made
    made.shutdown()
    made.server_close()


@pytest.mark.parametrize("server", ["smtps", "smtp"], indirect=True)
def test_a_mail_is_sent_over_tls_after_a_login(server):
    delivery.send(NEWS, server.url(), PASSWORD)
    [mail] = server.mails
    assert server.logins == [("alerts@x.test", PASSWORD)]
    assert (mail["From"], mail["To"], mail["Subject"]) == ("alerts@x.test", "ana@y.test", NEWS.title)
    assert mail["Auto-Submitted"] == "auto-generated" and mail["Importance"] == "high"
    assert mail.get_content().splitlines() == NEWS.text.splitlines()


@pytest.mark.parametrize("server", [""], indirect=True)
def test_no_password_is_sent_to_a_server_without_tls(server):
    with pytest.raises(delivery.DeliveryError, match="STARTTLS"):
        delivery.send(NEWS, server.url(scheme="smtp"), PASSWORD)
    assert not server.logins


@pytest.mark.parametrize("server", ["smtps", "smtp"], indirect=True)
def test_no_password_is_sent_to_a_server_with_another_name(server):
    with pytest.raises(delivery.DeliveryError, match="certificate"):
        delivery.send(NEWS, server.url(host="127.0.0.1"), PASSWORD)
    assert not server.logins


def test_a_refused_password_is_an_error_that_does_not_show_it(server):
    with pytest.raises(delivery.DeliveryError, match="refuses login or password") as error:
        delivery.send(NEWS, server.url(), "wrong-password")
    assert "wrong-password" not in str(error.value)


def test_a_password_that_smtp_cannot_send_is_an_error(server):
    with pytest.raises(delivery.DeliveryError, match="other than ASCII"):
        delivery.send(NEWS, server.url(), "pässword")


def test_a_refused_recipient_is_an_error(server):
    server.refused = "550 5.1.1 unknown user"
    with pytest.raises(delivery.DeliveryError, match="unknown user"):
        delivery.send(NEWS, server.url(), PASSWORD)


def test_the_ports_are_those_of_the_schemes():
    found = {smtp.Account.of(f"{scheme}://a@x.test@smtp.x.test/b@y.test").port for scheme in smtp.SCHEMES}
    assert found == {465, 587}


@pytest.mark.parametrize(
    "url", ["smtps://smtp.x.test/b@y.test", "smtps://a@x.test@smtp.x.test/", "smtp://a@x.test@/b@y.test"]
)
def test_an_account_without_login_host_or_recipient_is_an_error(url):
    with pytest.raises(delivery.DeliveryError, match="LOGIN@HOST"):
        delivery.send(NEWS, url, PASSWORD)


def test_the_command_reads_the_password_from_its_file(server, monkeypatch, tmp_path):
    (tmp_path / "alert.json").write_text(json.dumps({"host": "lists"}))
    for name, value in (("alert_to", server.url()), ("alert_heartbeat", ""), ("alert_password", PASSWORD)):
        (tmp_path / name).write_text(f"{value}\n")
    monkeypatch.setattr(cli, "load", lambda: load(tmp_path / "alert.json", tmp_path))
    assert cli.main(["test"]) == 0
    assert server.mails[0]["Subject"] == "lists: test of the alerts"

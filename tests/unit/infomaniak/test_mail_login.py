"""Why a mailbox can't be logged in to, told apart without the service."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from ansible_collections.listkit.infomaniak.plugins.module_utils.mail_login import (
    Account,
    MailError,
    mailbox,
    submission,
)
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

PASSWORD = "the-device-password"


@contextmanager
def server(greeting: bytes | None) -> Iterator[int]:
    """Listen on a port, and send a greeting to everyone; None: stay silent."""
    listener = socket.create_server(("127.0.0.1", 0))
    opened = []

    def serve() -> None:
        with suppress(OSError):  # the socket is closed at the end of the test
            while True:
                connection, _client = listener.accept()
                opened.append(connection)
                if greeting is not None:
                    connection.sendall(greeting)
                    connection.shutdown(socket.SHUT_WR)

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    for each in [listener, *opened]:
        each.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def error_of(connect, **options) -> str:
    """Return the error of a connection, which never names the password."""
    account = Account(
        "mailman@example.org",
        PASSWORD,
        options.pop("host", "127.0.0.1"),
        timeout=options.pop("timeout", 0.2),
        **options,
    )
    with pytest.raises(MailError) as caught, connect(account):
        pass
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("connect", "port"), [(submission, "smtp_port"), (mailbox, "imap_port")])
def test_a_blocked_port(connect, port):
    with server(None) as silent:
        text = error_of(connect, **{port: silent})
    assert text.startswith(f"127.0.0.1:{silent}: no answer within 0.2 s.") and "security group" in text


@pytest.mark.parametrize(("connect", "port"), [(submission, "smtp_port"), (mailbox, "imap_port")])
def test_a_port_where_nothing_listens(connect, port):
    assert "nothing listens there. Check mail_host and mail_port." in error_of(connect, **{port: free_port()})


@pytest.mark.parametrize("connect", [submission, mailbox])
def test_a_name_without_an_address(connect):
    assert "the name has no address" in error_of(connect, host="mail.invalid")


def test_a_server_without_encryption_never_gets_the_password():
    with server(b"220 mail ESMTP\r\n250-mail\r\n250 AUTH PLAIN\r\n") as port:
        assert "STARTTLS" in error_of(submission, smtp_port=port)


def test_a_server_that_is_another_program():
    with server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        assert f"127.0.0.1:{port}: " in error_of(mailbox, imap_port=port)


def certificate(name: str, days: int) -> tuple[str, str]:
    """A self-signed certificate of a name, which expires in as many days, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    built = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=90))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))]), critical=False)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return built.public_bytes(Encoding.PEM).decode(), private.decode()


@pytest.mark.parametrize(
    ("name", "days", "reason"),
    [
        ("127.0.0.1", -1, "certificate has expired"),
        ("127.0.0.2", 30, "IP address mismatch"),
    ],
)
def test_reasons_why_a_certificate_is_not_valid_are_distinguished(tmp_path: Path, name: str, days: int, reason: str):
    public, private = certificate(name, days)
    (tmp_path / "server.pem").write_text(public + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        # The client refuses the certificate.
        with suppress(OSError), listener.accept()[0] as connection:
            context.wrap_socket(connection, server_side=True)

    threading.Thread(target=serve, daemon=True).start()
    with listener:
        text = error_of(mailbox, imap_port=listener.getsockname()[1], authority=public, timeout=20)
    assert f"the certificate isn't trusted: {reason}" in text and "host's clock" in text

"""A customer with an empty mailbox and all switches in their default positions, for every test."""

import smtplib
import ssl
from collections.abc import Callable, Iterator
from email.message import EmailMessage

import pytest

from infomaniak import Mailbox, StandIn, compose
from infomaniak.service import POSTFIX_IDLE

Submit = Callable[..., dict]


@pytest.fixture(scope="session")
def mailbox(stand_in: StandIn) -> Mailbox:
    """The customer's mailbox, with the aliases of a list `test`."""
    made = stand_in.add_mailbox("mailman@customer.test")
    stand_in.add_list_aliases(made, "test")
    return made


@pytest.fixture(autouse=True)
def clean(stand_in: StandIn, mailbox: Mailbox) -> Iterator[None]:
    """Every test starts with defaults and empty mailboxes."""
    stand_in.reset()
    for host in (stand_in.service, stand_in.strict):
        host.wait_until(POSTFIX_IDLE, f"an empty queue on {host.name}", 60)
    stand_in.forget()
    stand_in.service.run(f"rm -rf /var/vmail/{mailbox.login}/Maildir")
    yield
    stand_in.reset()


@pytest.fixture(scope="session")
def tls(stand_in: StandIn) -> ssl.SSLContext:
    """Trust in the stand-in's authority and in nobody else."""
    return ssl.create_default_context(cafile=stand_in.ca_file)


class Smtp(smtplib.SMTP):
    """A client that checks the name on the certificate, and not the address that it connects to."""

    def connect(self, host: str = "localhost", port: int = 0, source_address=None):
        answer = super().connect(host, port, source_address)
        self._host = "mail.infomaniak.com"
        return answer


@pytest.fixture
def connect(stand_in: StandIn, mailbox: Mailbox, tls: ssl.SSLContext) -> Iterator[Callable[[], smtplib.SMTP]]:
    """Opens logged-in connections to the submission service."""
    opened = []

    def opener() -> smtplib.SMTP:
        client = Smtp(stand_in.service.address, 587, timeout=20)
        opened.append(client)
        client.starttls(context=tls)
        client.login(mailbox.login, mailbox.password)
        return client

    yield opener
    for client in opened:
        client.close()


@pytest.fixture
def submit(connect: Callable[[], smtplib.SMTP]) -> Submit:
    """Submits a message as the customer; smtplib's exceptions are the service's refusals."""

    def sender(
        envelope: str = "test@customer.test",
        recipients: str | list[str] = "ana@strict.test",
        message: EmailMessage | None = None,
        author: str = "Test <test@customer.test>",
    ) -> dict:
        message = message or compose(author, "ana@strict.test", "A message")
        return connect().sendmail(envelope, recipients, message.as_bytes())

    return sender

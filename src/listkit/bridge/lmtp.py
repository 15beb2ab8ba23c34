"""Mailman's LMTP server, over one connection that is opened when it is needed."""

from __future__ import annotations

from collections.abc import Iterable

from listkit.bridge.metrics import Metrics
from listkit.bridge.smtp import Reply, SmtpConnection, SmtpError
from listkit.common.endpoints import Endpoint

# Mailman answers after it has parsed and stored the message: minutes for a huge one on a busy host.
TIMEOUT_SECONDS = 300


class MailmanUnavailable(Exception):
    """Mailman can't be reached: no message can be delivered for now.

    with_message: the connection broke in the middle of a message, which may itself be the cause.
    """

    def __init__(self, text: str, *, with_message: bool) -> None:
        super().__init__(text)
        self.with_message = with_message


class MailmanLmtp:
    """Hands messages to Mailman."""

    def __init__(self, server: Endpoint, metrics: Metrics) -> None:
        self._server = server
        self._metrics = metrics
        self._connection: SmtpConnection | None = None

    def connect(self) -> SmtpConnection:
        """Connect to Mailman, unless connected. Raises `MailmanUnavailable`."""
        # A message may take longer to fetch than Mailman's server waits for a command.
        if self._connection is not None and not self._connection.answers():
            self._drop()
        if self._connection is None:
            try:
                self._connection = SmtpConnection(self._server.host, self._server.port, "LHLO", TIMEOUT_SECONDS)
            except SmtpError as error:
                self._metrics.set("mailman_up", 0)
                raise MailmanUnavailable(str(error), with_message=False) from error
        return self._connection

    def deliver(self, sender: str, recipient: str, blocks: Iterable[bytes]) -> Reply:
        """Hand over a message to one recipient; return Mailman's answer. Raises `MailmanUnavailable`."""
        connection = self.connect()
        try:
            reply = connection.deliver(sender, recipient, blocks)
        except BaseException as error:
            # In the middle of DATA the next command would become part of the message.
            self._drop()
            if not isinstance(error, SmtpError):
                raise
            self._metrics.set("mailman_up", 0)
            raise MailmanUnavailable(str(error), with_message=True) from error
        self._metrics.set("mailman_up", 1)
        return reply

    def disconnect(self) -> None:
        """Close the connection until it is needed again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.drop()
            self._connection = None

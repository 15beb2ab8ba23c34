"""Mailman's LMTP runner, which accepts each delivery of the bridge once, and never refuses mail for a temporary reason.

The bridge puts `X-Listkit-Delivery: <id>` before a message, as its very first line; a line of that name further down is
the sender's and means nothing. A delivery is that id and one recipient. Mailman never sees the line.
"""

import copy
import email
import logging
import threading
from contextlib import contextmanager
from pathlib import Path

from mailman.config import config
from mailman.core.switchboard import Switchboard
from mailman.database.transaction import transactional
from mailman.email.message import Message
from mailman.interfaces.listmanager import IListManager
from mailman.runners import lmtp
from public import public
from zope.component import getUtility

from listkit.mailman.deliveries import Deliveries
from listkit.mailman.poison_messages import Failures

HEADER = b"X-Listkit-Delivery: "
LONGEST_LINE = 1024 * 1024
"""Octets of a line that the server accepts; aiosmtpd's own limit of 1001 refuses mail that other servers pass on."""
LARGEST_MESSAGE = 64 * 1024 * 1024
"""Octets of a message that the server accepts; aiosmtpd's own limit is 32 MiB. The mail service delivers 201 MB, but
while Mailman accepts a message it needs ten times its size in memory, and the smallest host has 2 GiB. It is more than
the relay sends on, so that Mailman itself informs the author of a message that can't be sent."""

TRY_AGAIN = "451 4.3.0 Mailman cannot accept this now"
TAKEN = "250 2.0.0 Ok"

log = logging.getLogger("mailman.smtp")


def split_delivery(content: bytes) -> tuple[str | None, bytes]:
    """Return the bridge's delivery id, or None, and the message without it."""
    if not content.startswith(HEADER):
        return None, content
    line, _, message = content.partition(b"\n")
    return line[len(HEADER) :].strip().decode("ascii", "replace"), message


class StagingSwitchboards:
    """Stands in for Mailman's queues while one message is handed over, and keeps what would have been queued."""

    def __init__(self, directory: Path):
        self._directory = directory
        self.staged: tuple[str, str] | None = None
        self.error: Exception | None = None

    def __getitem__(self, queue):
        return _StagingSwitchboard(queue, self)

    def stage(self, queue, message, metadata):
        """Write the queue file into the staging directory. Raises what the disk raised, and remembers it."""
        try:
            name = Switchboard(queue, str(self._directory)).enqueue(message, metadata)
        except Exception as error:
            self.error = error
            raise
        self.staged = (queue, f"{name}.pck")


class _StagingSwitchboard:
    def __init__(self, queue, owner):
        self._queue, self._owner = queue, owner

    def enqueue(self, message, metadata):
        """See `ISwitchboard`."""
        self._owner.stage(self._queue, message, metadata)


@contextmanager
def switchboards(replacement):
    """Let Mailman's code see `replacement` as its queues. The server handles one message at a time, in one thread."""
    present = config.switchboards
    config.switchboards = replacement
    try:
        yield replacement
    finally:
        config.switchboards = present


class Handler(lmtp.LMTPHandler):
    """Mailman's handler, one recipient at a time."""

    def __init__(self):
        self._taking = threading.Lock()
        self._failures = Failures()
        self._deliveries = Deliveries(Path(config.DATA_DIR) / "deliveries", Path(config.QUEUE_DIR))
        recovered = self._deliveries.recover()
        if recovered:
            log.info("took %d messages over that a crash had left between acceptance and queue", recovered)

    def close(self):
        """Finish the current message, and accept no other: the process is about to end."""
        self._taking.acquire()

    async def handle_exception(self, error):
        """Answer an uncaught error; aiosmtpd's own answer is a 500."""
        log.error("LMTP: %r", error, exc_info=error)
        return TRY_AGAIN

    async def handle_DATA(self, server, session, envelope):
        """Accept the message for each recipient by itself; RFC 2033 wants an answer for each."""
        delivery, message = split_delivery(envelope.content)
        with self._taking:
            answers = [self._take(delivery, self._single(envelope, to, message)) for to in envelope.rcpt_tos]
        return lmtp.CRLF.join(answers)

    @staticmethod
    def _single(envelope, recipient, message):
        single = copy.copy(envelope)
        single.content, single.rcpt_tos = message, [recipient]
        return single

    def _take(self, delivery, envelope):
        """Return the answer for an envelope with one recipient."""
        name = f"{delivery}\n{envelope.rcpt_tos[0]}"
        try:
            answer = self._take_once(name, envelope) if delivery else self._judged(envelope)
        except Exception as error:
            log.exception("LMTP: delivery %s", delivery)
            return (delivery and self._failures.refusal(name, error)) or TRY_AGAIN
        self._failures.forget(name)
        return answer

    def _take_once(self, name, envelope):
        answer = None

        def stage():
            nonlocal answer
            with switchboards(StagingSwitchboards(self._deliveries.staging)) as queues:
                answer = self._judged(envelope)
            if queues.error:
                raise queues.error
            return queues.staged

        taken = self._deliveries.take(name, stage)
        if answer is None:
            log.info("delivery %s to %s came again and is not posted again", *name.split("\n"))
        return TAKEN if taken else answer

    def _judged(self, envelope):
        """Return Mailman's answer; a 550 for a list that exists is an error of its own, no reason to reject mail."""
        answer = self._handle_DATA(None, None, envelope)
        if answer.startswith("451"):
            # Mailman doesn't report the error. If it was the parsing, it occurs here, too.
            email.message_from_bytes(envelope.content, Message)
        if answer.startswith("550") and self._is_list_address(envelope.rcpt_tos[0]):
            return TRY_AGAIN
        return answer

    @staticmethod
    @transactional
    def _is_list_address(address):
        name, subaddress, domain = lmtp.split_recipient(address.lower())
        names = set(getUtility(IListManager).names)
        candidates = {f"{name}@{domain}", f"{name}-{subaddress}@{domain}" if subaddress else f"{name}@{domain}"}
        return bool(names & candidates)


class Server(lmtp.LMTP):
    """aiosmtpd's LMTP server, for mail as it is."""

    line_length_limit = LONGEST_LINE


class Controller(lmtp.LMTPController):
    """Runs the server in a thread of its own."""

    def factory(self):
        """Return the server of one connection."""
        server = Server(self.handler, data_size_limit=LARGEST_MESSAGE)
        server.__ident__ = "GNU Mailman LMTP runner, listkit"
        return server


@public
class LMTPRunner(lmtp.LMTPRunner):
    """See `IRunner`; `listkit.mailman.patches.lmtp_once` puts it in the place of Mailman's."""

    def __init__(self, name, slice=None):
        super().__init__(name, slice)
        self.lmtp = Controller(Handler(), hostname=config.mta.lmtp_host, port=int(config.mta.lmtp_port))

    def run(self):
        """See `IRunner`. A message that is being taken is taken to its end before the runner ends."""
        try:
            super().run()
        finally:
            self.lmtp.handler.close()

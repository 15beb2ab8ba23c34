"""One message's way: from the spool to each of its recipients, each exactly once."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from listkit.bridge import owner
from listkit.bridge.address import AddressBook
from listkit.bridge.config import Configuration, Mailbox
from listkit.bridge.journal import Journal
from listkit.bridge.known_lists import KnownLists
from listkit.bridge.message import (
    Head,
    HeadTooLarge,
    content_identity,
    delivery_id,
    envelope_sender,
    read_head,
    rendered,
)
from listkit.bridge.metrics import Metrics
from listkit.bridge.policy import RECIPIENTS_AT_MOST, Fate, Verdict, fate, verdict
from listkit.bridge.routing import Route, route
from listkit.bridge.transfer import Reply, Transfer, TransferError

# Mailman answers after it has parsed and stored the message: minutes for a huge one on a busy host.
_LMTP_TIMEOUT_SECONDS = 300
_OWNER = "the site owner"


class MailmanAway(Exception):
    """Mailman can't be reached: no message can be delivered for now.

    with_message: it had begun to take a message; that one may be what it can't bear.
    """

    def __init__(self, text: str, *, with_message: bool) -> None:
        super().__init__(text)
        self.with_message = with_message


@dataclass(slots=True)
class Incoming:
    """A message that was read from the mailbox.

    spool: the whole message, normalised. seen: when it was first seen (`time.monotonic`). beat: called before each
    delivery, to tell that it gets on. times_550: how often Mailman answered 550 to it before. replay: see
    `delivery_id`.
    """

    spool: BinaryIO
    internal_date: str
    seen: float
    beat: Callable[[], None] = lambda: None
    times_550: int = 0
    replay: str = ""


@dataclass(slots=True)
class Outcome:
    """What became of a message: its fate, and for the log its Message-ID, how it was routed and a note a recipient."""

    fate: Fate
    message_id: str = ""
    via: str = ""
    notes: list[str] = field(default_factory=list)
    met_550: bool = False


@dataclass(frozen=True, slots=True)
class _Letter:
    """An incoming message with its header read and its content named."""

    incoming: Incoming
    head: Head
    identity: bytes


# Makes the delivery of that name; says what that came to, and what the server answered.
_Attempt = Callable[[str], tuple[Verdict, object]]


class InFlight:
    """The deliveries that some thread is making at this moment: two mailboxes may hold copies of one message."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deliveries: set[str] = set()

    @contextlib.contextmanager
    def claim(self, delivery: str) -> Iterator[bool]:
        """Yield whether the delivery is ours to make; False while another thread makes it."""
        with self._lock:
            ours = delivery not in self._deliveries
            if ours:
                self._deliveries.add(delivery)
        try:
            yield ours
        finally:
            if ours:
                with self._lock:
                    self._deliveries.discard(delivery)


class Postman:
    """Delivers one mailbox's messages."""

    def __init__(
        self,
        configuration: Configuration,
        mailbox: Mailbox,
        lists: KnownLists,
        journal: Journal,
        in_flight: InFlight,
        metrics: Metrics,
    ) -> None:
        self._configuration = configuration
        self._mailbox = mailbox
        self._lists = lists
        self._journal = journal
        self._in_flight = in_flight
        self._metrics = metrics
        names = configuration.site_owner.local_parts if configuration.site_owner else ()
        domains = set(configuration.domains.values())
        self._owners = frozenset(f"{name}@{domain}" for name in names for domain in domains)
        self._lmtp: Transfer | None = None
        self.last_taken = float("-inf")  # when Mailman last took a message, by time.monotonic

    def handle(self, incoming: Incoming) -> Outcome:
        """Bring a message to everybody who gets it and say what became of it.

        Raises `MailmanAway`.
        """
        try:
            head = read_head(incoming.spool)
        except HeadTooLarge as error:
            return Outcome(Fate.FAILED, notes=[str(error)])
        outcome = Outcome(Fate.UNROUTED, message_id=head.first("message-id"))
        found, certain = self._route(head, incoming.seen)
        outcome.via = found.via
        if not found.has_home:
            return self._without_home(outcome, found, certain)
        if len(found.recipients) > RECIPIENTS_AT_MOST:
            outcome.notes.append(f"names {len(found.recipients)} addresses of lists, of at most {RECIPIENTS_AT_MOST}")
            return outcome
        letter = _Letter(incoming, head, content_identity(head, incoming.spool, incoming.internal_date))
        verdicts = [self._to_list(letter, recipient, outcome) for recipient in found.recipients]
        if found.to_owner:
            verdicts += self._to_owner(letter, outcome)
        if found.unknown and not certain:
            outcome.notes.append(f"{', '.join(found.unknown[:5])}: Mailman doesn't tell whether that is a list")
            verdicts.append(Verdict.AGAIN)
        if verdicts:
            outcome.fate = fate(verdicts)
        return outcome

    def connect(self) -> Transfer:
        """Connect to Mailman, unless that is done. Raises `MailmanAway`."""
        # A message may take longer to fetch than Mailman's server waits for a command.
        if self._lmtp is not None and not self._lmtp.answers():
            self._drop()
        if self._lmtp is None:
            server = self._configuration.lmtp
            try:
                self._lmtp = Transfer(server.host, server.port, "LHLO", _LMTP_TIMEOUT_SECONDS)
            except TransferError as error:
                self._metrics.set("mailman_up", 0)
                raise MailmanAway(str(error), with_message=False) from error
        return self._lmtp

    def rest(self) -> None:
        """Nothing more to do for now: let the connection to Mailman go."""
        if self._lmtp is not None:
            self._lmtp.close()
            self._lmtp = None

    def _drop(self) -> None:
        if self._lmtp is not None:
            self._lmtp.drop()
            self._lmtp = None

    def _route(self, head: Head, seen: float) -> tuple[Route, bool]:
        """Route a message; the second value says whether "nobody has this address" may be believed."""
        fields = head.pairs()
        headers = self._configuration.envelope_headers
        found = route(fields, self._book(), headers)
        if found.has_home and not found.unknown:
            return found, True
        certain = self._lists.refresh(seen)
        return route(fields, self._book(), headers), certain

    def _book(self) -> AddressBook:
        return AddressBook(
            lists=self._lists.addresses,
            suffixes=self._configuration.list_suffixes,
            domains=self._configuration.domains,
            mailbox=self._mailbox.account,
            owners=self._owners,
        )

    def _without_home(self, outcome: Outcome, found: Route, certain: bool) -> Outcome:
        if not certain:
            outcome.fate = Fate.WAITS
            outcome.notes.append("Mailman doesn't tell its lists, so it isn't sure that nobody has this address")
        elif found.unknown:
            outcome.notes.append(f"nobody has {', '.join(found.unknown[:5])}")
        else:
            outcome.notes.append("names no address of ours")
        return outcome

    def _to_list(self, letter: _Letter, recipient: str, outcome: Outcome) -> Verdict:
        def attempt(delivery: str) -> tuple[Verdict, object]:
            reply = self._hand_over(letter, recipient, delivery)
            return self._decide(letter, recipient, reply, outcome), reply

        decided, new = self._once(letter, recipient, outcome, attempt)
        if new:
            self.last_taken = time.monotonic()
            self._metrics.add("delivered_total", mailbox=self._mailbox.account)
        return decided

    def _once(self, letter: _Letter, recipient: str, outcome: Outcome, attempt: _Attempt) -> tuple[Verdict, bool]:
        """Make a delivery unless it was made before, or is being made; the second value says whether it was now."""
        letter.incoming.beat()
        delivery = delivery_id(letter.identity, recipient, letter.incoming.replay)
        with self._in_flight.claim(delivery) as ours:
            if not ours:
                outcome.notes.append(f"{recipient}: a copy of it is being delivered")
                return Verdict.AGAIN, False
            if self._journal.is_delivered(delivery):
                self._metrics.add("duplicates_total", mailbox=self._mailbox.account)
                outcome.notes.append(f"{recipient}: delivered before as {delivery}")
                return Verdict.TAKEN, False
            decided, answer = attempt(delivery)
            if decided is Verdict.TAKEN:
                self._journal.record_delivered(delivery, recipient)
            outcome.notes.append(f"{recipient}: {decided.value} as {delivery} ({answer})")
            return decided, decided is Verdict.TAKEN

    def _hand_over(self, letter: _Letter, recipient: str, delivery: str) -> Reply:
        blocks = rendered(letter.head, letter.incoming.spool, delivery, letter.identity, self._mailbox.domain)
        lmtp = self.connect()
        try:
            reply = lmtp.deliver(envelope_sender(letter.head), recipient, blocks)
        except BaseException as error:
            # In the middle of DATA the next command would become part of the message.
            self._drop()
            if not isinstance(error, TransferError):
                raise
            self._metrics.set("mailman_up", 0)
            raise MailmanAway(str(error), with_message=True) from error
        self._metrics.set("mailman_up", 1)
        return reply

    def _decide(self, letter: _Letter, recipient: str, reply: Reply, outcome: Outcome) -> Verdict:
        exists: bool | None = None
        if reply.code == 550:
            outcome.met_550 = True
            if self._lists.refresh(time.monotonic()):
                exists = bool(self._book().meaning(recipient).recipient)
        return verdict(reply.code, list_exists=exists, times_550=letter.incoming.times_550)

    def _to_owner(self, letter: _Letter, outcome: Outcome) -> list[Verdict]:
        """Send a message on to the site owner; an empty list means that it stays where a human finds it."""
        site_owner = self._configuration.site_owner
        if site_owner is None:
            return []
        reason = owner.reason_to_keep(letter.head)
        if self._book().meaning(site_owner.address).recipient or self._book().is_owner(site_owner.address):
            reason = f"the site owner's address {site_owner.address} is itself read by the bridge"
        if reason:
            outcome.notes.append(f"{_OWNER}: {reason}")
            return []

        def attempt(_delivery: str) -> tuple[Verdict, object]:
            try:
                reply = self._send_on(letter, site_owner.address)
            except TransferError as error:
                return Verdict.AGAIN, error
            return verdict(reply.code, list_exists=False, times_550=0), reply

        decided, new = self._once(letter, site_owner.address, outcome, attempt)
        if new:
            self._metrics.add("owner_total", mailbox=self._mailbox.account)
        return [decided]

    def _send_on(self, letter: _Letter, address: str) -> Reply:
        relay = self._configuration.site_owner.relay
        connection = Transfer(relay.host, relay.port, "EHLO", _LMTP_TIMEOUT_SECONDS)
        try:
            blocks = owner.forwarded(letter.head, letter.incoming.spool, self._mailbox.account)
            reply = connection.deliver(self._mailbox.account, address, blocks)
        except BaseException:
            connection.drop()
            raise
        connection.close()
        return reply

"""Delivers one spooled message to each of its recipients, exactly once."""

from __future__ import annotations

import email
import email.message
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import IO

from ansible_collections.listkit.infomaniak.plugins.module_utils import dkim

from listkit.bridge import owner
from listkit.bridge.address import AddressBook
from listkit.bridge.addressee import Addressee
from listkit.bridge.config import Configuration, Mailbox
from listkit.bridge.handover import made_message_id, rendered
from listkit.bridge.identity import content_identity, delivery_id
from listkit.bridge.in_flight import InFlight
from listkit.bridge.journal import Journal
from listkit.bridge.known_lists import KnownLists
from listkit.bridge.lmtp import MailmanLmtp
from listkit.bridge.metrics import Metrics
from listkit.bridge.policy import RECIPIENTS_AT_MOST, DeliveryStatus, Disposition, delivery_status, disposition_of
from listkit.bridge.routing import Route, route
from listkit.bridge.smtp import Reply, SmtpConnection, SmtpError
from listkit.common import canary, former_lists, provider_marks, round_trip, submission_rules
from listkit.common.endpoints import Endpoint
from listkit.common.message.addresses import addresses_in
from listkit.common.message.automatic import is_automatic, is_automatic_reply
from listkit.common.message.cleaning import CleanMessage, clean, text
from listkit.common.message.header import Header, HeaderTooLarge, envelope_sender, read_header
from listkit.common.vouching import vouched_author

_RELAY_TIMEOUT_SECONDS = 300
_LONGEST_SUBJECT = 200
_OWNER = "the site owner"
# Bounces are counted, and owners read what programs write to them.
_NO_COMMANDS = frozenset({"owner", "bounces"})


@dataclass(slots=True)
class Incoming:
    """A message that was read from the mailbox.

    spool: the whole message, with normalised lines. seen: when its folder was listed (`time.monotonic`).
    beat: called before each delivery, to report progress. times_550: how often Mailman answered 550 to it before.
    replay: see `delivery_id`.
    """

    spool: IO[bytes]
    internal_date: str
    seen: float
    beat: Callable[[], None] = lambda: None
    times_550: int = 0
    replay: str = ""


@dataclass(slots=True)
class Outcome:
    """The outcome of a message.

    message_id, via (the header that it was routed by) and notes (one for each recipient) are for the log.
    met_550: Mailman answered 550 for a recipient.
    author, subject and addressee are for the report of a refusal; is_reported is False for what the report itself may
    have caused. owners: of the list, or the site owner. is_discarded: Mailman discards it, since a program wrote it.
    """

    disposition: Disposition
    message_id: str = ""
    via: str = ""
    notes: list[str] = field(default_factory=list)
    met_550: bool = False
    author: str = ""
    subject: str = ""
    addressee: Addressee = field(default_factory=Addressee)
    owners: Addressee = field(default_factory=Addressee)
    is_reported: bool = True
    is_discarded: bool = False


@dataclass(frozen=True, slots=True)
class _Message:
    """An incoming message: its header as it arrived, its cleaned form, and the identity of its content."""

    incoming: Incoming
    header: Header
    clean: CleanMessage
    identity: bytes


# Makes the delivery of that id; returns its status and the server's answer.
_Attempt = Callable[[str], tuple[DeliveryStatus, object]]


class DeliveryAgent:
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
        self.mailman = MailmanLmtp(configuration.lmtp, metrics)
        names = configuration.site_owner.local_parts if configuration.site_owner else ()
        domains = set(configuration.domains.values())
        self._owners = frozenset(f"{name}@{domain}" for name in names for domain in domains)
        self.last_accepted = float("-inf")  # when Mailman last accepted a message, by time.monotonic

    def handle(self, incoming: Incoming) -> Outcome:
        """Deliver a message to all its recipients.

        Raises `MailmanUnavailable`.
        """
        try:
            header = read_header(incoming.spool)
        except HeaderTooLarge as error:
            return Outcome(Disposition.FAILED, notes=[str(error)])
        outcome = Outcome(Disposition.UNROUTED, message_id=header.first("message-id"))
        if address := self._tested_address(header):
            outcome.disposition = Disposition.DELETED
            outcome.notes.append(f"{address}: {round_trip.ARRIVED}")
            return outcome
        outcome.author = next(iter(addresses_in(header.first("from"))), "")
        outcome.subject = text.shortened(text.decode(header.first_octets("subject")), _LONGEST_SUBJECT)
        found, certain = self._route(header, incoming.seen)
        outcome.via = found.via
        outcome.owners = self._owners_of(found)
        outcome.addressee = self._author_to_inform(header) or outcome.owners
        if not found.has_home:
            return self._without_home(outcome, found, certain)
        if len(found.recipients) > RECIPIENTS_AT_MOST:
            outcome.notes.append(f"names {len(found.recipients)} addresses of lists, of at most {RECIPIENTS_AT_MOST}")
            return outcome
        message = self._prepared(incoming, header)
        statuses = [self._to_list(message, recipient, outcome) for recipient in found.recipients]
        if found.to_owner:
            statuses += self._to_owner(message, outcome)
        if found.unknown and not certain:
            outcome.notes.append(f"{', '.join(found.unknown[:5])}: can't ask Mailman whether that is a list")
            statuses.append(DeliveryStatus.DEFERRED)
        if statuses:
            outcome.disposition = disposition_of(statuses)
        return outcome

    def _tested_address(self, header: Header) -> str:
        """The address that a test message of this host was sent to; empty for any other message."""
        found = header.first(round_trip.HEADER.lower())
        if not found:
            return ""
        address = next(iter(addresses_in(header.first("to"))), "")
        secret = self._configuration.rest.password
        is_ours = round_trip.is_genuine(secret, header.first("message-id"), address, found)
        return address if is_ours else ""

    def _prepared(self, incoming: Incoming, header: Header) -> _Message:
        identity = content_identity(header, incoming.spool, incoming.internal_date)
        genuine = Header(provider_marks.genuine(header.fields), header.body_offset)
        cleaned = clean(genuine, incoming.spool, incoming.internal_date, self._mailbox.domain)
        return _Message(incoming, header, cleaned, identity)

    def _owners_of(self, found: Route) -> Addressee:
        """The owners of the first list that a message is for; without one, the site owner."""
        if not found.recipients:
            return Addressee()
        local, _, domain = self._book().classify(found.recipients[0]).posting_address.rpartition("@")
        return Addressee(f"{local}-owner@{domain}")

    def _author_to_inform(self, header: Header) -> Addressee | None:
        """The author, if a notice reaches the right person and can't be one of two programs' answers to each other."""
        author = vouched_author(header.pairs())
        is_person = author and not self._is_read_here(author) and not is_automatic(_as_message(header))
        return Addressee(author, is_author=True) if is_person and self._configuration.site_owner else None

    def report(self, addressee: Addressee, octets: bytes) -> Reply:
        """Send a report of undelivered mail. Raises `MailmanUnavailable` and `SmtpError`."""
        if addressee.address and not addressee.is_author:
            return self.mailman.deliver(self._mailbox.account, addressee.address, [octets])
        site_owner = self._configuration.site_owner
        if site_owner is None or self._is_read_here(addressee.address or site_owner.address):
            return Reply(550, "there is no site owner outside of this mailbox", "report")
        # Not from the empty sender: the mail service may refuse it, so the relay drops such mail.
        recipient = addressee.address or site_owner.address
        return self._relay(site_owner.relay, self._mailbox.account, recipient, [octets])

    def _route(self, header: Header, seen: float) -> tuple[Route, bool]:
        """Route a message; the second value is False when unknown addresses may belong to lists."""
        fields = header.pairs()
        headers = self._configuration.envelope_headers
        found = route(fields, self._book(), headers)
        if found.has_home and not found.unknown:
            return found, True
        certain = self._lists.refresh(seen)
        return route(fields, self._book(), headers), certain

    def _book(self) -> AddressBook:
        return AddressBook(
            # Mailman knows which list has a former address.
            lists=self._lists.addresses.union(former_lists.read()),
            suffixes=self._configuration.list_suffixes,
            domains=self._configuration.domains,
            mailbox=self._mailbox.account,
            owners=self._owners,
        )

    def _without_home(self, outcome: Outcome, found: Route, certain: bool) -> Outcome:
        if not certain:
            outcome.disposition = Disposition.DEFERRED
            outcome.notes.append("can't ask Mailman for its lists, so the address may belong to one")
        elif found.unknown:
            outcome.notes.append(f"no such address: {', '.join(found.unknown[:5])}")
        else:
            outcome.notes.append("names no address of this site")
        return outcome

    def _to_list(self, message: _Message, recipient: str, outcome: Outcome) -> DeliveryStatus:
        def attempt(delivery: str) -> tuple[DeliveryStatus, object]:
            reply = self._hand_over(message, recipient, delivery)
            return self._decide(message, recipient, reply, outcome), reply

        decided, new = self._once(message, recipient, outcome, attempt)
        outcome.is_discarded |= decided is DeliveryStatus.DELIVERED and self._is_discarded(message.header, recipient)
        if new:
            self.last_accepted = time.monotonic()
            self._metrics.add("delivered_total", mailbox=self._mailbox.account)
        return decided

    def _is_discarded(self, header: Header, recipient: str) -> bool:
        """Whether Mailman discards the message: a program's reply to a list, or its mail to a command address."""
        message = _as_message(header)
        if recipient == self._book().classify(recipient).posting_address:
            return is_automatic_reply(message)
        suffix = recipient.partition("@")[0].partition("+")[0].rpartition("-")[2]
        return suffix not in _NO_COMMANDS and is_automatic(message)

    def _once(
        self, message: _Message, recipient: str, outcome: Outcome, attempt: _Attempt
    ) -> tuple[DeliveryStatus, bool]:
        """Make a delivery unless it was made before or is under way; the second value is True if it was made now."""
        message.incoming.beat()
        delivery = delivery_id(message.identity, recipient, message.incoming.replay)
        with self._in_flight.claim(delivery) as ours:
            if not ours:
                outcome.notes.append(f"{recipient}: a copy of it is being delivered")
                return DeliveryStatus.DEFERRED, False
            if self._journal.is_delivered(delivery):
                self._metrics.add("duplicates_total", mailbox=self._mailbox.account)
                outcome.notes.append(f"{recipient}: delivered before as {delivery}")
                return DeliveryStatus.DELIVERED, False
            decided, answer = attempt(delivery)
            if decided is DeliveryStatus.DELIVERED:
                self._journal.record_delivered(delivery, recipient)
            outcome.notes.append(f"{recipient}: {decided.value} as {delivery} ({answer})")
            return decided, decided is DeliveryStatus.DELIVERED

    def _hand_over(self, message: _Message, recipient: str, delivery: str) -> Reply:
        made_id = made_message_id(message.identity, self._mailbox.domain)
        blocks = rendered(message.clean, message.incoming.spool, delivery, made_id)
        return self.mailman.deliver(envelope_sender(message.header), recipient, blocks)

    def _decide(self, message: _Message, recipient: str, reply: Reply, outcome: Outcome) -> DeliveryStatus:
        exists: bool | None = None
        if reply.code == 550:
            outcome.met_550 = True
            if self._lists.refresh(time.monotonic()):
                exists = bool(self._book().classify(recipient).recipient)
        return delivery_status(reply.code, list_exists=exists, times_550=message.incoming.times_550)

    def _to_owner(self, message: _Message, outcome: Outcome) -> list[DeliveryStatus]:
        """Forward a message to the site owner; an empty list means that it is kept for a human instead."""
        if message.header.first(canary.HEADER.lower()):
            outcome.notes.append(f"{_OWNER}: {canary.RETURNED}")
            outcome.notes.append(canary.signature_note(_signing_keys(message.header)))
            return [DeliveryStatus.DELIVERED]
        site_owner = self._configuration.site_owner
        if site_owner is None:
            return []
        reason = owner.reason_to_keep(message.header)
        if self._is_read_here(site_owner.address):
            reason = f"the bridge itself reads the site owner's address {site_owner.address}"
        if reason:
            outcome.notes.append(f"{_OWNER}: {reason}")
            outcome.is_reported = False
            return []

        forbidden = submission_rules.rules().forbidden_extensions
        if objection := owner.objection(message.clean, forbidden):
            outcome.notes.append(f"{_OWNER}: {objection}")
            return []

        def attempt(_delivery: str) -> tuple[DeliveryStatus, object]:
            try:
                blocks = owner.forwarded(message.clean, message.incoming.spool, self._mailbox.account)
                reply = self._relay(site_owner.relay, self._mailbox.account, site_owner.address, blocks)
            except SmtpError as error:
                return DeliveryStatus.DEFERRED, error
            return delivery_status(reply.code, list_exists=False, times_550=0), reply

        decided, new = self._once(message, site_owner.address, outcome, attempt)
        if new:
            self._metrics.add("owner_total", mailbox=self._mailbox.account)
        return [decided]

    def _is_read_here(self, address: str) -> bool:
        """Whether the bridge itself reads the mail to an address."""
        return bool(self._book().classify(address).recipient) or self._book().is_owner(address)

    @staticmethod
    def _relay(relay: Endpoint, sender: str, recipient: str, blocks: Iterable[bytes]) -> Reply:
        """Send a message through the local relay. Raises `SmtpError`."""
        connection = SmtpConnection(relay.host, relay.port, "EHLO", _RELAY_TIMEOUT_SECONDS)
        try:
            reply = connection.deliver(sender, recipient, blocks)
        except BaseException:
            connection.drop()
            raise
        connection.close()
        return reply


def _signing_keys(header: Header) -> list[str]:
    """Return the names of the keys in the DNS of a message's signatures, the last one that was made first."""
    values = (field.value for field in header.fields if field.name == "dkim-signature")
    return list(dict.fromkeys(dkim.signature(value).key_name for value in values))


def _as_message(header: Header) -> email.message.Message:
    """The header as Mailman sees it; a report has no sender, which Mailman finds in X-MailFrom."""
    lines = b"".join(field.raw for field in header.fields if field.name != "x-mailfrom")
    if header.first("return-path") == "<>":
        lines += b"X-MailFrom: \r\n"
    return email.message_from_bytes(lines)

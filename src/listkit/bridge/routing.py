"""Routing: from a message's header fields to the addresses that it is for.

A pure function. The envelope header that the mail service writes decides; only where it names the mailbox itself (or
nobody of ours) are the headers that the sender wrote looked at, and of those only addresses of known lists count: a
message is never given to a stranger.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from listkit.bridge.address import AddressBook, Kind
from listkit.common.message.addresses import addresses_in, envelope_address

# Where a sender names the recipients. List-Post finds a list that was only blind-copied by another list.
SENDERS_HEADERS = ("to", "cc", "resent-to", "resent-cc", "list-post")

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Route:
    """Where a message goes.

    recipients: list addresses for Mailman, each once, in the order found.
    to_owner: whether the site owner gets it.
    via: the header that decided, for the log.
    unknown: addresses of our domains that don't exist; when this isn't empty and nothing else was found, the list of
        lists may be out of date.
    """

    recipients: tuple[str, ...] = ()
    to_owner: bool = False
    via: str = ""
    unknown: tuple[str, ...] = ()

    @property
    def has_home(self) -> bool:
        """Whether the message has a recipient."""
        return bool(self.recipients) or self.to_owner


def route(fields: Fields, book: AddressBook, envelope_headers: Iterable[str]) -> Route:
    """Find where a message goes.

    fields: (name in lower case, value) in the order in which they stand in the message.
    envelope_headers: names of the headers in which the service writes the envelope recipient, best first.
    """
    for name in envelope_headers:
        value = _topmost(fields, name.lower())
        address = envelope_address(value) if value is not None else None
        if address is None:
            continue
        found = book.classify(address)
        if found.kind is Kind.LIST:
            return Route((_with_lost_tag(found.recipient, fields, book),), via=name)
        if found.kind is Kind.OWNER:
            return Route(to_owner=True, via=name)
        if found.kind is Kind.UNKNOWN:
            return Route(via=name, unknown=(address,))
        if found.kind is Kind.MAILBOX:
            break
    return _by_senders_headers(fields, book)


def _topmost(fields: Fields, name: str) -> str | None:
    # The service prepends its header; whatever stands further down may have come with the message.
    return next((value for field, value in fields if field == name), None)


def _by_senders_headers(fields: Fields, book: AddressBook) -> Route:
    recipients: dict[str, None] = {}
    unknown: dict[str, None] = {}
    to_owner = False
    authors = {book.classify(address).posting_address for address in addresses_in(_topmost(fields, "from") or "")}
    for name, value in fields:
        if name not in SENDERS_HEADERS:
            continue
        for address in addresses_in(value):
            found = book.classify(address)
            if found.kind is Kind.LIST and found.posting_address in authors:
                # A list's own mail that came back. Of all that get it, only the site owner's address leads here.
                to_owner = True
            elif found.kind is Kind.LIST:
                recipients[found.recipient] = None
            elif book.is_owner(address):
                to_owner = True
            elif found.kind is Kind.UNKNOWN:
                unknown[address] = None
    return Route(_without_lost_tags(recipients), to_owner, "To/Cc", tuple(unknown))


def _with_lost_tag(recipient: str, fields: Fields, book: AddressBook) -> str:
    """Give `list-confirm@` its `+token` back where the service dropped it and the sender's header still has it."""
    if "+" in recipient:
        return recipient
    for other in _by_senders_headers(fields, book).recipients:
        if _untagged(other) == recipient:
            return other
    return recipient


def _without_lost_tags(recipients: Iterable[str]) -> tuple[str, ...]:
    """Drop `list-confirm@` where `list-confirm+token@` is named as well: it is the same command, once."""
    found = tuple(recipients)
    tagged = {_untagged(recipient) for recipient in found if "+" in recipient}
    return tuple(recipient for recipient in found if recipient not in tagged)


def _untagged(recipient: str) -> str:
    local, _, domain = recipient.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"

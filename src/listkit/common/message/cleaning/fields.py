"""Clean one header field, so that all programs behind the bridge read it alike."""

from __future__ import annotations

import re

from listkit.common.message.cleaning import addresses, dates, message_ids, parameters, text
from listkit.common.message.header import Field

# They list recipients.
RECIPIENTS = frozenset({"to", "cc", "bcc", "reply-to", "resent-to", "resent-cc", "resent-bcc", "mail-followup-to"})
# They name authors.
_AUTHORS = frozenset({"from", "sender", "resent-from", "resent-sender"})
_DATES = frozenset({"date", "resent-date"})
_REFERENCES = frozenset({"references", "in-reply-to"})
_PARAMETERISED = frozenset({"content-type", "content-disposition"})
# Written by mail servers: signed, or of interest to the next server only. Never text for people.
_MACHINE = frozenset({
    "received", "return-path", "delivered-to", "authentication-results", "dkim-signature", "domainkey-signature",
    "received-spf", "arc-seal", "arc-message-signature", "arc-authentication-results", "content-id", "mime-version",
})  # fmt: skip
_ENCODINGS = frozenset({
    b"7bit", b"8bit", b"binary", b"base64", b"quoted-printable", b"x-uuencode", b"uuencode", b"x-uue", b"uue",
})  # fmt: skip
_SPELLINGS = {"message-id": "Message-ID", "mime-version": "MIME-Version", "content-id": "Content-ID"}
_LONGEST_MACHINE_TEXT = 16_384


class FieldCleaner:
    """Cleans fields of messages that arrived at `domain`. envelope_sender: stands in for a From without an address."""

    def __init__(self, domain: str, envelope_sender: str) -> None:
        self._domain = domain
        self._envelope_sender = envelope_sender

    def clean(self, field: Field) -> Field | None:
        """Return the field itself when it is sound, one that is, or None when nothing is left of it."""
        octets = field.octets
        if field.name in _PARAMETERISED:
            return _parameterised(field)
        if field.name in RECIPIENTS:
            return field if addresses.is_sound(octets) else _recipients(field)
        if field.name in _AUTHORS:
            sound = addresses.is_sound(octets) and not addresses.are_several(octets)
            return field if sound else written(field.name, addresses.author(octets, self._envelope_sender))
        if field.name in _DATES:
            return self._date(field)
        if field.name == "message-id":
            # Mailman makes its hash of the white space before it, too, if it is folded.
            sound = message_ids.is_sound(field.octets.decode("ascii", "replace"))
            return field if sound else written(field.name, message_ids.normalised(field.value, self._domain))
        if field.name in _REFERENCES:
            return self._references(field)
        if field.name == "content-transfer-encoding":
            return _transfer_encoding(field)
        if field.name in _MACHINE:
            return _machine(field)
        return field if text.is_sound(octets) else _text(field)

    def _date(self, field: Field) -> Field | None:
        if dates.is_sound(field.value):
            return field
        date = dates.parsed(field.value)
        return written(field.name, dates.formatted(date)) if date else None

    def _references(self, field: Field) -> Field | None:
        if message_ids.are_sound(field.value) and text.is_sound(field.octets[: text.LONGEST_TEXT]):
            return field
        return written(field.name, "\r\n ".join(message_ids.references(field.value, self._domain)))


def written(name: str, value: str) -> Field | None:
    """Write a field; None when it has no value."""
    if not value:
        return None
    return Field(name, f"{spelled(name)}: {value}\r\n".encode("ascii"))


def spelled(name: str) -> str:
    """Spell a field's name as is customary."""
    return _SPELLINGS.get(name) or "-".join(word.capitalize() for word in name.split("-"))


def _recipients(field: Field) -> Field | None:
    return written(field.name, addresses.recipients(field.octets, with_groups=field.name == "to"))


def _text(field: Field) -> Field | None:
    decoded = text.shortened(text.decode(field.octets), text.LONGEST_TEXT)
    return written(field.name, text.encode(decoded, first_line_octets=len(field.name) + 2))


def _parameterised(field: Field) -> Field | None:
    is_type = field.name == "content-type"
    parsed = parameters.content_type(field.octets) if is_type else parameters.parse(field.octets)
    if parameters.is_sound(field.octets, parsed):
        return field
    if not is_type and parsed.value not in ("inline", "attachment"):
        parsed.value = "attachment"
    return written(field.name, parsed.rendered())


def _transfer_encoding(field: Field) -> Field | None:
    """Python reads the encoding only if the field has nothing else."""
    octets = field.octets
    name = re.sub(rb"[\s\"'_]|(?<=bit)s", b"", re.split(rb"[;,(]", octets.lower())[0])
    name = name.replace(b"-bit", b"bit")
    if name in _ENCODINGS:
        return field if octets.lower() == name else written(field.name, name.decode("ascii"))
    return _machine(field)


def _machine(field: Field) -> Field | None:
    """Remove all but ASCII from a field that only programs read."""
    octets = field.octets
    if octets.isascii() and len(octets) <= _LONGEST_MACHINE_TEXT and text.is_printable(octets):
        return field
    value = text.printable(octets.decode("ascii", "replace").replace("�", "?"))
    return written(field.name, text.encode(value[:_LONGEST_MACHINE_TEXT].replace("=?", "= ?"), len(field.name) + 2))

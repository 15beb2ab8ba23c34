"""Messages built from broken parts: cleaned, nothing that comes after the bridge can stumble over them."""

from __future__ import annotations

import email
import email.policy
import re
from email.header import decode_header, make_header
from email.utils import formataddr, getaddresses, parsedate_to_datetime

from hypothesis import example, given, settings

from broken_mail import cleaned, messages

# Header fields that Mailman and HyperKitty decode.
DECODED = ("Subject", "From", "To", "Cc", "Reply-To", "Sender", "X-Any", "Comments")


def assert_readable(octets: bytes) -> None:
    """Do with a message's header what Mailman and HyperKitty do."""
    message = email.message_from_bytes(octets)
    assert message.defects == []
    assert octets.partition(b"\r\n\r\n")[0].isascii()
    for name in DECODED:
        for value in message.get_all(name, []):
            header = make_header(decode_header(value))
            assert not set(re.sub(r"\r\n[ \t]", " ", str(header))) & set("\0\r\n")
            str(header).encode()
            make_header(decode_header(header.encode())).encode()
    for _name, address in (pairs := getaddresses(message.get_all("to", []) + message.get_all("from", []))):
        address.encode("ascii")
    assert all(formataddr(pair) for pair in pairs if pair[1])
    assert [address for _name, address in getaddresses(message.get_all("from"))] != [""]
    assert len(message.get_all("from")) == len(message.get_all("date")) == 1
    parsedate_to_datetime(message["date"]).timestamp()
    for value in message.get_all("message-id", []):
        assert " " not in value
        assert len(value) <= 254
    assert message.as_bytes()
    modern = email.message_from_bytes(octets, policy=email.policy.default)
    for name in (*DECODED, "Date", "Message-ID"):
        assert "\n" not in str(modern[name])
    # HyperKitty decodes all of them.
    assert all(str(value) is not None for value in modern.values())
    for part in modern.walk():
        assert len(part.get_filename("")) <= 255
        assert "\0" not in part.get_filename("")
        if part.get_content_maintype() == "text" and not part.is_multipart():
            part.get_payload(decode=True).decode(part.get_content_charset("ascii"), "replace")
            part.get_content()


@settings(max_examples=300, deadline=None)
@given(messages)
@example(b"Subject: =?utf-8*de?Q?a?=\r\n\r\n")
@example(b"Content-Type: multipart/mixed; boundary=BB\r\n\r\n--BB\r\n--BB\r\nContent-Type: message/rfc822\r\n")
def test_a_message_of_broken_parts_is_readable_once_it_is_cleaned(octets):
    assert_readable(cleaned(octets))


@settings(max_examples=200, deadline=None)
@given(messages)
@example(b"To: Mon, 30 Nov 2026 02:00:00 -0000 (CET (x))\r\n\r\n")
@example(b"To: =?utf-8?b?a?= ana@example.com <mailto:a@b.ch>\r\n\r\n")
@example(b"To: <ana@example.com> <>\r\n\r\n")
@example(b"Content-Type: multipart/digest; boundary=DD\r\n\r\n--DD\r\n")
@example(b"Subject: =?iso-8859-8-i?b?=00?= =?iso-8859-8-i?b?\x8d\xc0?=\r\n\r\n")
def test_cleaning_what_is_clean_changes_nothing(octets):
    once = cleaned(octets)
    assert cleaned(once) == once

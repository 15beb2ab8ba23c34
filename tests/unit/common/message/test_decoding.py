"""No header of a stranger's raises, and what can be read is read."""

import email
from email.header import Header

import pytest

from listkit.common.message import decoding

BROKEN = {
    "=?utf-8?b?a?=": "=?utf-8?b?a?=",
    "=?utf-8?q?=FF=FE?=": "=?utf-8?q?=FF=FE?=",
    "=?no-such-charset?q?Hello?=": "=?no-such-charset?q?Hello?=",
    "=?utf-8?B?SGVsbG8Ad29ybGQ=?=": "Hello world",
    "=?utf-8?q?Hello=0D=0ABcc=3A_x?=": "Hello Bcc: x",
    "Hello": "Hello",
    "=?iso-8859-1?q?Gr=FC=DFe?=": "Grüße",
    "": "",
}


@pytest.mark.parametrize(("value", "read"), BROKEN.items())
def test_a_header_is_read(value, read):
    assert decoding.text(value) == read


def test_raw_octets_are_read():
    message = email.message_from_bytes("Subject: Grüße\n\n".encode())
    assert isinstance(message["subject"], Header)
    assert decoding.text(message["subject"])


def test_no_header_is_no_text():
    assert decoding.text(None) == ""


@pytest.mark.parametrize("value", BROKEN)
def test_what_was_decoded_can_be_made_a_header_and_sent(value):
    made = decoding.make_header(decoding.decode_header(value), continuation_ws="\t")
    message = email.message.Message()
    message["Subject"] = made
    assert message.as_bytes()


def test_an_address_outside_ascii_is_shown_and_sent_nowhere():
    group = decoding.formataddr(("Jörg", "jörg@example.org"))
    assert group.endswith(":;") and group.isascii()
    assert decoding.formataddr(("Ana", "ana@example.org")) == "Ana <ana@example.org>"

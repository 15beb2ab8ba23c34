"""Cleaning at the door: what becomes of each kind of broken header and structure."""

from __future__ import annotations

import email
import email.policy
import hashlib
import tracemalloc
from email.header import decode_header, make_header
from email.utils import getaddresses
from pathlib import Path

import pytest
from test_cleaning_properties import assert_readable

from broken_mail import ARRIVED, DOMAIN, cleaned, spooled
from listkit.common.message.cleaning import clean
from listkit.common.message.header import HEADER_FIELDS, HEADER_OCTETS, HeaderTooLarge, read_header

CASES = Path(__file__).parents[3] / "e2e/cases"
SOUND = (
    b'From: =?utf-8?q?J=C3=B6rg?= <joerg@example.com>\r\nTo: "Ops, all" <ops@example.org>,\r\n ana@example.com\r\n'
    b"Subject: =?iso-8859-1?Q?Gr=FC=DFe?= aus Bern\r\nDate: Mon, 30 Nov 2026 02:00:00 +0100 (CET)\r\n"
    b"Message-ID: <1$2.a@[127.0.0.1]>\r\nIn-Reply-To: <0@example.com>\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"X-Infomaniak-Spam: spam\r\nAuthentication-Results: mx.infomaniak.com; dmarc=pass\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"
)


def header(field: bytes, body: bytes = b"Hello.\r\n") -> email.message.Message:
    """The cleaned message with this field and a sound rest."""
    name = field.partition(b":")[0].lower()
    sound = [b"From: ana@example.com", b"To: ops@example.org", b"Date: Mon, 30 Nov 2026 02:00:00 +0000"]
    rest = [line for line in sound if line.partition(b":")[0].lower() != name]
    return email.message_from_bytes(cleaned(b"\r\n".join([field, *rest, b"", body])))


def decoded(value: str) -> str:
    return str(make_header(decode_header(value.replace("\r\n ", " "))))


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.glob("*.eml")))
def test_a_case_from_the_wild_is_readable(case):
    result = cleaned((CASES / case).read_bytes())
    assert_readable(result)
    assert cleaned(result) == result


def test_a_sound_message_is_left_as_it_is_to_the_octet():
    assert cleaned(SOUND) == SOUND


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"=?utf-8?B?a?=", "a"),
        (b"=?utf-8?Q?caf=E9_zu_Bern?=", "café zu Bern"),
        (b"=?x-mac-nothing?Q?Bern?=", "Bern"),
        (b"=?utf-8?B?SGVsbG8Ad29ybGQ=?=", "Hello world"),
        (b"=?utf-8?Q?one=0D=0AX-Evil:_two?=", "one X-Evil: two"),
        (b"=?utf-8?B?R3LDvA==?= =?utf-8?B?w59l?=", "Grüße"),
        (b"=?utf-8?B?R3LD?= =?utf-8?B?vMOfZQ==?=", "Grüße"),
        (b"=?utf-8?B?R3LDvMOfZQ", "Grüße"),
        (b"=?iso-8859-1?Q?=80?= and =?utf-8?q?more", "€ and more"),
        (b"=?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3F=3D?=", "= ?utf-8?q?x?="),
        ("Grüße aus Zürich".encode(), "Grüße aus Zürich"),
        (b"Gr\xfc\xdfe \x96 Z\xfcrich", "Grüße – Zürich"),
        (b"tab\tbell\x07", "tab bell"),
        ("Grüße aus Zürich".encode()[:-5], "Grüße aus Z\ufffd"),
        (b"=?utf-8?Q?Gr=C3=BC=C3=9Fe_aus_Z=C3?=", "Grüße aus Z\ufffd"),
        (b"=?utf-8?Q?Gr=C3=BC=C3=9F\r\n e?=", "Grüße"),
        (b"=?big5?Q?=A4=A4=A4=E5=A4?=", "中文\ufffd"),
        (b"=?gb2312?B?1tDOxJVy?=", "中文時"),
        (b"=?utf-16?B?AEEAQg==?=", "AB"),
        (b"=?iso-8859-8-i?Q?=E0?=", "א"),
        (b"=?windows-874?Q?=A1?=", "ก"),
        (b"=?x-sjis?B?g2U=?=", "テ"),
    ],
)
def test_text_is_decoded_as_mail_programs_do(value, expected):
    assert decoded(header(b"Subject: " + value)["Subject"]) == expected


@pytest.mark.parametrize(
    "address",
    [b". <ana@example.com>", b"Bo <bo@x.ch>, .A <ana@example.com>", b"bo@x.ch,\r\n .ana@example.com", b"(c) ."],
)
def test_python_s_strict_parser_reads_every_name_and_address_that_begins_with_a_dot(address):
    message = email.message_from_bytes(header(b"To: " + address).as_bytes(), policy=email.policy.default)
    assert "." in str(message["To"])


def test_long_text_is_cut():
    assert decoded(header(b"Subject: " + b"word " * 1000)["Subject"]).endswith("wo...")
    assert len(decoded(header("Subject: {}".format("ü" * 5000).encode())["Subject"])) == 900


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"=?utf-8?B?a?= <bea@plain.test>", [("a", "bea@plain.test")]),
        (b"Bea Wyss", [("Bea Wyss", "return@path.example")]),
        ("jörg@plain.test".encode(), [("jörg@plain.test", "return@path.example")]),
        ("Jörg <joerg@zürich.example>".encode(), [("Jörg", "joerg@xn--zrich-kva.example")]),
        (b"", [("", "return@path.example")]),
        (b"Bea <bea@plain.test", [("Bea", "bea@plain.test")]),
        (b'"Bea <bea@plain.test>', [("Bea", "bea@plain.test")]),
        (b"a@b.example, c@d.example", [("", "a@b.example")]),
        (b"Team: Bea <bea@plain.test>, c@d.example;", [("Bea", "bea@plain.test")]),
        (b"<@a.test,@b.test:bea@plain.test>", [("", "bea@plain.test")]),
        (b'"=?utf-8?q?J=C3=B6rg?=" <j@plain.test>', [("Jörg", "j@plain.test")]),
    ],
)
def test_an_author_always_has_an_address(value, expected):
    path = b"Return-Path: <return@path.example>\r\n"
    message = header(b"From: " + value + b"\r\n" + path.rstrip())
    pairs = getaddresses(message.get_all("From"))
    assert [(decoded(name), address) for name, address in pairs] == expected


def test_of_several_authors_the_original_is_kept():
    assert header(b"From: a@b.example, Bo <c@d.example>")["X-Original-From"] == "a@b.example, Bo <c@d.example>"


def test_an_author_without_any_address_is_shown():
    assert header(b"From: Bea Wyss")["From"] == "Bea Wyss <unknown@unknown.invalid>"


def test_a_long_name_is_cut():
    ((name, address),) = getaddresses(header(b'From: "' + b"Name " * 200 + b'" <bea@plain.test>').get_all("From"))
    assert len(name) <= 120
    assert address == "bea@plain.test"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"Vorstand", "Vorstand:;"),
        (b"", "undisclosed-recipients:;"),
        (b"undisclosed-recipients:;", "undisclosed-recipients:;"),
        (b"Members; ops@example.org", "Members:;, ops@example.org"),
        (b"Team: a@b.example, c@d.example;", "a@b.example, c@d.example"),
        (b"root@localhost", "root@localhost"),
        (b"<ops@example.org>", "<ops@example.org>"),
    ],
)
def test_no_incomplete_recipient_is_passed_on(value, expected):
    assert header(b"To: " + value)["To"].replace("\r\n", "") == expected


def test_a_recipient_outside_ascii_is_shown_and_sent_nowhere():
    message = header("To: ops@example.org, jörg@plain.test".encode())
    assert decoded(message["To"].replace(":;", "")) == "ops@example.org, jörg@plain.test"
    message = header("Cc: jörg@plain.test, ana@example.com".encode())
    assert message["Cc"] == "ana@example.com"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"Mon, 30 Nov 99999 02:00:00 +0000", "Mon, 30 Nov 2026 02:00:00 +0000"),
        (b"", "Mon, 30 Nov 2026 02:00:00 +0000"),
        (b"Mo, 30 M\xe4r 2026 02:00:00 +0100", "Mon, 30 Nov 2026 02:00:00 +0000"),
        (b"Tue, 1 Dec 2026 02:00:00 +9900", "Mon, 30 Nov 2026 02:00:00 +0000"),
        (b"Tue, 1 Dec 2026 2:0 GMT", "Tue, 01 Dec 2026 02:00:00 +0000"),
        ("Tue, 1 Dec 2026 02:00:00 +0100 (Mitteleuropäische Zeit)".encode(), "Tue, 01 Dec 2026 02:00:00 +0100"),
    ],
)
def test_a_date_that_nothing_can_read_is_that_of_the_arrival(value, expected):
    message = header(b"Date: " + value)
    assert message["Date"] == expected


def test_the_original_of_a_replaced_date_is_kept():
    assert header(b"Date: Mon, 30 Nov 99999 02:00:00 +0000")["X-Original-Date"] == "Mon, 30 Nov 99999 02:00:00 +0000"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"<g5 case@plain.test>", "<g5case@plain.test>"),
        (b"<a@b.example> (comment)", "<a@b.example>"),
        (b"a@b.example", "<a@b.example>"),
        (b"<[a@b.example]>", "<a@b.example>"),
        (
            b"<" + b"g" * 300 + b"@b.example>",
            f"<{hashlib.sha256(b'g' * 300 + b'@b.example').hexdigest()[:32]}@{DOMAIN}>",
        ),
        (b"<\xe9@b.example>", f"<{hashlib.sha256(b'%c@b.example' % 0xE9).hexdigest()[:32]}@{DOMAIN}>"),
    ],
)
def test_an_id_has_one_hash_and_answers_still_find_it(value, expected):
    message = header(b"Message-ID: " + value)
    assert message["Message-ID"] == expected
    bracketed = value if value.startswith(b"<") else b"<" + value + b">"
    assert header(b"References: <0@b.example> " + bracketed)["References"].split()[1] == expected


@pytest.mark.parametrize("written", [b"Message-ID:\r\n <a@b>", b"Message-ID: <a@b> ", b"Message-ID:\r\n\t<a@b>"])
def test_a_folded_id_stands_on_one_line_for_mailman_makes_a_hash_of_the_fold_too(written):
    message = header(written)
    assert message["Message-ID"] == "<a@b>"
    assert "X-Original-Message-Id" not in message


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"BASE64 ", "base64"),
        (b"base64; x=y", "base64"),
        (b'"quoted-printable" (comment)', "quoted-printable"),
        (b"8-bit", "8bit"),
        (b"8bits", "8bit"),
        (b"Base64", "Base64"),
        (b"x-unknown", "x-unknown"),
    ],
)
def test_a_transfer_encoding_is_one_that_python_reads(value, expected):
    assert header(b"Content-Transfer-Encoding: " + value)["Content-Transfer-Encoding"] == expected


def test_a_long_line_is_folded_between_its_words():
    recipients = [f"person{number:03}@example.com" for number in range(200)]
    message = header(b"To: " + ", ".join(recipients).encode())
    assert [address for _name, address in getaddresses([message["To"]])] == recipients


@pytest.mark.parametrize(
    "name",
    [
        b"X-Spam-Flag",
        b"X-Spam-Status",
        b"x-spam",
        b"X-Spamd-Bar",
        b"X-Rspamd-Score",
        b"Urgent",
        b"X-Barracuda-Spam-Flag",
        b"X-OVH-SPAM",
        b"X-Forefront-Antispam-Report",
        b"X-MailScanner-SpamCheck",
        b"X-CRM114-Status",
        b"X-Spam_Flag",
    ],
)
def test_no_filters_word_is_passed_on(name):
    assert header(name + b": YES")[name.decode()] is None
    assert "X-Infomaniak-Spam" in header(b"X-Infomaniak-Spam: spam")


@pytest.mark.parametrize("name", [b"X-Caf\xe9", b""])
def test_a_field_without_an_ascii_name_does_not_end_the_header(name):
    message = header(b"From: ana@example.com\r\n" + name + b": \xe9\r\n folded\r\nSubject: hi")
    assert message["Subject"] == "hi"
    assert message.get_payload() == "Hello.\r\n"


def multipart(content_type: bytes, body: bytes) -> email.message.EmailMessage:
    top = b"From: a@b.example\r\nTo: c@d.example\r\nMIME-Version: 1.0\r\nContent-Type: " + content_type
    result = cleaned(top + b"\r\n\r\n" + body)
    assert email.message_from_bytes(result).defects == []
    return email.message_from_bytes(result, policy=email.policy.default)


PART = b"--BB\r\nContent-Type: text/plain\r\n\r\nHello.\r\n"


def test_a_missing_closing_delimiter_is_supplied_at_every_level():
    inner = b"--BB\r\nContent-Type: multipart/alternative; boundary=CC\r\n\r\n--CC\r\n\r\nInner.\r\n"
    message = multipart(b"multipart/mixed; boundary=BB", inner + PART)
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/plain",
    ]  # fmt: skip
    assert all(not part.defects for part in message.walk())


def test_a_multipart_without_boundary_is_taken_apart_where_its_parts_show_it():
    message = multipart(b"multipart/mixed", PART.replace(b"BB", b"Apart1") + b"--Apart1--\r\n")
    assert message.get_content_type() == "multipart/mixed"
    assert [part.get_content() for part in message.iter_parts()] == ["Hello."]
    message = multipart(b"multipart/mixed", b"Just text.\r\n")
    assert message.get_content_type() == "text/plain"
    assert message.get_content() == "Just text.\r\n"


@pytest.mark.parametrize("content_type", [b'multipart/mixed; boundary=""', b"multipart/mixed; boundary=XX"])
def test_a_multipart_whose_parts_cannot_be_found_becomes_text(content_type):
    message = multipart(content_type, b"Gr\xfc\xdfe\r\n")
    assert message.get_content() == "Grüße\r\n"


@pytest.mark.parametrize("boundary", [b"==_1@example.org==_", b"{a}[b]<c>*$#%&;~!^`|", b"=_?:Q:="])
def test_a_boundary_of_characters_that_it_should_not_have_is_kept(boundary):
    message = multipart(b'multipart/mixed; boundary="' + boundary + b'"', b"--" + boundary + b"\r\n\r\nHello.\r\n")
    assert message.get_boundary() == boundary.decode()
    (part,) = message.iter_parts()
    assert part.get_content() == "Hello."


def test_a_boundary_that_is_folded_is_found():
    message = multipart(b'multipart/mixed; boundary="simple\r\n boundary"', b"--simple boundary\r\n\r\none\r\n")
    assert [part.get_payload() for part in message.iter_parts()] == ["one"]


def test_fields_in_any_kind_of_message_within_are_readable():
    for kind in (b"message/partial; id=x", b"message/global", b"message/feedback-report", b"message/rfc822"):
        assert_readable(cleaned(b"Content-Type: " + kind + b"\r\n\r\nSubject: Gr\xfc\xdfe\r\n\r\nHello.\r\n"))


def test_an_empty_charset_is_none():
    assert header(b'Content-Type: text/plain; charset=""', b"Gr\xc3\xbc\xc3\x9fe").get_content_charset() == "utf-8"


def test_an_encoded_charset_is_one_with_which_python_reads_the_text():
    message = header(b"Content-Type: text/plain; charset*=utf-8''utf%2D8", "Grüße".encode())
    assert message.get_param("charset") == "utf-8"
    assert message.get_payload() == "Grüße\r\n"


def test_text_of_which_an_end_was_cut_off_is_utf_8_all_the_same():
    assert header(b"Content-Type: text/plain", "Grüße aus Zü".encode()[:-1]).get_content_charset() == "utf-8"


@pytest.mark.parametrize(
    ("charset", "expected"),
    [(b"iso-8859-8-i", "iso-8859-8"), (b"iso-2022-jp", "iso-2022-jp"), (b"x-sjis", "shift_jis")],
)
def test_a_charset_gets_the_name_that_python_knows(charset, expected):
    message = header(b"Content-Type: text/plain; name=\xfc; charset=" + charset, b"\x1b$B$3\x1b(B\r\n")
    assert message.get_content_charset() == expected


def test_a_multipart_is_never_encoded_itself():
    message = multipart(
        b"multipart/mixed; boundary=BB\r\nContent-Transfer-Encoding: quoted-printable", PART + b"--BB--\r\n"
    )
    assert "Content-Transfer-Encoding" not in message


@pytest.mark.parametrize(
    ("content_type", "octets"),
    [
        (b"text/plain", b"Gr\xfc\xdfe\r\n"),
        (b"text/plain", "Grüße\r\n".encode()),
        (b"text/plain; charset=us-ascii", b"Gr\xfc\xdfe\r\n"),
        (b"text/plain; charset=x-unknown", "Grüße\r\n".encode()),
        ('text/plain; charset="utf-8”"'.encode(), "Grüße\r\n".encode()),
        (b"text/plain; charset=unknown-8bit", b"Gr\xfc\xdfe\r\n"),
        (b"text/plain; charset*0=utf; charset*1=-8", "Grüße\r\n".encode()),
        (b"text/plain; charset=iso-2022-jp", "Grüße\r\n".encode()),
        (b"text/plain; charset=utf-7", b"Gr\xfc\xdfe\r\n"),
    ],
)
def test_text_gets_a_charset_in_which_it_can_be_read(content_type, octets):
    assert multipart(content_type, octets).get_content().strip() == "Grüße"
    part = PART.replace(b"text/plain", content_type).replace(b"Hello.\r\n", octets)
    (inner,) = multipart(b"multipart/mixed; boundary=BB", part + b"--BB--\r\n").iter_parts()
    assert inner.get_content().strip() == "Grüße"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (b'filename="=?utf-8?Q?a=00b.pdf?="', "a b.pdf"),
        (b"filename*=utf-8''a%00b.pdf", "a b.pdf"),
        (b'filename="Gr\xfc\xdfe.pdf"', "Grüße.pdf"),
        (b"filename=" + b"L" * 300 + b".pdf", "L" * 173 + "....pdf"),
        (b'filename="a.pdf', "a.pdf"),
    ],
)
def test_file_names_are_short_and_printable(written, expected):
    part = (
        b"--BB\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; "
        + written
        + b"\r\n\r\nx\r\n--BB--\r\n"
    )
    (attached,) = multipart(b"multipart/mixed; boundary=BB", part).iter_parts()
    assert attached.get_filename() == expected


def test_signed_parts_keep_their_octets():
    signed = (
        b'--BB\r\nContent-Type: text/plain; charset=x-unknown; name="=?utf-8?q?a=00?="\r\nGr\xfc\xdfe\r\n\r\n\xfc\r\n'
    )
    body = signed + b"--BB\r\nContent-Type: application/pgp-signature\r\n\r\nsignature\r\n"
    top = b'From: a@b.example\r\nTo: c@d.example\r\nContent-Type: multipart/signed; boundary=BB; protocol="x/y"\r\n\r\n'
    result = cleaned(top + body)
    assert body in result
    assert result.endswith(b"signature\r\n--BB--\r\n")


def test_parts_nested_beyond_reason_become_text():
    opened = (b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(1200))
    message = multipart(b"multipart/mixed; boundary=BB", b"--BB\r\n" + b"".join(opened) + b"\r\nHello.\r\n")
    depths = sum(part.is_multipart() for part in message.walk())
    assert 30 < depths <= 41
    # Postfix would take "--b13…" for a delimiter of "b1", and count on.
    leaf = next(part for part in message.walk() if not part.is_multipart())
    assert "\n --b138" in leaf.get_content()
    assert "\n--b" not in leaf.get_content()
    nested = b"Content-Type: message/rfc822\r\n\r\n" * 1200
    assert_readable(cleaned(nested + b"Subject: x\r\n\r\nHello.\r\n"))


CRAFTED = {
    "many fields": b"a:\r\n" * HEADER_FIELDS,
    "addresses": b"To: " + b"a@b.example, " * 75_000 + b"\r\n",
    "words": b"Subject: " + b"=?utf-8?q?a?= " * 70_000 + b"\r\n",
    "words without an end": b"Subject: " + b"=?a?q?" * 160_000 + b"\r\n",
    "quotation marks": b'To: "' + b'\\"' * 400_000 + b"\r\n",
    "parentheses": b"To: " + b"(" * 900_000 + b"\r\n",
    "references": b"References: " + b"<a@b> " * 160_000 + b"\r\n",
    "parameters": b"Content-Type: text/plain" + b"; a=b" * 190_000 + b"\r\n",
    "spaces": b"Subject: " + b"a " * 480_000 + b"\r\n",
}


@pytest.mark.parametrize("crafted", CRAFTED.values(), ids=CRAFTED.keys())
def test_a_crafted_header_costs_little_memory(crafted):
    spool = spooled(crafted[: HEADER_OCTETS - 20_000] + b"\r\n\r\nHello.\r\n")
    tracemalloc.start()
    try:
        clean(read_header(spool), spool, ARRIVED, DOMAIN)
        assert tracemalloc.get_traced_memory()[1] < 24 * 1_048_576
    finally:
        tracemalloc.stop()


def test_a_header_with_too_many_fields_is_refused():
    with pytest.raises(HeaderTooLarge, match=f"more than {HEADER_FIELDS} fields"):
        read_header(spooled(b"a:\r\n" * (HEADER_FIELDS + 1)))

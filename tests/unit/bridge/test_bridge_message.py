"""A message's form, its header, and its name."""

from __future__ import annotations

import email
import io
import itertools
import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from listkit.bridge import owner
from listkit.bridge.handover import made_message_id, rendered
from listkit.bridge.identity import content_identity, delivery_id
from listkit.common.message.cleaning import clean
from listkit.common.message.header import HEADER_OCTETS, HeaderTooLarge, envelope_sender, read_header
from listkit.common.message.lines import _LINE_END, LINE_OCTETS, LineNormaliser

POST = (
    b"Return-Path: <ana@example.com>\r\nDelivered-To: news@example.org\r\nReceived: by b\r\nReceived: by a; now\r\n"
    b"Message-ID: <1@example.com>\r\nFrom: Ana <ana@example.com>\r\nTo: news@example.org\r\nSubject: hi\r\n"
    b"\r\nHello\r\n"
)


def normalised(octets: bytes, cuts: tuple[int, ...] = ()) -> bytes:
    normaliser = LineNormaliser()
    edges = [0, *sorted(min(cut, len(octets)) for cut in cuts), len(octets)]
    return b"".join(normaliser.feed(octets[a:b]) for a, b in itertools.pairwise(edges)) + normaliser.finish()


def identity(octets: bytes, date: str = "d") -> bytes:
    spool = io.BytesIO(normalised(octets))
    return content_identity(read_header(spool), spool, date)


def handed_over(octets: bytes, delivery: str = "0" * 40) -> bytes:
    spool = io.BytesIO(normalised(octets))
    message = clean(read_header(spool), spool, "30-Nov-2026 02:00:00 +0000", "example.org")
    made_id = made_message_id(identity(octets), "example.org")
    return b"".join(rendered(message, spool, delivery, made_id))


hostile = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from(
            [
                b"\r",
                b"\n",
                b"\r\n",
                b"\r\r\n",
                b"\0",
                b".",
                b"\r\n.\r\n",
                b": ",
                b"From ",
                b"a" * 2000,
                "é".encode() * 700,
            ]
        ),
        st.sampled_from([b"Subject: x\r\n", b" folded\r\n", b"X-Listkit-Delivery: x\r\n", b"Name : x\n", b"\r\n\r\n"]),
    ),
    max_size=30,
).map(b"".join)


@given(hostile, st.lists(st.integers(0, 5000), max_size=5).map(tuple))
@example(b"a\r", (1,))
@example(b"a\r\r\nb", (2, 3))
@example(b"\xc3\xa9" * 600, (990, 991))
def test_normalising_does_not_depend_on_where_the_pieces_were_cut(octets, cuts):
    assert normalised(octets, cuts) == normalised(octets)


@given(hostile)
def test_a_normalised_message_is_what_lmtp_wants(octets):
    result = normalised(octets)
    assert b"\0" not in result
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", result)
    assert not result or result.endswith(b"\r\n")
    assert max(map(len, result.split(b"\r\n"))) <= LINE_OCTETS
    assert normalised(result) == result


@given(hostile)
def test_nothing_but_line_ends_and_nul_changes(octets):
    def essence(text: bytes) -> bytes:
        return re.sub(rb"[\r\n ]", b"", text.replace(b"\0", b"\x80"))

    assert essence(normalised(octets)) == essence(octets)


def test_a_folded_line_cuts_no_character():
    for shift in range(4):
        for line in normalised(b"x" * shift + "é😀".encode() * 1000).split(b"\r\n"):
            line.decode()


def test_a_line_of_50_mb_takes_linear_time():
    normaliser = LineNormaliser()
    size = sum(len(normaliser.feed(b"x" * 1_048_576)) for _ in range(50)) + len(normaliser.finish())
    assert size > 50 * 1_048_576


def test_a_megabyte_of_bare_cr_takes_linear_time():
    began = time.process_time()
    assert normalised(b"\r" * 1_048_576 + b"x") == b"\r\n" * 1_048_576 + b"x\r\n"
    assert time.process_time() - began < 5


@given(st.lists(st.sampled_from([b"\r", b"\n", b"x"]), max_size=12).map(b"".join))
def test_each_run_of_cr_before_an_lf_is_one_line_end_with_it_and_any_other_cr_is_one_by_itself(octets):
    assert _LINE_END.sub(b"|", octets) == re.sub(rb"\r*\n|\r", b"|", octets)


def test_the_header_is_read():
    header = read_header(io.BytesIO(POST))
    assert header.first("subject") == "hi"
    assert [field.name for field in header.fields][:2] == ["return-path", "delivered-to"]
    assert POST[header.body_offset :] == b"Hello\r\n"


def test_a_folded_field_is_one():
    header = read_header(io.BytesIO(b"To: a@example.org,\r\n b@example.org\r\n\r\n"))
    assert header.first("to") == "a@example.org, b@example.org"


@pytest.mark.parametrize(
    ("octets", "names", "body"),
    [
        (b"", [], b""),
        (b"\r\nbody", [], b"body\r\n"),
        (b"just text", [], b"just text\r\n"),
        (b" begins with a fold\r\nTo: x\r\n\r\n", [], b" begins with a fold\r\nTo: x\r\n\r\n"),
        (b"From ana Mon\r\nTo: x\r\n\r\nbody", ["to"], b"body\r\n"),
        (b"To: x\r\nFrom ana Mon\r\nCc: y\r\n\r\nbody", ["to", "cc"], b"body\r\n"),
        (b"To: x\r\nFrom here on.\r\nHello.\r\n", ["to"], b"From here on.\r\nHello.\r\n"),
        (b"To: x\r\nno field\r\nCc: y\r\n\r\n", ["to"], b"no field\r\nCc: y\r\n\r\n"),
        (b"To : x\r\n\r\n", ["to"], b""),
        (b": x\r\n\r\n", [], b": x\r\n\r\n"),
        (b"To: x", ["to"], b""),
    ],
)
def test_broken_headers(octets, names, body):
    normal = normalised(octets)
    header = read_header(io.BytesIO(normal))
    assert [field.name for field in header.fields] == names
    assert normal[header.body_offset :] == body


@given(hostile)
def test_mailman_sees_the_same_fields_and_no_defect_in_the_header(octets):
    result = handed_over(octets)
    parsed = email.message_from_bytes(result)
    assert parsed.keys()[0] == "X-Listkit-Delivery"
    header = read_header(io.BytesIO(result))
    assert [name.lower() for name in parsed.keys()] == [field.name for field in header.fields]  # noqa: SIM118 (a message's keys may repeat)
    header_defects = [d for d in parsed.defects if "Header" in type(d).__name__ or "FirstHeader" in type(d).__name__]
    assert not header_defects


def test_a_field_of_a_million_octets_is_read_in_linear_time():
    folded = b"To: x\r\n" + b" \r\n" * (HEADER_OCTETS // 3 - 10)
    began = time.process_time()
    assert len(read_header(io.BytesIO(folded)).fields[0].raw) == len(folded)
    assert time.process_time() - began < 2


def test_a_header_without_an_end_is_refused():
    with pytest.raises(HeaderTooLarge):
        read_header(io.BytesIO(b"To: x\r\n" * (HEADER_OCTETS // 7 + 1)))


def test_a_strangers_delivery_header_is_dropped_however_it_is_written():
    stranger = b"X-Listkit-Delivery: evil\r\nx-LISTKIT-delivery:\r\n evil\r\nX-Listkit-Delivery : evil\r\n"
    result = handed_over(stranger + POST, delivery="a" * 40)
    assert result.startswith(b"X-Listkit-Delivery: " + b"a" * 40 + b"\r\n")
    assert b"evil" not in result
    assert len(re.findall(rb"(?i)x-listkit-delivery", result)) == 1


def test_a_message_without_an_id_gets_the_same_one_on_every_try():
    post = POST.replace(b"Message-ID: <1@example.com>\r\n", b"")
    first, second = handed_over(post), handed_over(post)
    assert first == second
    assert re.search(rb"\r\nMessage-ID: <[0-9a-f]{32}@example\.org>\r\n", first)
    assert handed_over(POST).lower().count(b"message-id:") == 1


@pytest.mark.parametrize("foul", [b"", b" ", b"<caf\xe9@example.com>", "<é@example.com>".encode(), b"\r\n \xff"])
def test_an_id_that_mailman_cannot_hash_counts_as_missing(foul):
    """Mailman's code takes it for text, and gets an object."""
    post = POST.replace(b"<1@example.com>", foul)
    parsed = email.message_from_bytes(handed_over(post))
    (made,) = parsed.get_all("Message-ID")
    assert re.fullmatch(r"<[0-9a-f]{32}@example\.org>", made)
    assert handed_over(post) == handed_over(post)
    # Where there is a good one as well, it is the one.
    both = POST.replace(b"Message-ID", b"Message-ID: " + foul + b"\r\nMessage-ID")
    assert email.message_from_bytes(handed_over(both)).get_all("Message-ID") == ["<1@example.com>"]


def test_copies_of_one_sending_have_one_name():
    copy = POST.replace(b"Delivered-To: news@example.org", b"Delivered-To: dev@example.org").replace(b"by b", b"by c")
    assert identity(copy) == identity(POST)
    assert identity(b"X-Spam-Score: 3\r\n" + POST, date="later") == identity(POST)
    assert identity(POST.replace(b"\r\n", b"\n")) == identity(POST)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Hello", b"Hello!"),
        (b"Subject: hi", b"Subject: ho"),
        (b"<1@example.com>", b"<2@example.com>"),
        (b"From: Ana", b"From: Ben"),
        (b"Subject: hi", b"Subject: hi\r\nResent-Date: today\r\nResent-From: ben@example.com"),
    ],
)
def test_different_messages_have_different_names(old, new):
    assert identity(POST.replace(old, new)) != identity(POST)


def test_without_an_id_two_sendings_differ_by_their_first_hop():
    post = POST.replace(b"Message-ID: <1@example.com>\r\n", b"")
    assert identity(post) == identity(post.replace(b"by b", b"by c"), date="later")
    assert identity(post) != identity(post.replace(b"by a; now", b"by a; tomorrow"))
    bare = re.sub(rb"Received: .*\r\n", b"", post)
    assert identity(bare, date="today") == identity(bare, date="today")
    assert identity(bare, date="today") != identity(bare, date="tomorrow")


def test_fields_cannot_pass_for_one_another():
    assert identity(b"From: a\r\nTo: b\r\n\r\n") != identity(b"From: ato:1:b\r\n\r\n")
    assert identity(b"Subject: x\r\n\r\nbody") != identity(b"\r\nSubject: x\r\nbody")


def test_a_delivery_is_named_by_content_recipient_and_replay():
    one = delivery_id(b"i", "news@example.org")
    assert one == delivery_id(b"i", "news@example.org")
    assert (
        len(
            {
                one,
                delivery_id(b"j", "news@example.org"),
                delivery_id(b"i", "dev@example.org"),
                delivery_id(b"i", "news@example.org", "r"),
            }
        )
        == 4
    )
    assert re.fullmatch(r"[0-9a-f]{40}", one)


@pytest.mark.parametrize(
    ("value", "sender"),
    [
        ("<ana@example.com>", "ana@example.com"),
        ("ana@example.com", "ana@example.com"),
        ("<>", ""),
        ("", ""),
        ("<ana@example.com> SIZE=1", ""),
        ("<a>b@example.com>", ""),
        ("<é@example.com>", ""),
        ("<a@b>\rRCPT TO:<x@y>", "a@b"),
    ],
)
def test_the_envelope_sender_can_inject_nothing(value, sender):
    header = read_header(io.BytesIO(normalised(f"Return-Path: {value}\r\n\r\n".encode())))
    assert envelope_sender(header) == sender


def test_mail_for_the_owner_passes_dmarc_and_can_be_answered():
    octets = POST + b"\r\n.dots\r\n"
    spool = io.BytesIO(
        b"DKIM-Signature: v=1;\r\n s=x\r\nDisposition-Notification-To: x@example.com\r\n"
        b"x-listkit-answer: account\r\n" + octets
    )
    sent = b"".join(owner.forwarded(clean(read_header(spool), spool, "d", "example.org"), spool, "mailman@example.org"))
    message = email.message_from_bytes(sent)
    assert message.get_all("From") == ['"ana at example.com via mailman at example.org" <mailman@example.org>']
    assert message["Reply-To"] == "ana@example.com"
    assert message["Subject"] == "hi"
    assert message["X-Listkit-Owner-Copy"] == "mailman@example.org"
    assert message.get_all("X-Listkit-Answer") == ["owners"], "the budget limits it, whatever the sender wrote"
    for name in ("DKIM-Signature", "Disposition-Notification-To", "Return-Path", "Delivered-To"):
        assert message[name] is None
    assert not message.defects
    assert owner.reason_to_keep(read_header(io.BytesIO(sent)))


@pytest.mark.parametrize(
    ("value", "kept"),
    [("auto-replied", True), ("Auto-Replied (vacation)", True), ("auto-generated", False), ("no", False)],
)
def test_automatic_answers_are_not_sent_on_to_the_owner(value, kept):
    header = read_header(io.BytesIO(f"Auto-Submitted: {value}\r\n\r\n".encode()))
    assert bool(owner.reason_to_keep(header)) is kept


def test_bounces_are_not_sent_on_to_the_owner():
    assert owner.reason_to_keep(read_header(io.BytesIO(b"Return-Path: <>\r\n\r\n")))
    assert not owner.reason_to_keep(read_header(io.BytesIO(POST)))
    assert not owner.reason_to_keep(read_header(io.BytesIO(b"From: x@example.com\r\n\r\n")))

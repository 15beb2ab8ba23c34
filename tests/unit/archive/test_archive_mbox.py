"""Messages are told apart as mail programs do: by the separator's shape and by what stands before and after it."""

import io

import pytest

from listkit.archive import mbox

SEPARATOR = b"From ana@example.org Mon Mar  2 10:00:00 2015\n"
HEADER = b"From: Ana <ana@example.org>\nSubject: Plums\n"


def bodies(octets: bytes) -> list[bytes]:
    return [message.octets.partition(b"\n\n")[2] for message in mbox.messages(io.BytesIO(octets))]


def box(*bodies: bytes, separator: bytes = SEPARATOR) -> bytes:
    return b"".join(separator + HEADER + b"\n" + body + b"\n" for body in bodies)


@pytest.mark.parametrize(
    "separator",
    [
        b"From ana@example.org Mon Mar  2 10:00:00 2015",
        b"From ana@example.org Mon Mar  2 10:00:00 +0100 2015",
        b"From ana@example.org Mon Mar  2 10:00:00 CET 2015",
        b"From ana@example.org Mon Mar  2 10:00 2015 remote from host",
        b"From ana at example.org  Mon Mar  2 10:00:00 2015",
        b"From ana@example.org Mon, 2 Mar 2015 10:00:00 +0100",
        b"From ana@example.org 2015-03-02T10:00:00Z",
        b"From - Mon Mar 02 10:00:00 2015",
        b"From ???@??? Mon Mar 02 10:00:00 2015",
        b"From \xe9ric@example.org Mon Mar  2 10:00:00 2015",
        b"From nobody 99999999999999999999",
        b"From MAILER-DAEMON",
        b"From ana@example.org lun. mars 2 10:00:00 2015",
    ],
)
def test_separators_of_many_programs_are_separators(separator):
    assert bodies(box(b"one\n", b"two\n", separator=separator + b"\n")) == [b"one\n", b"two\n"]


@pytest.mark.parametrize(
    "line",
    [
        b"From now on we write unquoted",
        b"From Monday to Friday",
        b"From here on:\nNote: this is a field's form",
        b"From the meeting of Mon Mar 2 10:00:00 2015 we report",
        b"From ana@example.org Mon Mar  2 10:00:00 2015",
        b"From: Bo <bo@example.org>\nSubject: quoted",
        b"From ana@example.org Mon Mar  2 10:00:00 2015\n\nwas the separator",
    ],
)
def test_a_line_of_the_text_is_no_separator(line):
    body = b"text\n\n" + line + b"\nmore text\n"
    assert bodies(box(body, b"next\n")) == [body, b"next\n"]


def test_a_separator_needs_no_empty_line_before_it_if_a_header_follows():
    assert bodies(SEPARATOR + HEADER + b"\none\n" + box(b"two\n")) == [b"one\n", b"two\n"]
    assert len(bodies(SEPARATOR + HEADER + box(b"two\n"))) == 2


def test_a_right_content_length_keeps_a_forwarded_message_in_one_piece():
    forwarded = b"I forward:\n\n" + box(b"the original\n")
    octets = SEPARATOR + HEADER + b"Content-Length: %d\n\n" % len(forwarded) + forwarded + b"\n" + box(b"next\n")
    assert bodies(octets) == [forwarded, b"next\n"]


@pytest.mark.parametrize("length", [1, 4, 5, 6, 40, 10_000, 99_999_999_999])
def test_a_wrong_content_length_loses_nothing(length):
    octets = SEPARATOR + HEADER + b"Content-Length: %d\n\none\ntwo\n\n" % length + box(b"next\n")
    assert bodies(octets) == [b"one\ntwo\n", b"next\n"]


def test_quoted_lines_lose_one_quotation_mark():
    assert bodies(box(b">From here\n>>From there\n> From me\n")) == [b"From here\n>>From there\n> From me\n"]


def test_an_empty_message_is_a_message():
    assert bodies(SEPARATOR + b"\n" + box(b"two\n") + SEPARATOR) == [b"", b"two\n", b""]


@pytest.mark.parametrize("end", [b"\r\n", b"\r", b"\r\r\n"])
def test_other_line_ends_and_a_byte_order_mark(end):
    octets = b"\xef\xbb\xbf" + box(b"one\n", b"two\n").replace(b"\n", end)
    assert mbox.begins_mbox(octets)
    found = list(mbox.messages(io.BytesIO(octets)))
    assert [message.octets.split()[-1] for message in found] == [b"one", b"two"]


def test_text_before_the_first_separator_is_not_dropped():
    assert len(list(mbox.messages(io.BytesIO(b"\nX: garbage\n\n" + box(b"one\n"))))) == 2


def test_a_message_that_is_too_large_is_cut_and_the_next_one_is_read(monkeypatch):
    monkeypatch.setattr(mbox, "LARGEST_MESSAGE", 10_000)
    found = list(mbox.messages(io.BytesIO(box(b"x" * 70 + b"\n", b"x\n" * 20_000, b"last\n"))))
    assert [message.is_cut for message in found] == [False, True, False]
    assert max(len(message.octets) for message in found) <= 10_000


def test_lines_are_whole_wherever_the_stream_is_cut(monkeypatch):
    octets = box(*(b"%d " % number * 50 + b"\n" for number in range(50)))
    whole = bodies(octets)
    for chunk in (7, 64, 1000):
        monkeypatch.setattr(mbox, "_CHUNK_OCTETS", chunk)
        assert bodies(octets) == whole
    assert len(whole) == 50


@pytest.mark.parametrize("octets", [b"From now on\ntext\n", b"text\n", b"", b"\x00\x01\x02"])
def test_other_files_begin_neither_an_mbox_nor_a_message(octets):
    assert not mbox.begins_mbox(octets)
    assert not mbox.begins_message(octets)

"""A message gets a plausible date and a stable identity, and is cleaned as one that arrives by mail."""

from datetime import UTC, datetime

import pytest

from listkit.archive import dates, mbox
from listkit.archive.message import Refused, distinct_id, prepared, summary

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
HEADER = b"From: Ana <ana@example.com>\nSubject: Plums\nMessage-ID: <1@example.com>\n"


def post(header: bytes = HEADER, date: bytes = b"Date: Mon, 02 Mar 2015 10:00:00 +0100\n", body=b"Ripe.\n", **more):
    message = mbox.Message(header + date + b"\n" + body, more.pop("separator", None))
    return prepared(message, "example.org", more.pop("previous", None), NOW)


def test_a_sound_message_stays_as_it_is():
    made = post()
    assert (made.message_id, made.subject, made.text) == ("1@example.com", "Plums", "Ripe.\n")
    assert (made.date, made.changes) == (datetime(2015, 3, 2, 9, tzinfo=UTC), "")
    assert made.message.get_unixfrom() == "From import@example.org Mon Mar 02 09:00:00 2015"


@pytest.mark.parametrize(
    "date",
    ["", "Date: Lundi 2 mars 2015", "Date: 99999999999999999999", "Date: Wed, 31 Dec 1969 23:59:59 -0000",
     "Date: Wed, 20 Jan 2038 10:00:00 +0000", "Date: Fri, 1 Jan 0100 10:00:00 GMT",
     "Date: Mon, 2 Mar 99999999 10:00:00 +0000", "Date: " + "1" * 5000],
)  # fmt: skip
@pytest.mark.parametrize(
    ("more", "header", "expected", "source"),
    [
        ({"separator": "ana@x Mon Mar  2 10:00:00 2015"}, b"", datetime(2015, 3, 2, 10, tzinfo=UTC), "its separator"),
        ({}, b"Received: from a; Tue, 3 Mar 2015 10:00:00 +0000\nReceived: from b; Mon, 2 Mar 2015 09:59:00 +0000\n",
         datetime(2015, 3, 2, 9, 59, tzinfo=UTC), "Received"),
        ({}, b"Resent-Date: Mon, 2 Mar 2015 10:00:00 +0000\n", datetime(2015, 3, 2, 10, tzinfo=UTC), "Resent-Date"),
        ({"separator": "x Wed Jan 20 10:00:00 2038", "previous": datetime(2015, 1, 1, tzinfo=UTC)}, b"",
         datetime(2015, 1, 1, tzinfo=UTC), "the message before it"),
        ({"separator": "nobody 99999999999999999999"}, b"", NOW, "the import"),
    ],
)  # fmt: skip
def test_a_date_that_cannot_be_right_is_replaced_by_the_next_best(date, more, header, expected, source):
    made = post(HEADER + header, date.encode() + b"\n" if date else b"", **more)
    assert (made.date, made.date_of) == (expected, source)
    assert made.changes.startswith(f"has the date of {source}: {expected:%Y-%m-%d %H:%M}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fri, 1 Jan 99 10:00:00 GMT", datetime(1999, 1, 1, 10, tzinfo=UTC)),
        ("ana Mon Mar  2 10:00:00 +0100 2015", datetime(2015, 3, 2, 9, tzinfo=UTC)),
        ("ana Mon Mar  2 10:00:00 2015 +0100", datetime(2015, 3, 2, 9, tzinfo=UTC)),
        ("2015-03-02T10:00:00+01:00", datetime(2015, 3, 2, 9, tzinfo=UTC)),
        ("Mon, 2 Mar 2015 10:00:00 +99999999", datetime(2015, 3, 2, 10, tzinfo=UTC)),
        ("2015-99-02T10:00:00", None),
        ("", None),
    ],
)
def test_dates_of_many_programs_are_read(text, expected):
    assert dates.parsed(text) == expected


def without_id(**more):
    return post(b"From: Ana <ana@example.com>\nSubject: Plums\n", **more)


def test_a_message_without_an_id_has_the_same_one_whenever_it_is_imported():
    first = without_id()
    assert first.message_id == without_id(separator="x Mon Mar  2 10:00:00 2015").message_id
    assert first.message["Message-ID"] == f"<{first.message_id}>"
    assert first.message_id.endswith("@example.org")
    assert first.changes == ""
    for more in ({"body": b"Green.\n"}, {"date": b"Date: Tue, 03 Mar 2015 10:00:00 +0100\n"}):
        assert without_id(**more).message_id != first.message_id


def test_an_empty_id_counts_as_missing():
    empty = post(b"From: Ana <ana@example.com>\nSubject: Plums\nMessage-ID: <>\n")
    assert empty.message_id == without_id().message_id


def test_a_second_message_of_one_id_gets_one_that_is_always_the_same():
    first, second = post(), post(body=b"Other text.\n")
    assert distinct_id(second) != distinct_id(first)
    renamed = second.renamed(distinct_id(second))
    assert renamed.message["Message-ID"] == f"<{distinct_id(post(body=b'Other  text.'))}>"
    assert "another message has its Message-ID <1@example.com>" in renamed.changes


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        (b"ana at example.com (Ana Roe)", "Ana Roe <ana@example.com>"),
        (b"ana at example.com", "ana@example.com"),
        (b'ana at example.com (Ana "the" Roe)', "Ana the Roe <ana@example.com>"),
        (b"J\xe9r\xf4me <jerome@example.com>", "Jérôme <jerome@example.com>"),
    ],
)
def test_senders_are_readable(sender, expected):
    made = post(b"From: " + sender + b"\nSubject: Plums\nMessage-ID: <1@example.com>\n")
    assert str(made.message["From"]) == expected


def test_what_the_archive_cannot_store_is_cleaned():
    header = (
        b"From: " + b"n" * 900 + b" <ana@example.com>\nMessage-ID: <1@example.com>\n"
        b"Subject: =?utf-8?q?=C2=85x=E2=80=A8y?= nul\0l\n"
    )
    made = post(header, body=b"nul\0l \xe9\n")
    assert made.subject.splitlines() == [made.subject]
    assert "\0" not in made.subject + made.text
    assert len(made.message["From"].addresses[0].display_name) <= 255


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (mbox.Message(b""), "it has no header"),
        (mbox.Message(b"\ntext\n"), "it has no header"),
        (mbox.Message(HEADER, is_cut=True), "it is larger than 32 MiB"),
        (mbox.Message(HEADER + b"X: " + b"x\n " * 600_000), "header is larger than"),
        (mbox.Message(b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n\n"), "internal data"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_the_reason(message, reason):
    with pytest.raises(Refused, match=reason):
        prepared(message, "example.org", None, NOW)


def test_the_report_shows_a_message_on_one_line():
    shown = summary(mbox.Message(b"From: J\xe9r\xf4me\nSubject: " + b"x" * 300 + b"\x1b[2J\n\nbody"))
    assert str(shown) == f'Jérôme, no date, "{"x" * 69}…"'

"""A list posts nothing twice: what comes back, what comes along two ways, and what a crash has handled again."""

import email

import pytest

from listkit.mailman import posted

HERE = "members.example.org"


@pytest.fixture
def records(tmp_path):
    return posted.Posted(tmp_path / "posted")


def message(body="Hello\n", by=(), **headers):
    """A message with a Message-ID and a date, as the lists `by` have sent it on."""
    fields = {"Message-ID": "<1@example.org>", "Date": "Mon, 30 Nov 2026 02:00:00 +0000", **headers}
    lines = [f"{name}: {value}" for name, value in fields.items()] + [f"X-BeenThere: {address}" for address in by]
    return email.message_from_string("\n".join([*lines, "", body]))


def test_the_first_copy_is_new(records):
    assert records.add(HERE, message()) == posted.Posting(is_repeated=False, shares_message_id=False)


def test_the_same_copy_handled_again_after_a_crash_is_new_again(records):
    records.add(HERE, message())
    assert records.add(HERE, message()) == posted.Posting(is_repeated=False, shares_message_id=False)


@pytest.mark.parametrize("first", [(), ("other@example.org",)], ids=["directly", "through another list"])
def test_a_copy_along_another_way_is_repeated(records, first):
    second = () if first else ("other@example.org",)
    records.add(HERE, message(by=first))
    changed = message("Hello\n-- \nfooter\n", by=second, Subject="[Other] Hello")
    assert records.has(HERE, changed)
    assert records.add(HERE, changed).is_repeated


def test_the_same_content_sent_again_is_repeated(records):
    records.add(HERE, message(Received="by one"))
    assert records.add(HERE, message(Received="by two")).is_repeated


def test_another_post_under_the_same_message_id_is_posted_under_its_own(records):
    records.add(HERE, message("First\n"))
    second = message("Second\n")
    assert records.add(HERE, second) == posted.Posting(is_repeated=False, shares_message_id=True)
    posted.renew_message_id(second, "example.org")
    assert second["message-id"] != "<1@example.org>"
    # After a crash it is the second one again.
    assert records.add(HERE, message("Second\n")).shares_message_id


def test_another_post_of_another_day_through_a_list_is_no_repetition(records):
    records.add(HERE, message("First\n", by=["other@example.org"]))
    assert not records.add(HERE, message("Second\n", Date="Tue, 01 Dec 2026 02:00:00 +0000")).is_repeated


def test_lists_have_records_of_their_own(records):
    records.add(HERE, message(by=["a@example.org"]))
    assert not records.has("board.example.org", message())


def test_a_list_is_known_by_its_mark_in_any_case():
    sent = message(by=["Other@Example.org"])
    posted.mark(sent, "members@example.org")
    assert posted.been_through(sent) == {"other@example.org", "members@example.org"}


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("<mailto:members@example.org>", True),
        ("<mailto:Members@Example.org> (hi)", True),
        ("members@example.org", True),
        ("<mailto:all-members@example.org>", False),
        ("<mailto:members@example.org.uk>", False),
        ("NO", False),
        ("", False),
    ],
)
def test_the_list_s_own_list_post_is_found_in_its_brackets(value, named):
    assert posted.names_as_list(message(**{"List-Post": value}), "members@example.org") == named


def test_few_copies_of_one_message_id_are_remembered(records, monkeypatch):
    monkeypatch.setattr(posted, "MOST_COPIES", 3)
    for number in range(9):
        records.add(HERE, message(f"{number}\n"))
    assert records.has(HERE, message("8\n"))
    assert not records.has(HERE, message("1\n"))

"""Who hears that a post was refused."""

import email
from email.message import Message
from types import SimpleNamespace

import pytest

from listkit.mailman import refusals
from listkit.mailman.patches import refusal_notices
from listkit.mailman.refusals import Refusal, Refusals

LIST = SimpleNamespace(list_id="members.example.org", posting_address="members@example.org")
VOUCHED = "Authentication-Results: mx.infomaniak.com; dmarc=pass header.from=example.com\n"
ERROR = SimpleNamespace(message="Rejected: $reasons", reasons=["Too large", "Too\nlate"])
REFUSAL = Refusal("Ana <ana@example.com>", "Plums", "Too large; Too late")


class Post(Message):
    """As much of Mailman's message as matters here."""

    sender = "ana@example.com"


def post(header: str = "", author: str = "Ana <ana@example.com>", subject: str = "Subject: Plums\n") -> Post:
    return email.message_from_string(f"{header}From: {author}\n{subject}\nHello\n", Post)


@pytest.fixture
def records(tmp_path) -> Refusals:
    return Refusals(tmp_path / "refused")


def bounce(records: Refusals, message: Post, error=ERROR) -> list[Post]:
    """Have a post refused; return the posts whose authors got an answer."""
    answered = []
    wrapped = refusal_notices.bounce_vouched(lambda _mlist, msg, _error: answered.append(msg), lambda: records, list)
    wrapped(LIST, message, error)
    return answered


def taken(records: Refusals) -> tuple[list[Refusal], int]:
    with records.taken(LIST.list_id) as found:
        return found


def test_the_author_gets_the_reason_where_the_mail_service_vouches_for_the_address(records):
    message = post(VOUCHED)
    assert bounce(records, message) == [message]
    assert taken(records) == ([], 0)


@pytest.mark.parametrize(
    "message",
    [post(), post(VOUCHED.replace("pass", "fail")), post(VOUCHED, "ana@example.com, bo@example.com")],
    ids=["no word", "forged", "two authors"],
)
def test_any_other_refusal_is_for_the_owners(records, message):
    assert bounce(records, message) == []
    assert taken(records)[1] == 1


def test_an_author_whom_mailman_sees_elsewhere_is_not_answered(records):
    message = post(VOUCHED)
    message.sender = "envelope@example.com"
    assert bounce(records, message) == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ERROR, REFUSAL.reason), (SimpleNamespace(message="No such luck", reasons=None), "No such luck"), (None, "")],
)
def test_the_reason_is_recorded_in_words(records, error, reason):
    bounce(records, post(), error)
    assert taken(records) == ([Refusal(REFUSAL.author, REFUSAL.subject, reason)], 1)


def test_what_can_t_be_read_is_recorded_too(records):
    bounce(records, post(author="=?x?b?a?= <ana@example.com>", subject=""))
    assert taken(records)[0][0].subject == "(no subject)"


def test_a_flood_is_counted(records, monkeypatch):
    monkeypatch.setattr(refusals, "LARGEST_OCTETS", 300)
    for _ in range(50):
        records.add(LIST.list_id, REFUSAL)
    described, count = taken(records)
    assert count == 50 and 0 < len(described) < 10
    assert f"... and {50 - len(described)} more." in refusals.summary(LIST.posting_address, described, count)[1]


def test_a_summary_that_could_not_be_sent_is_tried_again_and_misses_nothing(records):
    records.add(LIST.list_id, REFUSAL)
    with pytest.raises(OSError), records.taken(LIST.list_id):
        records.add(LIST.list_id, Refusal("Bo", "Pears", ""))
        raise OSError
    assert [taken(records)[1], taken(records), taken(records)[1]] == [1, ([Refusal("Bo", "Pears", "")], 1), 0]


@pytest.mark.parametrize(("options", "sent"), [({}, 1), ({"dry_run": True}, 0), ({"list_ids": ["ants.x.org"]}, 0)])
def test_the_daily_notices_bring_each_list_s_owners_the_summary(records, options, sent):
    calls, notices = [], []
    records.add(LIST.list_id, REFUSAL)
    lists = [LIST, SimpleNamespace(list_id="ants.example.org", posting_address="ants@example.org")]
    notify = refusal_notices.notify_and_summarise(
        lambda **given: calls.append(given), lambda: records, lambda: lists, lambda *notice: notices.append(notice)
    )
    given = {"list_ids": (), "dry_run": False, "verbose": False, **options}
    notify(**given)
    assert calls == [given] and len(notices) == sent
    for mlist, subject, text in notices:
        assert (mlist, subject) == (LIST, "1 message to members@example.org refused")
        assert str(REFUSAL) in text
    assert taken(records)[1] == 1 - sent

"""What strangers cause: which automatic answers may leave, and that the members' mail doesn't pay for them."""

import pytest
from budget_postfix import DOWN
from test_budget_controller import DAY, WINDOW, World

from listkit.budget.answers import Answered, AnswerLimits, mailbox, objection
from listkit.budget.ledger import Ledger
from listkit.budget.postfix import PostfixError
from listkit.budget.window import Kind, Limits
from listkit.common.answers import Answer

LIMITS = Limits(recipients=1440, reserve=100, window=WINDOW, strangers=57)
ANSWERS = AnswerLimits(per_recipient=2, per_list_and_hour=10)
HOUR = 3600


def answered(answer=Answer.STRANGER, recipient="ana@example.com", list_name="a", at=0.0, account="mailman@example.org"):
    recipients = frozenset([recipient] if isinstance(recipient, str) else recipient)
    return Answered(f"{at}-{recipient}-{list_name}", account, answer, f"{list_name}@example.org", recipients, at)


def refused(before, new):
    return objection(new, before, LIMITS, ANSWERS)


@pytest.mark.parametrize(
    "address", ["ana@example.com", "Ana@EXAMPLE.com", "ana+lists@example.com", "ANA+a+b@example.com"]
)
def test_a_mailbox_has_many_spellings(address):
    assert mailbox(address) == "ana@example.com"


def test_a_stranger_gets_two_answers_in_a_day_from_all_lists_together():
    two = [answered(list_name="a", at=1), answered(list_name="b", at=2)]
    assert refused(two[:1], two[1]) is None
    assert refused(two, answered(list_name="c", at=3)) == "2 to an address in a day"
    assert refused(two, answered(recipient="ben@example.com", at=3)) is None
    assert refused(two, answered(at=DAY + 1.5)) is None


def test_a_member_gets_two_answers_in_a_day_from_each_list():
    two = [answered(Answer.MEMBER, at=1), answered(Answer.MEMBER, at=2)]
    assert refused(two, answered(Answer.MEMBER, at=3)) == "2 to an address in a day from a list"
    assert refused(two, answered(Answer.MEMBER, list_name="b", at=3)) is None


def test_the_person_of_an_account_gets_five_resets_in_a_day():
    five = [answered(Answer.ACCOUNT, at=number) for number in range(5)]
    assert refused(five[:4], five[4]) is None
    assert refused(five, answered(Answer.ACCOUNT, at=5)) == "5 to an address in a day"


def crowd(answer, count, list_name="a", **more):
    return [answered(answer, f"v{number}@example.com", list_name, **more) for number in range(count)]


@pytest.mark.parametrize("answer", [Answer.STRANGER, Answer.OWNERS])
def test_a_list_answers_ten_times_in_an_hour(answer):
    ten = crowd(answer, 10)
    assert refused(ten, answered(answer, at=HOUR - 1)) == "10 of a list in an hour"
    assert refused(ten, answered(answer, list_name="b", at=HOUR - 1)) is None
    assert refused(ten, answered(answer, at=HOUR)) is None


@pytest.mark.parametrize(("answer", "share"), [(Answer.STRANGER, 57), (Answer.OWNERS, 57), (Answer.MEMBER, 100)])
def test_an_account_has_a_share_for_each_class(answer, share):
    many = [item for number in range(20) for item in crowd(answer, 10, f"l{number}")][:share]
    new = answered(answer, "ana@example.com", "z", at=HOUR)
    assert refused(many, new) == f"{share} recipients of an account in a day"
    assert refused(many[1:], new) is None
    assert refused(many, answered(answer, "ana@example.com", "z", HOUR, "second@example.org")) is None
    assert refused(many, answered(answer, "ana@example.com", "z", WINDOW + 1)) is None


def test_members_answers_are_not_limited_by_strangers():
    assert refused(crowd(Answer.STRANGER, 57), answered(Answer.MEMBER, "v1@example.com", at=1)) is None


def test_mail_to_many_owners_counts_each():
    owners = [answered(Answer.OWNERS, [f"o{n}@x.test" for n in range(29)], f"l{n}") for n in range(2)]
    assert refused(owners[:1], owners[1]) == "57 recipients of an account in a day"


# In the queue


@pytest.fixture
def world():
    return World(limit=300, reserve=50, strangers=20)


def test_strangers_come_after_posts_and_keep_to_their_share(world):
    for _ in range(2):
        world.post(100)
    for number in range(60):
        world.answer(Answer.STRANGER, f"v{number}@example.com", list_name=f"l{number}")
    world.pass_time(60)
    received = [recipient for _, recipient in world.provider.received]
    assert sum(recipient.startswith("member") for recipient in received) == 200
    assert sum(recipient.startswith("v") for recipient in received) == 20
    assert received[:200] == [recipient for recipient in received if recipient.startswith("member")]
    assert not world.postfix.messages, "what is over the share is dropped"


def test_a_stranger_waits_for_posts_but_not_for_days(world):
    for _ in range(3):
        world.post(100)
    world.answer(Answer.STRANGER)
    world.pass_time(11 * HOUR)
    assert len(world.waiting) == 2, "a post that doesn't fit, and the answer"
    world.pass_time(2 * HOUR)
    assert len(world.waiting) == 1
    assert not any(recipient == "ana@example.com" for _, recipient in world.provider.received)


def test_a_member_is_answered_while_posts_wait(world):
    for _ in range(3):
        world.post(100)
    world.answer(Answer.MEMBER)
    world.pass_time(60)
    assert any(recipient == "ana@example.com" for _, recipient in world.provider.received)


def test_a_victim_gets_two_mails_however_it_is_spelt(world):
    for number, spelling in enumerate(["ana@example.com", "Ana@example.com", "ana+1@example.com", "ANA+2@Example.com"]):
        world.answer(Answer.STRANGER, spelling, list_name=f"l{number}")
    world.pass_time(60)
    assert len(world.provider.received) == 2
    assert not world.postfix.messages


def test_a_new_process_remembers_whom_it_has_answered(world):
    world.answer(Answer.STRANGER)
    world.answer(Answer.STRANGER)
    world.pass_time(60)
    world.restart()
    world.answer(Answer.STRANGER)
    world.pass_time(60)
    assert len(world.provider.received) == 2


def test_an_answer_that_was_admitted_is_not_counted_again(world):
    world.provider.refusal = DOWN
    world.answer(Answer.STRANGER)
    world.answer(Answer.STRANGER)
    world.pass_time(60)
    world.restart()
    world.provider.refusal = None
    world.pass_time(HOUR)
    assert len(world.provider.received) == 2


def test_what_was_dropped_is_summarised_once_a_day(world):
    def flood():
        for number in range(30):
            world.answer(Answer.STRANGER, f"v{world.now}-{number}@example.com")
        world.pass_time(60)

    flood()
    assert world.postfix.submitted == []
    world.pass_time(HOUR)
    (summary,) = world.postfix.submitted
    assert summary["Subject"] == "20 automatic messages were not sent"
    assert "a@example.org: 20 answers to addresses" in summary.get_content()
    assert "more than 10 of a list in an hour" in summary.get_content()
    flood()
    world.pass_time(20 * HOUR)
    assert len(world.postfix.submitted) == 1
    world.pass_time(6 * HOUR)
    assert len(world.postfix.submitted) == 2


def test_a_summary_that_cannot_be_sent_stops_nothing(world, monkeypatch):
    def fail(message):
        raise PostfixError("sendmail: exit 75")

    monkeypatch.setattr(world.postfix, "submit", fail)
    for _ in range(3):
        world.answer(Answer.STRANGER)
    world.pass_time(2 * HOUR)
    world.post(10)
    world.pass_time(60)
    assert len(world.provider.received) == 12


def test_a_ledger_from_before_keeps_its_charges(tmp_path):
    book = Ledger(tmp_path / "ledger")
    book._db.execute("alter table charge rename column kind to urgent")
    book._db.execute("insert into charge values ('A1', 'm@example.org', 'a@example.org', 1, 3, 100, 90)")
    book.close()
    (charge,) = Ledger(tmp_path / "ledger").charges("m@example.org", 0)
    assert (charge.kind, charge.recipients) == (Kind.URGENT, 3)

"""Which message goes next."""

import math

from hypothesis import given
from hypothesis import strategies as st

from listkit.budget.schedule import InDelivery, Probe, Waiting, next_message, next_opening, predict_releases
from listkit.budget.window import Charge, Kind, Limits

LIMITS = Limits(recipients=300, reserve=50, window=1000, strangers=20)
NONE_ON_THE_WAY = InDelivery()


def post(queue_id, recipients=100, list_address="a@example.org", **more):
    return Waiting(queue_id, list_address, recipients, kind=Kind.POST, **more)


def notice(queue_id, list_address="a@example.org", **more):
    return Waiting(queue_id, list_address, 1, kind=Kind.URGENT, **more)


def pick(waiting, charges=(), in_delivery=NONE_ON_THE_WAY, probe=None, now=0.0):
    chosen = next_message(waiting, charges, LIMITS, in_delivery, probe, now)
    return chosen and chosen.queue_id


def sent(recipients, list_address="a@example.org", kind=Kind.POST):
    return Charge(recipients, list_address, kind, spent_at=0)


def test_the_oldest_post_goes_first():
    assert pick([post("2"), post("1"), post("3")]) == "1"


def test_urgent_mail_goes_before_posts():
    assert pick([post("1"), notice("2")]) == "2"


def test_the_list_that_has_had_least_goes_first():
    waiting = [post("1"), post("2", list_address="b@example.org")]
    assert pick(waiting, [sent(100)]) == "2"


def test_two_lists_take_turns():
    waiting = [
        post(name, 50, list_address) for list_address, names in {"a": "123", "b": "456"}.items() for name in names
    ]
    history, order = [], []
    while (chosen := pick(waiting, history)) is not None:
        message = next(item for item in waiting if item.queue_id == chosen)
        waiting.remove(message)
        history.append(sent(message.recipients, message.list))
        order.append(message.list)
    assert order == ["a", "b", "a", "b", "a"]


def test_a_small_post_does_not_overtake_a_big_one_that_waits_for_room():
    assert pick([post("1", 100), post("2", 10)], [sent(200)]) is None


def test_posts_leave_room_for_urgent_mail():
    assert pick([post("1", 100)], [sent(200)]) is None
    assert pick([post("1", 100), notice("2")], [sent(250)]) == "2"


def test_one_post_at_a_time():
    assert pick([post("1")], in_delivery=InDelivery(posts=1)) is None


def test_urgent_mail_does_not_wait_for_a_post_on_its_way():
    assert pick([notice("1")], in_delivery=InDelivery(posts=1)) == "1"


def test_after_a_refusal_one_message_tries_the_ground():
    assert pick([notice("1")], probe=Probe()) == "1"
    assert pick([notice("1")], probe=Probe(), in_delivery=InDelivery(urgent=1)) is None
    assert pick([notice("1")], probe=Probe(), in_delivery=InDelivery(posts=1)) is None


def test_the_next_probe_is_of_another_kind_or_else_of_another_list():
    last = Probe("a@example.org", kind=Kind.URGENT)
    notices = [notice("1"), notice("2"), notice("3", "b@example.org")]
    assert pick([*notices, post("4")], probe=last) == "4"
    assert pick(notices, probe=last) == "3"
    assert pick(notices[:2], probe=last) == "1"
    assert pick([notice("1"), post("4")], [sent(200)], probe=last) == "1", "the post finds no room"


def test_of_urgent_mail_the_list_that_has_had_least_goes_first():
    waiting = [notice("1"), notice("2", "b@example.org")]
    assert pick(waiting, [sent(1, kind=Kind.URGENT)]) == "2"


def test_what_opens_is_what_goes():
    waiting = [post("1", 100), post("2", 10), notice("3", not_before=1000)]
    assert next_opening(waiting, [sent(200)], LIMITS, None, 5) == 1000.001
    assert next_opening(waiting, [sent(150)], LIMITS, None, 5) == 5
    assert next_opening(waiting, [Charge(200, "a@example.org", Kind.POST, None)], LIMITS, None, 5) is None


def test_a_message_rests_until_its_next_try():
    assert pick([post("1", not_before=10), post("2")], now=9) == "2"
    assert pick([post("1", not_before=10), post("2")], now=10) == "1"


def test_a_suspect_goes_after_the_others():
    assert pick([post("1", suspect=True), post("2")]) == "2"
    assert pick([post("1", suspect=True)]) == "1"


lists = st.sampled_from(["a", "b", "c"])


@given(
    st.lists(st.tuples(lists, st.integers(1, 100), st.sampled_from(Kind)), max_size=10),
    st.lists(
        st.builds(Charge, st.integers(1, 100), lists, st.sampled_from(Kind), st.none() | st.floats(0, 1000)), max_size=6
    ),
    st.floats(0, 3000),
)
def test_what_goes_fits_and_nothing_of_its_list_was_before_it(messages, history, now):
    waiting = [Waiting(f"{number:03}", *message) for number, message in enumerate(messages)]
    chosen = next_message(waiting, history, LIMITS, NONE_ON_THE_WAY, None, now)
    if chosen is None:
        return
    counting = [charge for charge in history if charge.counts(now, LIMITS.window)]
    assert sum(charge.recipients for charge in counting) + chosen.recipients <= LIMITS.recipients
    if chosen.kind != Kind.URGENT:
        bulk = sum(charge.recipients for charge in counting if charge.kind != Kind.URGENT)
        assert bulk + chosen.recipients <= LIMITS.recipients - LIMITS.reserve
    earlier = [item for item in waiting if item.list == chosen.list and item.kind == chosen.kind]
    assert chosen.queue_id == min(item.queue_id for item in earlier)


def foreseen(waiting, charges=(), now=0.0, start=None):
    return predict_releases(waiting, charges, LIMITS, now, now if start is None else start)


def test_the_next_release_of_each_list_is_reported():
    waiting = [post("1"), post("2"), post("3", list_address="b@example.org"), notice("4", "c@example.org")]
    full = [sent(150, "x@example.org"), Charge(100, "x@example.org", Kind.POST, spent_at=500)]
    # Of a, which had as little as b, the older post goes first. Room for the second of both comes with the next charge.
    assert foreseen(waiting, full, now=500) == {
        "c@example.org": 500,
        "a@example.org": 1000.001,
        "b@example.org": 1500.001,
    }


def test_the_next_release_of_refused_messages_is_their_next_try_and_all_wait_for_a_pause_to_end():
    waiting = [post("1", not_before=700), post("2", list_address="b@example.org")]
    assert foreseen(waiting) == {"b@example.org": 0, "a@example.org": 700}
    assert foreseen(waiting, start=800) == {"a@example.org": 800, "b@example.org": 800}


def test_a_list_whose_turn_comes_after_many_others_has_no_next_release():
    waiting = [notice(f"{number:04}") for number in range(150)] + [post("9")]
    assert foreseen(waiting) == {"a@example.org": 0}
    many = [notice(f"{number:04}") for number in range(150)] + [post("9", list_address="b@example.org")]
    assert foreseen(many) == {"a@example.org": 0}


messages = st.builds(
    Waiting,
    st.integers(0, 999).map("{:03}".format),
    st.sampled_from(["a@example.org", "b@example.org", "c@example.org"]),
    st.integers(1, 400),
    st.sampled_from(Kind),
    st.sampled_from([0, 0, 0, 50, 1500]),
    st.booleans(),
)
histories = st.lists(
    st.builds(
        Charge,
        st.integers(1, 100),
        st.sampled_from(["a@example.org", "b@example.org"]),
        st.sampled_from(Kind),
        st.one_of(st.none(), st.integers(0, 1000)),
    ),
    max_size=6,
)


@given(
    st.lists(messages, max_size=12, unique_by=lambda message: message.queue_id), histories, st.sampled_from([0, 2000])
)
def test_every_next_release_comes(waiting, charges, start):
    found = foreseen(waiting, charges, now=1000, start=1000 + start)
    assert found.keys() == {message.list for message in waiting}
    assert all(1000 + start <= moment < math.inf for moment in found.values())

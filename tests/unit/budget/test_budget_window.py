"""The arithmetic of the sliding window, for any history."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listkit.budget.schedule import Waiting
from listkit.budget.window import Charge, Limits, available, opens_at, used

LIMITS = Limits(recipients=300, reserve=50, window=1000)
times = st.floats(0, 5000)
lists = st.sampled_from(["a@example.org", "b@example.org"])
charges = st.lists(
    st.builds(
        Charge,
        recipients=st.integers(1, 100),
        list=lists,
        urgent=st.booleans(),
        spent_at=st.none() | times,
    ),
    max_size=12,
)


def charge(recipients, spent_at, urgent=False):
    return Charge(recipients, "a@example.org", urgent, spent_at)


def test_a_charge_counts_until_its_window_is_over():
    history = [charge(100, spent_at=10)]
    assert used(history, LIMITS, now=1010) == 100
    assert used(history, LIMITS, now=1010.001) == 0


def test_a_message_on_its_way_counts_for_ever():
    assert used([charge(100, spent_at=None)], LIMITS, now=1e9) == 100


def test_posts_leave_the_reserve_alone():
    assert available([charge(200, 0)], LIMITS, now=1, urgent=False) == 50
    assert available([charge(200, 0)], LIMITS, now=1, urgent=True) == 100


def test_urgent_mail_within_the_reserve_takes_nothing_from_posts():
    assert available([charge(50, 0, urgent=True)], LIMITS, now=1, urgent=False) == 250


@given(charges, times, st.booleans(), lists)
def test_what_fits_keeps_the_limit(history, now, urgent, list_address):
    free = available(history, LIMITS, now, urgent, list_address)
    if free:
        assert used([*history, charge(free, now, urgent)], LIMITS, now) <= LIMITS.recipients


@given(charges, times)
def test_posts_never_take_the_reserve(history, now):
    free = available(history, LIMITS, now, urgent=False)
    if free:
        posts = [item for item in [*history, charge(free, now)] if not item.urgent]
        assert used(posts, LIMITS, now) <= LIMITS.recipients - LIMITS.reserve


@given(charges, times, times, st.booleans(), lists)
def test_room_only_grows_with_time(history, earlier, later, urgent, list_address):
    earlier, later = sorted([earlier, later])
    past = [item for item in history if item.spent_at is None or item.spent_at <= earlier]
    rooms = [available(past, LIMITS, time, urgent, list_address) for time in (earlier, later)]
    assert rooms == sorted(rooms)


@given(charges, times, st.booleans(), st.integers(1, 100), lists)
def test_opens_at_is_the_first_moment_with_room(history, now, urgent, need, list_address):
    past = [item for item in history if item.spent_at is None or item.spent_at <= now]
    opens = opens_at(past, LIMITS, now, Waiting("1", list_address, need, urgent))
    if opens is None:
        assert available(past, LIMITS, now + 10 * LIMITS.window, urgent, list_address) < need
    else:
        assert available(past, LIMITS, opens, urgent, list_address) >= need
        assert opens == now or available(past, LIMITS, opens - 0.01, urgent, list_address) < need


def test_a_message_larger_than_what_posts_may_take_goes_when_they_have_taken_nothing():
    giant = Waiting("1", "a@example.org", 280, urgent=False)
    assert opens_at([], LIMITS, 5, giant) == 5
    assert opens_at([charge(1, spent_at=0)], LIMITS, 5, giant) == pytest.approx(1000, abs=0.01)


def test_a_list_that_floods_us_with_urgent_mail_leaves_the_reserve_to_others():
    flood = [charge(1, spent_at=1, urgent=True) for _ in range(250)]
    assert available(flood, LIMITS, now=2, urgent=True, list_address="a@example.org") == 0
    assert available(flood, LIMITS, now=2, urgent=False) == 0
    assert available(flood, LIMITS, now=2, urgent=True, list_address="b@example.org") == 50


@pytest.mark.parametrize(("recipients", "reserve", "window"), [(100, 100, 60), (100, -1, 60), (100, 0, 0)])
def test_limits_that_make_no_sense_are_refused(recipients, reserve, window):
    with pytest.raises(ValueError, match="must be"):
        Limits(recipients, reserve, window)

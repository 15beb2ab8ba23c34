"""The arithmetic of the sliding window, for any history."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listkit.budget.schedule import Waiting
from listkit.budget.window import Charge, Kind, Limits, available, opens_at, used

LIMITS = Limits(recipients=300, reserve=50, window=1000, strangers=20)
times = st.floats(0, 5000)
lists = st.sampled_from(["a@example.org", "b@example.org"])
charges = st.lists(
    st.builds(
        Charge,
        recipients=st.integers(1, 100),
        list=lists,
        kind=st.sampled_from(Kind),
        spent_at=st.none() | times,
    ),
    max_size=12,
)


def charge(recipients, spent_at, kind=Kind.POST):
    return Charge(recipients, "a@example.org", kind, spent_at)


def test_a_charge_counts_until_its_window_is_over():
    history = [charge(100, spent_at=10)]
    assert used(history, LIMITS, now=1010) == 100
    assert used(history, LIMITS, now=1010.001) == 0


def test_a_message_on_its_way_counts_indefinitely():
    assert used([charge(100, spent_at=None)], LIMITS, now=1e9) == 100


def test_posts_leave_the_reserve_alone():
    assert available([charge(200, 0)], LIMITS, now=1, kind=Kind.POST) == 50
    assert available([charge(200, 0)], LIMITS, now=1, kind=Kind.URGENT) == 100


def test_urgent_mail_within_the_reserve_takes_nothing_from_posts():
    assert available([charge(50, 0, kind=Kind.URGENT)], LIMITS, now=1, kind=Kind.POST) == 250


@given(charges, times, st.sampled_from(Kind), lists)
def test_what_fits_keeps_the_limit(history, now, kind, list_address):
    free = available(history, LIMITS, now, kind, list_address)
    if free:
        assert used([*history, charge(free, now, kind)], LIMITS, now) <= LIMITS.recipients


@given(charges, times)
def test_posts_never_take_the_reserve(history, now):
    free = available(history, LIMITS, now, kind=Kind.POST)
    if free:
        posts = [item for item in [*history, charge(free, now)] if item.kind != Kind.URGENT]
        assert used(posts, LIMITS, now) <= LIMITS.recipients - LIMITS.reserve


@given(charges, times, times, st.sampled_from(Kind), lists)
def test_room_only_grows_with_time(history, earlier, later, kind, list_address):
    earlier, later = sorted([earlier, later])
    past = [item for item in history if item.spent_at is None or item.spent_at <= earlier]
    rooms = [available(past, LIMITS, time, kind, list_address) for time in (earlier, later)]
    assert rooms == sorted(rooms)


@given(charges, times, st.sampled_from(Kind), st.integers(1, 100), lists)
def test_opens_at_is_the_first_moment_with_room(history, now, kind, need, list_address):
    past = [item for item in history if item.spent_at is None or item.spent_at <= now]
    need = min(need, LIMITS.maximum(kind))
    opens = opens_at(past, LIMITS, now, Waiting("1", list_address, need, kind))
    if opens is None:
        assert available(past, LIMITS, now + 10 * LIMITS.window, kind, list_address) < need
    else:
        assert available(past, LIMITS, opens, kind, list_address) >= need
        assert opens == now or available(past, LIMITS, opens - 0.01, kind, list_address) < need


def test_a_message_larger_than_what_posts_may_take_goes_when_they_have_taken_nothing():
    giant = Waiting("1", "a@example.org", 280, kind=Kind.POST)
    assert opens_at([], LIMITS, 5, giant) == 5
    assert opens_at([charge(1, spent_at=0)], LIMITS, 5, giant) == pytest.approx(1000, abs=0.01)


def test_a_list_that_floods_us_with_urgent_mail_leaves_the_reserve_to_others():
    flood = [charge(1, spent_at=1, kind=Kind.URGENT) for _ in range(250)]
    assert available(flood, LIMITS, now=2, kind=Kind.URGENT, list_address="a@example.org") == 0
    assert available(flood, LIMITS, now=2, kind=Kind.POST) == 0
    assert available(flood, LIMITS, now=2, kind=Kind.URGENT, list_address="b@example.org") == 50


@pytest.mark.parametrize(("recipients", "reserve", "window"), [(100, 100, 60), (100, -1, 60), (100, 0, 0)])
def test_limits_that_make_no_sense_are_refused(recipients, reserve, window):
    with pytest.raises(ValueError, match="must be"):
        Limits(recipients, reserve, window, strangers=0)

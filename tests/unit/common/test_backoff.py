"""Delays double up to the longest, with jitter where it is asked for."""

import random

from listkit.common.backoff import Backoff

BACKOFF = Backoff(first=5, longest=60)


def test_delays_double_up_to_the_longest():
    assert [BACKOFF.delay(failures) for failures in range(7)] == [0, 5, 10, 20, 40, 60, 60]


def test_a_year_of_failures_is_no_overflow():
    assert BACKOFF.delay(10_000) == 60


def test_jitter_only_shortens_a_delay_and_by_30_percent_at_most():
    chance = random.Random(1)  # noqa: S311 -- jitter, no secret
    delays = [BACKOFF.delay(2, chance) for _ in range(200)]
    assert 7 <= min(delays) < 7.5
    assert 9.5 < max(delays) <= 10

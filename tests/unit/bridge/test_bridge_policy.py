"""Decisions: when to try again, and what a reply means."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listkit.bridge.policy import (
    DAY_SECONDS,
    HOUR_SECONDS,
    LOGINS_AN_HOUR,
    DeliveryStatus,
    Disposition,
    FailedLogin,
    Timestamp,
    delivery_status,
    disposition_of,
    is_another_day,
    is_poison,
    login_wait,
)

JITTER = random.Random(1)  # noqa: S311 (jitter, no secret)


def at(seconds: float, boot: str = "b") -> Timestamp:
    return Timestamp(boot, seconds, 1_000_000 + seconds)


def logins(restarts: frozenset[int], refused: bool, hours: float = 5) -> list[float]:
    """When logins would be tried against a server that never lets us in; `restarts` are numbers of attempts."""
    now, failed, times = 0.0, [], []
    while now < hours * HOUR_SECONDS:
        restarted = not times or len(times) in restarts
        now += login_wait(failed, at(now), restarted=restarted)
        times.append(now)
        failed.append(FailedLogin(at(now), refused))
        now += 0.01
    return times


@given(st.frozensets(st.integers(0, 60)), st.booleans())
def test_never_more_than_ten_logins_in_any_hour(restarts, refused):
    times = logins(restarts, refused)
    for first, eleventh in zip(times, times[LOGINS_AN_HOUR:], strict=False):
        assert eleventh - first >= HOUR_SECONDS - 1e-6


def logins_together(mailboxes: int, hours: float) -> list[list[float]]:
    """When each of so many mailboxes would log in to a host that refuses them all, since one start."""
    failed: list[list[FailedLogin]] = [[] for _ in range(mailboxes)]
    refusals: list[Timestamp] = []
    for second in range(0, int(hours * HOUR_SECONDS), 5):
        # Who is the first to try is left to chance, as the worker leaves it.
        for own in JITTER.sample(failed, mailboxes):
            if not login_wait(own, at(second), restarted=False, refused_at_host=refusals):
                own.append(FailedLogin(at(second), refused=True))
                refusals.append(at(second))
    return [[attempt.timestamp.monotonic for attempt in own] for own in failed]


def test_mailboxes_that_are_refused_share_the_limit_and_none_starves():
    for mailboxes in (2, 5, 20):
        times = logins_together(mailboxes, hours=12)
        together = sorted(itertools.chain(*times))
        # Each mailbox's first login is free: that it fails is known afterwards.
        later = together[mailboxes:]
        for first, eleventh in zip(later, later[LOGINS_AN_HOUR:], strict=False):
            assert eleventh - first >= HOUR_SECONDS
        assert min(map(len, times)) >= 3


def test_a_mailbox_that_was_not_refused_does_not_wait_for_those_that_were():
    refusals = [at(n) for n in range(50)]
    assert login_wait([], at(60), restarted=False, refused_at_host=refusals) == 0
    unanswered = [FailedLogin(at(55), refused=False)]
    assert login_wait(unanswered, at(60), restarted=False, refused_at_host=refusals) == 0
    refused = [FailedLogin(at(0), refused=True)]
    assert login_wait(refused, at(60), restarted=True, refused_at_host=refusals) == HOUR_SECONDS - 20


def test_refusals_back_off_from_a_minute_to_an_hour():
    times = logins(frozenset(), refused=True)
    waits = [round(b - a) for a, b in itertools.pairwise(times)]
    assert waits[:7] == [60, 120, 240, 480, 960, 1920, 3600]
    assert set(waits[7:]) <= {3600}


def test_a_login_without_an_answer_is_tried_again_sooner():
    assert login_wait([FailedLogin(at(0), refused=False)], at(0), restarted=False) == 5


def test_a_good_login_or_a_fresh_start_waits_for_nothing():
    assert login_wait([], at(0), restarted=False) == 0
    assert login_wait([FailedLogin(at(0), refused=True)], at(1), restarted=True) == 0


@pytest.mark.parametrize("shift", [-3600, -86_400 * 365, 3600, 86_400])
def test_setting_the_clock_changes_nothing_within_a_boot(shift):
    now = Timestamp("b", 30, 1_000_030 + shift)
    assert login_wait([FailedLogin(at(0), refused=True)], now, restarted=False) == 30


def test_after_a_reboot_with_the_clock_set_back_the_wait_is_bounded():
    failed = [FailedLogin(at(n * 1000), refused=True) for n in range(20)]
    now = Timestamp("another boot", 5, 0)
    assert 0 < login_wait(failed, now, restarted=False) <= HOUR_SECONDS


@pytest.mark.parametrize(
    ("now", "another"),
    [
        (Timestamp("b", DAY_SECONDS - 1, 5e9), False),
        (Timestamp("b", DAY_SECONDS, 0), True),
        (Timestamp("next boot", 5, 1_000_000 + DAY_SECONDS - 1), False),
        (Timestamp("next boot", 5, 1_000_000 + DAY_SECONDS), True),
        (Timestamp("next boot", 5, 999_999), True),
    ],
)
def test_days_pass_whatever_the_clock_is_set_to(now, another):
    assert is_another_day(at(0), now) is another


@pytest.mark.parametrize(
    ("code", "exists", "times_550", "expected"),
    [
        (250, None, 0, DeliveryStatus.DELIVERED),
        (451, True, 0, DeliveryStatus.DEFERRED),
        (452, True, 99, DeliveryStatus.DEFERRED),
        (354, True, 0, DeliveryStatus.DEFERRED),
        (501, True, 0, DeliveryStatus.REJECTED),
        (552, None, 0, DeliveryStatus.REJECTED),
        # Mailman answers 550 when its database is down, too.
        (550, None, 0, DeliveryStatus.DEFERRED),
        (550, None, 99, DeliveryStatus.DEFERRED),
        (550, True, 0, DeliveryStatus.DEFERRED),
        (550, True, 4, DeliveryStatus.DEFERRED),
        (550, True, 5, DeliveryStatus.REJECTED),
        (550, False, 0, DeliveryStatus.REJECTED),
    ],
)
def test_what_a_reply_means(code, exists, times_550, expected):
    assert delivery_status(code, list_exists=exists, times_550=times_550) is expected


@pytest.mark.parametrize(
    ("hang_ups", "others_accepted", "given_up"),
    [(0, True, False), (9, True, False), (10, True, True), (10, False, False), (99, False, False), (100, False, True)],
)
def test_a_message_that_mailman_fails_at_is_not_tried_indefinitely(hang_ups, others_accepted, given_up):
    assert is_poison(hang_ups, others_accepted=others_accepted) is given_up


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([DeliveryStatus.DELIVERED], Disposition.PROCESSED),
        ([DeliveryStatus.DELIVERED, DeliveryStatus.DELIVERED], Disposition.PROCESSED),
        ([DeliveryStatus.DELIVERED, DeliveryStatus.REJECTED], Disposition.REJECTED),
        ([DeliveryStatus.DELIVERED, DeliveryStatus.DEFERRED], Disposition.DEFERRED),
        ([DeliveryStatus.REJECTED, DeliveryStatus.DEFERRED], Disposition.DEFERRED),
    ],
)
def test_a_message_leaves_only_when_every_recipient_is_settled(statuses, expected):
    assert disposition_of(statuses) is expected

"""When messages, and Mailman, are tried again."""

from __future__ import annotations

import random
import time

import pytest

from listkit.bridge.context import MessageRef
from listkit.bridge.retries import MailmanRetry, MessageRetry, RetryQueue
from listkit.common.backoff import Backoff

STEADY = Backoff(first=100, longest=100)


def message(folder: str, uid: int = 1) -> MessageRef:
    return MessageRef("mailman@example.org", folder, 1, uid)


@pytest.fixture
def queue():
    return RetryQueue(STEADY, random.Random(1))  # noqa: S311 (jitter)


def test_a_message_is_due_at_once_until_it_fails(queue):
    assert queue.of(message("INBOX")).due == 0
    assert queue.next_due == float("inf")
    wait = queue.postpone(message("INBOX"))
    assert 70 <= wait <= 100
    assert queue.next_due == pytest.approx(time.monotonic() + wait, abs=5)
    assert queue.failed == {message("INBOX")}


def test_what_went_wrong_is_counted_until_the_message_is_forgotten(queue):
    for _time in range(2):
        queue.postpone(message("INBOX"), MessageRetry.count_hang_up)
    queue.postpone(message("INBOX"), MessageRetry.count_refused_fetch)
    retry = queue.of(message("INBOX"))
    assert (retry.failures, retry.hang_ups, retry.refused_fetches) == (3, 2, 1)
    assert 0 < retry.first_hang_up <= retry.last_refused_fetch
    queue.record_fetch(message("INBOX"))
    assert queue.of(message("INBOX")).refused_fetches == 0
    queue.forget(message("INBOX"))
    assert message("INBOX") not in queue


def test_a_removed_message_is_dropped_and_those_of_other_folders_stay(queue):
    for folder in ("INBOX", "INBOX/Below"):
        queue.postpone(message(folder, 1))
        queue.postpone(message(folder, 2))
    queue.retain("INBOX", frozenset({message("INBOX", 2)}))
    assert queue.failed == {message("INBOX", 2), message("INBOX/Below", 1), message("INBOX/Below", 2)}


def test_mailman_is_tried_again_after_a_wait_that_a_success_resets():
    mailman = MailmanRetry(Backoff(first=100, longest=1000), random.Random(1))  # noqa: S311 (jitter)
    assert mailman.is_due
    assert not mailman.holds_mail
    assert mailman.failed() < mailman.failed()
    assert not mailman.is_due
    assert mailman.holds_mail
    mailman.succeeded()
    assert mailman.failed() <= 100

"""When Mailman stops trying a message that fails again and again."""

import errno

import pytest

from listkit.mailman import poison_messages
from listkit.mailman.poison_messages import LIMIT, Failures


def answers(error, times=LIMIT, delivery="d"):
    failures = Failures()
    return [failures.refusal(delivery, error) for _ in range(times)]


def test_what_fails_again_and_again_is_refused_with_the_reason_in_one_line():
    *first, last = answers(RecursionError("maximum depth\r\n250 é"))
    assert first == [None] * (LIMIT - 1)
    assert last == "554 5.6.0 Mailman cannot handle this message: RecursionError: maximum depth??250 ?"
    assert answers(RecursionError(), LIMIT + 3)[-1].startswith("554")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_errors_of_the_disk_do_not_count(number):
    assert answers(OSError(number, "x"), 50) == [None] * 50


def test_an_unavailable_database_does_not_count():
    error = RuntimeError("away")
    error.orig = type("OperationalError", (Exception,), {"pgcode": None})()
    assert answers(error, 50) == [None] * 50


def test_each_delivery_has_its_own_count_which_success_resets():
    failures = Failures()
    for _ in range(LIMIT - 1):
        failures.refusal("one", ValueError())
    assert failures.refusal("other", ValueError()) is None
    failures.forget("one")
    assert failures.refusal("one", ValueError()) is None


def test_a_flood_of_failures_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(poison_messages, "_MOST", 3)
    failures = Failures()
    for number in range(9):
        failures.refusal(str(number), ValueError())
    assert list(failures._counts) == ["6", "7", "8"]

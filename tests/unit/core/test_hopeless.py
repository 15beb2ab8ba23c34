"""When Mailman stops trying a message that fails again and again."""

import errno

import pytest

from listkit.mailman import hopeless
from listkit.mailman.hopeless import TIMES, Failures


def answers(error, times=TIMES, delivery="d"):
    failures = Failures()
    return [failures.refusal(delivery, error) for _ in range(times)]


def test_what_fails_again_and_again_is_refused_with_the_reason_in_one_line():
    *first, last = answers(RecursionError("maximum depth\r\n250 é"))
    assert first == [None] * (TIMES - 1)
    assert last == "554 5.6.0 Mailman cannot handle this message: RecursionError: maximum depth??250 ?"
    assert answers(RecursionError(), TIMES + 3)[-1].startswith("554")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_trouble_with_the_disk_is_no_message_s_fault(number):
    assert answers(OSError(number, "x"), 50) == [None] * 50


def test_an_absent_database_is_no_message_s_fault():
    error = RuntimeError("away")
    error.orig = type("OperationalError", (Exception,), {"pgcode": None})()
    assert answers(error, 50) == [None] * 50


def test_each_delivery_has_its_own_count_and_a_good_end_is_the_end_of_it():
    failures = Failures()
    for _ in range(TIMES - 1):
        failures.refusal("one", ValueError())
    assert failures.refusal("other", ValueError()) is None
    failures.forget("one")
    assert failures.refusal("one", ValueError()) is None


def test_a_flood_of_failures_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(hopeless, "_MOST", 3)
    failures = Failures()
    for number in range(9):
        failures.refusal(str(number), ValueError())
    assert list(failures._times) == ["6", "7", "8"]

"""A function in a child process: its result comes back, and the limits end it."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from listkit.web import limited

EXPONENTIAL = re.compile(r"(?:\s+x(?:=[^ ]+)?)*>")
"""Like an HTML tag's attributes: each value may end at each white space."""


def call(function, cpu_seconds: float = 5, max_octets: int = 1000) -> str:
    return limited.call(function, cpu_seconds, max_octets)


@pytest.mark.parametrize("text", ["", "plum", "Pflümli \N{CHERRIES}", "\udc80", "x" * 1000])
def test_the_result_comes_back(text):
    assert call(lambda: text) == text


def test_a_regular_expression_is_ended_after_the_time_that_it_may_take():
    started = time.monotonic()
    with pytest.raises(limited.LimitExceeded, match=r"more than 0\.2 s of processor time"):
        call(lambda: str(EXPONENTIAL.match("\tx=1" * 40)), cpu_seconds=0.2)
    assert time.monotonic() - started < 10


def test_waiting_has_a_limit_too(monkeypatch):
    monkeypatch.setattr(limited, "ELAPSED_SECONDS", 0.2)
    with pytest.raises(limited.LimitExceeded, match=r"more than 0\.2 s$"):
        call(lambda: str(threading.Event().wait()))


def test_a_result_that_is_too_long_is_refused():
    with pytest.raises(limited.LimitExceeded, match="more than 1000 octets"):
        call(lambda: "x" * 10_000_000)


def test_a_failure_in_the_child_is_reported(capfd):
    with pytest.raises(limited.LimitExceeded, match=r"failed \(status 1\)"):
        call(lambda: str(1 / 0))


def test_other_threads_go_on_and_wait_for_their_own_child_only():
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(call, _forever, cpu_seconds=1)
        assert [call(lambda: "quick") for _ in range(5)] == ["quick"] * 5
        assert not slow.done()
        with pytest.raises(limited.LimitExceeded):
            slow.result()


def _forever() -> str:
    while True:
        pass

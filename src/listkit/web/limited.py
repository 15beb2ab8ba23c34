"""A function that returns text, run in a child process with limits.

Python's regular expressions can't be interrupted in a thread, and they keep all other threads waiting. A child process
can be ended, and the threads go on while it works.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Callable
from typing import NoReturn

ELAPSED_SECONDS = 20
"""Time limit of a child, however little processor time it gets."""

_FAILED, _TOO_LONG = 1, 2
"""Exit statuses of a child."""

_forking = threading.Lock()
"""Held from a pipe's creation until only one child has its writing end: another child would keep the pipe open."""


class LimitExceeded(Exception):
    """The function took too long, returned too much, or failed; the text has the reason."""


def call(function: Callable[[], str], cpu_seconds: float, max_octets: int) -> str:
    """Return what `function` returns in a child process.

    cpu_seconds: its limit of processor time. max_octets: how long its result may be, in UTF-8.
    Raises LimitExceeded.
    """
    with _forking:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            _answer(function, writing, cpu_seconds, max_octets)
        os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    _raise_for_status(os.waitstatus_to_exitcode(status), cpu_seconds, max_octets)
    return answer.decode("utf-8", "surrogatepass")


def _raise_for_status(status: int, cpu_seconds: float, max_octets: int) -> None:
    if status == -signal.SIGPROF:
        raise LimitExceeded(f"it took more than {cpu_seconds} s of processor time")
    if status == -signal.SIGALRM:
        raise LimitExceeded(f"it took more than {ELAPSED_SECONDS} s")
    if status == _TOO_LONG:
        raise LimitExceeded(f"the result has more than {max_octets} octets")
    if status:
        raise LimitExceeded(f"the function failed (status {status})")


def _answer(function: Callable[[], str], writing: int, cpu_seconds: float, max_octets: int) -> NoReturn:
    """Write the result, then end without any of the parent's clean-up: its connections are shared."""
    status = _FAILED
    try:
        # Looking at an object copies its page.
        gc.disable()
        timers = (
            (signal.SIGPROF, signal.ITIMER_PROF, cpu_seconds),
            (signal.SIGALRM, signal.ITIMER_REAL, ELAPSED_SECONDS),
        )
        for number, timer, seconds in timers:
            signal.signal(number, signal.SIG_DFL)
            signal.setitimer(timer, seconds)
        # uwsgi's threads block all signals.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number for number, _, _ in timers})
        answer = function().encode("utf-8", "surrogatepass")
        if len(answer) > max_octets:
            status = _TOO_LONG
        else:
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(answer)
            status = 0
    finally:
        os._exit(status)

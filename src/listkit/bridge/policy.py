"""Decisions, as pure functions: when to try again, what a reply of Mailman's means, what becomes of a message."""

from __future__ import annotations

import enum
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

HOUR_SECONDS = 3600
DAY_SECONDS = 86_400
LOGINS_AN_HOUR = 10
# The first wait and the longest.
_REFUSED_SECONDS = (60, HOUR_SECONDS)
_UNANSWERED_SECONDS = (5, 640)

# More recipients than anybody means to write to at once.
RECIPIENTS_AT_MOST = 50

# How often "no such mailbox" must be repeated for a list that Mailman's REST API says exists.
TIMES_550_IS_DOUBTED = 5
CRASHES_ALLOWED = 3
# How often the mail service may refuse to hand out one message while it hands out others: that takes half an hour,
# longer than trouble that passes.
REFUSED_FETCHES_ALLOWED = 10
# How often Mailman may break the connection off over one message. As long as it takes no other it may be Mailman that
# is broken: a day's worth of tries.
_HANG_UPS_ALLOWED = 10
_HANG_UPS_ALLOWED_ALONE = 100


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time that can be compared after a restart, and after the wall clock was set.

    boot: the kernel's boot id; monotonic: seconds since that boot; wall: seconds since the epoch.
    """

    boot: str
    monotonic: float
    wall: float

    @classmethod
    def now(cls) -> Moment:
        """This moment."""
        return cls(_boot_id(), time.clock_gettime(time.CLOCK_BOOTTIME), time.time())

    def seconds_until(self, later: Moment) -> float:
        """The seconds from this moment to a later one; 0 where the clock says that it was earlier."""
        if self.boot == later.boot:
            return max(0.0, later.monotonic - self.monotonic)
        return max(0.0, later.wall - self.wall)


def is_another_day(last: Moment, now: Moment) -> bool:
    """Whether a day has passed; a clock that was set back over a reboot starts another."""
    set_back = last.boot != now.boot and now.wall < last.wall
    return set_back or last.seconds_until(now) >= DAY_SECONDS


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class FailedLogin:
    """A login that didn't go well; `refused` tells a plain no from one that got no answer."""

    moment: Moment
    refused: bool


def login_wait(
    failed: Sequence[FailedLogin], now: Moment, *, restarted: bool, refused_at_host: Sequence[Moment] = ()
) -> float:
    """The seconds to wait before a mailbox's next login, after these that failed in a row (oldest first).

    After a refusal one minute, doubling up to an hour; after a login without an answer five seconds, doubling up to ten
    minutes; in any case no more than `LOGINS_AN_HOUR` in any hour. A fresh start (perhaps with a corrected password)
    tries at once, within that limit.

    refused_at_host: the refusals of all mailboxes at the same host, oldest first. It bans our address, not a mailbox:
        a mailbox that was refused keeps to the limit together with the others that were. One that wasn't is free.
    """
    if not failed:
        return 0.0
    wait = 0.0
    if not restarted:
        first, longest = _REFUSED_SECONDS if failed[-1].refused else _UNANSWERED_SECONDS
        full = min(longest, first * 2 ** min(len(failed) - 1, 30))
        wait = full - failed[-1].moment.seconds_until(now)
    wait = max(wait, _until_another_may_fail([attempt.moment for attempt in failed], now))
    if failed[-1].refused:
        wait = max(wait, _until_another_may_fail(refused_at_host, now))
    return wait


def _until_another_may_fail(failures: Sequence[Moment], now: Moment) -> float:
    """The seconds until fewer than `LOGINS_AN_HOUR` failures lie in the past hour."""
    if len(failures) < LOGINS_AN_HOUR:
        return 0.0
    return max(0.0, HOUR_SECONDS - failures[-LOGINS_AN_HOUR].seconds_until(now))


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double: the n-th failure in a row waits `first * 2^(n-1)` seconds up to `longest`, with jitter."""

    first: float
    longest: float

    def wait(self, failures: int, chance: random.Random) -> float:
        """The seconds to wait after so many failures in a row; 0 when there was none."""
        if failures <= 0:
            return 0.0
        full = min(self.longest, self.first * 2 ** min(failures - 1, 30))
        return full * chance.uniform(0.7, 1.0)


class Verdict(enum.Enum):
    """What a reply of Mailman's, or of the relay's, means for one recipient."""

    TAKEN = "taken"
    AGAIN = "again"
    REFUSED = "refused"


def verdict(code: int, *, list_exists: bool | None, times_550: int) -> Verdict:
    """Say what a reply means.

    A 550 isn't final by itself: Mailman also answers it when its database is down. It is once Mailman's REST API says
    that there is no such list, or when it is repeated although there is one.

    list_exists: what the REST API says of the list; None when it can't be asked.
    times_550: how often this message got a 550 before.
    """
    if 200 <= code < 300:
        return Verdict.TAKEN
    if code == 550:
        doubted = list_exists is None or (list_exists and times_550 < TIMES_550_IS_DOUBTED)
        return Verdict.AGAIN if doubted else Verdict.REFUSED
    return Verdict.REFUSED if code >= 500 else Verdict.AGAIN


def is_unbearable(hang_ups: int, *, others_taken: bool) -> bool:
    """Whether a message over which Mailman broke the connection off so often is given up.

    others_taken: whether Mailman took any other message since it did so first.
    """
    return hang_ups >= (_HANG_UPS_ALLOWED if others_taken else _HANG_UPS_ALLOWED_ALONE)


class Fate(enum.Enum):
    """What becomes of a message; the value is the configuration's key of the folder, where there is one."""

    PROCESSED = "processed"
    REJECTED = "rejected"
    UNROUTED = "unrouted"
    FAILED = "failed"
    WAITS = "waits"


def fate(verdicts: Iterable[Verdict]) -> Fate:
    """What becomes of a message, from what became of it for each of its recipients (at least one)."""
    found = set(verdicts)
    if Verdict.AGAIN in found:
        return Fate.WAITS
    return Fate.REJECTED if Verdict.REFUSED in found else Fate.PROCESSED

"""Decisions, as pure functions: when to retry, what Mailman's reply means, where a message goes."""

from __future__ import annotations

import enum
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from listkit.common.backoff import Backoff

HOUR_SECONDS = 3600
DAY_SECONDS = 86_400
LOGINS_AN_HOUR = 10
_AFTER_REFUSAL = Backoff(first=60, longest=HOUR_SECONDS)
_AFTER_SILENCE = Backoff(first=5, longest=640)

# More lists than a sender means to write to at once.
RECIPIENTS_AT_MOST = 50

# How often "no such mailbox" must be repeated for a list that Mailman's REST API says exists.
TIMES_550_IS_DOUBTED = 5
CRASHES_ALLOWED = 3
# How often the mail service may refuse to hand out one message while it hands out others: half an hour, longer than
# most outages.
REFUSED_FETCHES_ALLOWED = 10
# How often Mailman may close the connection in the middle of one message. While it accepts no other message, Mailman
# itself may be broken: a day's worth of attempts.
_HANG_UPS_ALLOWED = 10
_HANG_UPS_ALLOWED_ALONE = 100


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A point in time that can be compared after a restart, and after the wall clock was set.

    boot: the kernel's boot id; monotonic: seconds since that boot; wall: seconds since the epoch.
    """

    boot: str
    monotonic: float
    wall: float

    @classmethod
    def now(cls) -> Timestamp:
        """The current time."""
        return cls(_boot_id(), time.clock_gettime(time.CLOCK_BOOTTIME), time.time())

    def seconds_until(self, later: Timestamp) -> float:
        """The seconds from this timestamp to a later one; 0 where the clock says that it was earlier."""
        if self.boot == later.boot:
            return max(0.0, later.monotonic - self.monotonic)
        return max(0.0, later.wall - self.wall)


def is_another_day(last: Timestamp, now: Timestamp) -> bool:
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
    """A failed login; `refused` is False when the server gave no answer."""

    timestamp: Timestamp
    refused: bool


def login_wait(
    failed: Sequence[FailedLogin], now: Timestamp, *, restarted: bool, refused_at_host: Sequence[Timestamp] = ()
) -> float:
    """The seconds to wait before a mailbox's next login, after these that failed in a row (oldest first).

    After a refusal one minute, doubling up to an hour; after a login without an answer five seconds, doubling up to ten
    minutes; in any case no more than `LOGINS_AN_HOUR` in any hour. A fresh start (perhaps with a corrected password)
    tries at once, within that limit.

    refused_at_host: the refusals of all mailboxes at the same host, oldest first. The host bans the client's address,
        not a mailbox: all refused mailboxes share the limit. A mailbox that wasn't refused ignores it.
    """
    if not failed:
        return 0.0
    wait = 0.0
    if not restarted:
        backoff = _AFTER_REFUSAL if failed[-1].refused else _AFTER_SILENCE
        wait = backoff.delay(len(failed)) - failed[-1].timestamp.seconds_until(now)
    wait = max(wait, _until_another_may_fail([attempt.timestamp for attempt in failed], now))
    if failed[-1].refused:
        wait = max(wait, _until_another_may_fail(refused_at_host, now))
    return wait


def _until_another_may_fail(failures: Sequence[Timestamp], now: Timestamp) -> float:
    """The seconds until fewer than `LOGINS_AN_HOUR` failures lie in the past hour."""
    if len(failures) < LOGINS_AN_HOUR:
        return 0.0
    return max(0.0, HOUR_SECONDS - failures[-LOGINS_AN_HOUR].seconds_until(now))


class DeliveryStatus(enum.Enum):
    """The result of a delivery to one recipient."""

    DELIVERED = "delivered"
    DEFERRED = "deferred"
    REJECTED = "rejected"


def delivery_status(code: int, *, list_exists: bool | None, times_550: int) -> DeliveryStatus:
    """Interpret the reply of Mailman, or of the relay.

    A 550 alone isn't final: Mailman also answers it when its database is down. It is final once Mailman's REST API says
    that there is no such list, or when it is repeated although there is one.

    list_exists: what the REST API says of the list; None when it can't be asked.
    times_550: how often this message got a 550 before.
    """
    if 200 <= code < 300:
        return DeliveryStatus.DELIVERED
    if code == 550:
        doubted = list_exists is None or (list_exists and times_550 < TIMES_550_IS_DOUBTED)
        return DeliveryStatus.DEFERRED if doubted else DeliveryStatus.REJECTED
    return DeliveryStatus.REJECTED if code >= 500 else DeliveryStatus.DEFERRED


def is_poison(hang_ups: int, *, others_accepted: bool) -> bool:
    """Whether to give up on a message in the middle of which Mailman closed the connection `hang_ups` times.

    others_accepted: whether Mailman has accepted any other message since the first time.
    """
    return hang_ups >= (_HANG_UPS_ALLOWED if others_accepted else _HANG_UPS_ALLOWED_ALONE)


class Disposition(enum.Enum):
    """Where a handled message goes; the value is the configuration's key of the folder, where there is one."""

    DELETED = "deleted"
    PROCESSED = "processed"
    REJECTED = "rejected"
    UNROUTED = "unrouted"
    FAILED = "failed"
    DEFERRED = "deferred"


def disposition_of(statuses: Iterable[DeliveryStatus]) -> Disposition:
    """Where a message goes, given the result for each of its recipients (at least one)."""
    found = set(statuses)
    if DeliveryStatus.DEFERRED in found:
        return Disposition.DEFERRED
    return Disposition.REJECTED if DeliveryStatus.REJECTED in found else Disposition.PROCESSED

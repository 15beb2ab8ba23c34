"""What one account has before it at a moment: why it pauses, what counts in its window, what waits."""

from __future__ import annotations

from dataclasses import dataclass, field

from listkit.budget.accounts import Account
from listkit.budget.ledger import Pause
from listkit.budget.schedule import OnTheWay, Probe, Waiting, choose, foresee, opening
from listkit.budget.window import Charge


@dataclass
class Outlook:
    """Taken once in a turn of the valve, which decides by it, and shown as it is then. `probe`: the last one."""

    account: Account
    pause: Pause | None = None
    probe: Probe | None = None
    charges: list[Charge] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)

    @property
    def on_the_way(self) -> OnTheWay:
        """How many of its messages Postfix is delivering."""
        urgent = [charge.urgent for charge in self.charges if charge.spent_at is None]
        return OnTheWay(bulk=urgent.count(False), urgent=urgent.count(True))

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is on its way."""
        return not self.waiting and self.on_the_way == OnTheWay()

    def take(self, now: float) -> Waiting | None:
        """The message to release now, which counts and waits no more; None if there is none."""
        if self.pause and now < self.pause.until:
            return None
        message = choose(self.waiting, self.charges, self.account.limits, self.on_the_way, self.probe, now)
        if message:
            self.waiting.remove(message)
            self.charges.append(Charge(message.recipients, message.list, message.urgent, spent_at=None))
        return message

    def next_release(self, now: float) -> float | None:
        """When the next message may go.

        None when nothing waits, or when it hangs on a message that is on its way.
        """
        start = self._start(now)
        if any(message.not_before <= start for message in self.waiting):
            return opening(self.waiting, self.charges, self.account.limits, self.probe, start)
        return min((message.not_before for message in self.waiting), default=None)

    def next_releases(self, now: float) -> dict[str, float]:
        """When the next message of each list may go, if no more come and nothing is refused.

        Without the lists of which nothing waits, or whose turn is too far ahead to tell.
        """
        return foresee(self.waiting, self.charges, self.account.limits, now, self._start(now))

    def _start(self, now: float) -> float:
        return max(now, self.pause.until) if self.pause else now

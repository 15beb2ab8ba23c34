"""The state of one account at a moment: its pause, the charges of its window, and the messages that wait."""

from __future__ import annotations

from dataclasses import dataclass, field

from listkit.budget.accounts import Account
from listkit.budget.ledger import Pause
from listkit.budget.schedule import InDelivery, Probe, Waiting, next_message, next_opening, predict_releases
from listkit.budget.window import Charge, Kind


@dataclass
class AccountState:
    """Read once in each cycle of the controller, which decides by it and reports it. `probe`: the last one."""

    account: Account
    pause: Pause | None = None
    probe: Probe | None = None
    charges: list[Charge] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)

    @property
    def in_delivery(self) -> InDelivery:
        """The number of its messages that Postfix is delivering."""
        kinds = [charge.kind for charge in self.charges if charge.spent_at is None]
        return InDelivery(kinds.count(Kind.POST), kinds.count(Kind.URGENT), kinds.count(Kind.STRANGER))

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is in delivery."""
        return not self.waiting and self.in_delivery == InDelivery()

    def start_next(self, now: float) -> Waiting | None:
        """Move the message to release now, if there is one, from the waiting to the charged ones and return it."""
        if self.pause and now < self.pause.until:
            return None
        message = next_message(self.waiting, self.charges, self.account.limits, self.in_delivery, self.probe, now)
        if message:
            self.waiting.remove(message)
            self.charges.append(Charge(message.recipients, message.list, message.kind, spent_at=None))
        return message

    def next_release(self, now: float) -> float | None:
        """Return when the next message may leave; None if none waits, or if that depends on one in delivery."""
        start = self._start(now)
        if any(message.not_before <= start for message in self.waiting):
            return next_opening(self.waiting, self.charges, self.account.limits, self.probe, start)
        return min((message.not_before for message in self.waiting), default=None)

    def next_releases(self, now: float) -> dict[str, float]:
        """Return when each list's next message leaves, if none arrives and none is refused.

        Lists without a waiting message are absent, and those whose next release is too far ahead to predict.
        """
        return predict_releases(self.waiting, self.charges, self.account.limits, now, self._start(now))

    def _start(self, now: float) -> float:
        return max(now, self.pause.until) if self.pause else now

"""The valve: settles what Postfix has done with released messages, and releases what fits."""

from __future__ import annotations

from dataclasses import dataclass, replace

from listkit.budget.accounts import Account, Site
from listkit.budget.ledger import Ledger, OpenCharge, Pause, Trouble
from listkit.budget.postfix import Envelope, Place, Queue
from listkit.budget.replies import PAUSES, RETRIES, SUSPECT_RETRY, Meaning, gravest
from listkit.budget.schedule import OnTheWay, Waiting, choose, next_in_turn
from listkit.budget.window import opens_at

# Mail to more people than this isn't personal, whatever its headers say.
MOST_URGENT_RECIPIENTS = 10
# Refusals that are about single recipients when others of the same message got through.
RECIPIENTS_WHEN_PARTIAL = (Meaning.LATER, Meaning.POLICY, Meaning.CONTENT)
# So often a message may be refused for what may be the service's reason, until others are tried before it.
SUSPECT_AFTER = 3
LONGEST_SLEEP_SECONDS = 60
# An envelope of 100 recipients takes 10 kB, and the valve has little memory.
ENVELOPES_AT_ONCE = 100
# Postfix tells us nothing when it lets go of a message; where the kernel can't either, this is how often we look.
WATCH_SECONDS = 2


@dataclass(frozen=True)
class Held:
    """A message on hold: whose it is and what it costs."""

    queue_id: str
    account: Account
    list: str
    recipients: int
    urgent: bool


class Valve:
    """Decides on the messages of one Postfix. All it knows for sure is in the queue and in the ledger."""

    def __init__(self, site: Site, queue: Queue, ledger: Ledger) -> None:
        self.site, self.queue, self.ledger = site, queue, ledger
        self.held: dict[str, Held] = {}
        self._free: set[str] = set()

    def turn(self, now: float) -> float:
        """Bring ledger and queue together once; return when the next turn is due, if nothing happens before."""
        places = self._settle(self.queue.places(), now)
        self._look_at_held(places)
        troubles = self._troubles(places)
        self._expire(troubles, now)
        self._release_free()
        for account in self.site.accounts:
            self._release(account, troubles, now)
        return self._next_turn(troubles, now)

    # What Postfix did

    def _settle(self, places: dict[str, Place], now: float) -> dict[str, Place]:
        """Write down what became of every message that was released; return where the messages are then."""
        self._adopt(places)
        charges = self.ledger.open_charges()
        deferred = [charge.queue_id for charge in charges if places.get(charge.queue_id) is Place.DEFERRED]
        if deferred:
            self.queue.hold(deferred)
            places = self.queue.places()
        returned = [charge for charge in charges if places.get(charge.queue_id) is Place.HOLD]
        for charge in charges:
            if charge.queue_id not in places:
                self._arrived(charge, now)
        if returned:
            envelopes = self.queue.envelopes(charge.queue_id for charge in returned)
            reasons = self.queue.reasons({charge.queue_id for charge in returned})
            for charge in returned:
                if charge.queue_id in envelopes:
                    self._returned(charge, envelopes[charge.queue_id], reasons.get(charge.queue_id, {}), now)
        return places

    def _adopt(self, places: dict[str, Place]) -> None:
        """Charge what is leaving without our doing: released by hand, or by a valve whose ledger is lost."""
        charged = {charge.queue_id for charge in self.ledger.open_charges()}
        self._free &= places.keys()
        loose = [
            queue_id
            for queue_id, place in places.items()
            if place in (Place.ACTIVE, Place.DEFERRED) and queue_id not in charged and queue_id not in self._free
        ]
        for envelope in self.queue.envelopes(loose).values():
            held = self._understand(envelope)
            if held.recipients:
                self._charge(held)
            else:
                self._free.add(envelope.queue_id)

    def _arrived(self, charge: OpenCharge, now: float) -> None:
        with self.ledger.together():
            self.ledger.settle(charge.queue_id, charge.recipients, now)
            self.ledger.end_trouble(charge.queue_id)
            self._prove_well(charge.account, now)

    def _returned(self, charge: OpenCharge, envelope: Envelope, reasons: dict[str, str], now: float) -> None:
        """A released message is on hold again: refused in part or as a whole, or never let go."""
        self.held.pop(charge.queue_id, None)
        sent = max(0, charge.recipients - self.site.cost(envelope.sender, envelope.recipients))
        refusal = gravest(reply for address, reply in reasons.items() if self.site.cost(envelope.sender, [address]))
        meaning, reply = refusal or (None, "")
        if sent and meaning in RECIPIENTS_WHEN_PARTIAL:
            meaning = Meaning.RECIPIENT_LATER
        with self.ledger.together():
            counted = charge.recipients if meaning and meaning.may_have_been_counted else sent
            self.ledger.settle(charge.queue_id, counted, now)
            if meaning is None:
                return
            if meaning.about_the_account:
                self._pause(charge.account, meaning, reply, now)
            elif sent:
                self._prove_well(charge.account, now)
            if meaning in RETRIES or meaning.perhaps_about_the_message:
                self._note_trouble(charge, meaning, reply, now)

    def _prove_well(self, account: str, now: float) -> None:
        """End a pause that has been waiting for a success. A success from before the refusal proves nothing."""
        pause = self.ledger.pause_of(account)
        if pause and pause.until <= now:
            self.ledger.resume(account)

    def _pause(self, account: str, meaning: Meaning, reply: str, now: float) -> None:
        before = self.ledger.pause_of(account)
        # Several messages that were on their way when the service began to refuse are one refusal.
        again = before is not None and before.until <= now
        failures = before.failures + again if before else 1
        until = max(now + PAUSES[meaning].seconds(failures), before.until if before else 0)
        self.ledger.pause(Pause(account, meaning, reply, before.since if before else now, until, failures))

    def _note_trouble(self, charge: OpenCharge, meaning: Meaning, reply: str, now: float) -> None:
        before = self.ledger.troubles().get(charge.queue_id)
        failures = before.failures + 1 if before else 1
        suspect = meaning.perhaps_about_the_message and failures >= SUSPECT_AFTER
        backoff = RETRIES.get(meaning) or (SUSPECT_RETRY if suspect else None)
        self.ledger.trouble(
            Trouble(
                charge.queue_id,
                charge.account,
                meaning,
                reply,
                before.since if before else now,
                now + backoff.seconds(failures) if backoff else now,
                failures,
                suspect,
            )
        )

    # What waits

    def _look_at_held(self, places: dict[str, Place]) -> None:
        on_the_way = {charge.queue_id for charge in self.ledger.open_charges()}
        present = {queue_id for queue_id, place in places.items() if place is Place.HOLD} - on_the_way
        self.held = {queue_id: held for queue_id, held in self.held.items() if queue_id in present}
        unknown = sorted(present - self.held.keys())
        for start in range(0, len(unknown), ENVELOPES_AT_ONCE):
            for envelope in self.queue.envelopes(unknown[start : start + ENVELOPES_AT_ONCE]).values():
                self.held[envelope.queue_id] = self._understand(envelope)

    def _understand(self, envelope: Envelope) -> Held:
        list_address = self.site.list_of(envelope.sender)
        cost = self.site.cost(envelope.sender, envelope.recipients)
        return Held(envelope.queue_id, self.site.account_of(list_address), list_address, cost, is_urgent(envelope))

    def _troubles(self, places: dict[str, Place]) -> dict[str, Trouble]:
        """The troubles of messages that still exist."""
        troubles = self.ledger.troubles()
        for queue_id in troubles.keys() - places.keys():
            self.ledger.end_trouble(queue_id)
        return {queue_id: trouble for queue_id, trouble in troubles.items() if queue_id in places}

    # What goes

    def _expire(self, troubles: dict[str, Trouble], now: float) -> None:
        """Let messages bounce whose recipients could not be reached for too long: no other refusal ever does."""
        for queue_id, trouble in troubles.items():
            about_a_recipient = trouble.meaning in (Meaning.RECIPIENT, Meaning.RECIPIENT_LATER)
            if about_a_recipient and now - trouble.since > self.site.queue_lifetime and queue_id in self.held:
                del self.held[queue_id]
                self._free.add(queue_id)
                self.queue.expire(queue_id)

    def _release_free(self) -> None:
        for held in [held for held in self.held.values() if not held.recipients]:
            del self.held[held.queue_id]
            self._free.add(held.queue_id)
            self.queue.release(held.queue_id)

    def _release(self, account: Account, troubles: dict[str, Trouble], now: float) -> None:
        """Release what may go of one account."""
        pause = self.ledger.pause_of(account.address)
        if pause and now < pause.until:
            return
        waiting = self.waiting(account, troubles)
        while waiting:
            charges = self.ledger.charges(account.address, now - account.limits.window)
            going = self._on_the_way(account)
            message = choose(waiting, charges, account.limits, going, probing=pause is not None, now=now)
            if message is None:
                return
            waiting.remove(message)
            held = self.held.pop(message.queue_id)
            self._charge(held)
            self.queue.release(held.queue_id)

    def waiting(self, account: Account, troubles: dict[str, Trouble]) -> list[Waiting]:
        """The messages on hold that leave through this account.

        A list whose sender was refused waits as a whole: its other messages have the same sender.
        """
        mine = [held for held in self.held.values() if held.account == account and held.recipients]
        senders = {
            held.list: troubles[held.queue_id].not_before
            for held in mine
            if held.queue_id in troubles and troubles[held.queue_id].meaning is Meaning.SENDER
        }
        return [self._waiting(held, troubles.get(held.queue_id), senders.get(held.list, 0)) for held in mine]

    @staticmethod
    def _waiting(held: Held, trouble: Trouble | None, list_not_before: float) -> Waiting:
        message = Waiting(held.queue_id, held.list, held.recipients, held.urgent, list_not_before)
        if trouble:
            message = replace(message, not_before=max(trouble.not_before, list_not_before), suspect=trouble.suspect)
        return message

    def _on_the_way(self, account: Account) -> OnTheWay:
        urgent = [charge.urgent for charge in self.ledger.open_charges() if charge.account == account.address]
        return OnTheWay(bulk=urgent.count(False), urgent=urgent.count(True))

    def _charge(self, held: Held) -> None:
        self.ledger.open(OpenCharge(held.queue_id, held.account.address, held.list, held.urgent, held.recipients))

    # When

    def next_release(self, account: Account, troubles: dict[str, Trouble], now: float) -> float | None:
        """When the next message of an account may go.

        None when nothing waits, or when it hangs on a message that is on its way.
        """
        waiting = self.waiting(account, troubles)
        pause = self.ledger.pause_of(account.address)
        start = max(now, pause.until if pause else now)
        ready = [message for message in waiting if message.not_before <= start]
        if not ready:
            return min((message.not_before for message in waiting), default=None)
        charges = self.ledger.charges(account.address, now - account.limits.window)
        bulk = [message for message in ready if not message.urgent]
        first = [message for message in ready if message.urgent][:1]
        if bulk:
            first.append(next_in_turn(bulk, charges, account.limits, start))
        times = [opens_at(charges, account.limits, start, message.urgent, message.recipients) for message in first]
        return min((time for time in times if time is not None), default=None)

    def _next_turn(self, troubles: dict[str, Trouble], now: float) -> float:
        times = [self.next_release(account, troubles, now) for account in self.site.accounts]
        times.append(now + (WATCH_SECONDS if self.ledger.open_charges() else LONGEST_SLEEP_SECONDS))
        return min(time for time in times if time is not None and time > now)


def is_urgent(envelope: Envelope) -> bool:
    """Whether somebody waits for this one: a confirmation, a password reset, a moderation notice, mail to an owner.

    Mailman marks posts and digests with List-Post or Precedence: list, and its own notices with neither.
    """
    post = "List-Post" in envelope.headers or _header(envelope, "Precedence").strip().lower() == "list"
    return not post and len(envelope.recipients) <= MOST_URGENT_RECIPIENTS


def _header(envelope: Envelope, name: str) -> str:
    return str(envelope.headers.get(name, ""))

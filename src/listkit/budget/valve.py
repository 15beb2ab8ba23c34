"""The valve: settles what Postfix has done with released messages, and releases what fits."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace

from listkit.budget.accounts import Account, Site
from listkit.budget.ledger import Ledger, OpenCharge, Pause, Trouble
from listkit.budget.outlook import Outlook
from listkit.budget.postfix import Envelope, Place, Queue
from listkit.budget.replies import PAUSES, RETRIES, SUSPECT_PAUSE, SUSPECT_RETRY, Meaning, gravest
from listkit.budget.schedule import OnTheWay, Probe, Waiting

# Mail to more people than this isn't personal, whatever its headers say.
MOST_URGENT_RECIPIENTS = 10
# Refusals that are about single recipients when others of the same message got through.
RECIPIENTS_WHEN_PARTIAL = (Meaning.LATER, Meaning.POLICY, Meaning.CONTENT, Meaning.BAN)
# So often a message may be refused for what may be the service's reason, until others are tried before it.
SUSPECT_AFTER = 3
LONGEST_SLEEP_SECONDS = 60
# What Postfix says of a message's recipients takes 30 kB, and the valve has little memory.
RETURNED_AT_ONCE = 100
# Postfix tells us nothing when it lets go of a message; where the kernel can't either, this is how often we look.
WATCH_SECONDS = 2

log = logging.getLogger("listkit.budget")


@dataclass(frozen=True)
class Held:
    """A message on hold: whose it is and what it costs."""

    queue_id: str
    account: Account
    list: str
    recipients: int
    urgent: bool

    def waiting(self, trouble: Trouble | None, list_not_before: float) -> Waiting:
        """The message as it waits, after what was refused of it or of its list."""
        message = Waiting(self.queue_id, self.list, self.recipients, self.urgent, list_not_before)
        if trouble:
            message = replace(message, not_before=max(trouble.not_before, list_not_before), suspect=trouble.suspect)
        return message


class Valve:
    """Decides on the messages of one Postfix. All it knows for sure is in the queue and in the ledger."""

    def __init__(self, site: Site, queue: Queue, ledger: Ledger) -> None:
        self.site, self.queue, self.ledger = site, queue, ledger
        self.outlooks = [Outlook(account) for account in site.accounts]
        self._held: dict[str, Held] = {}
        self._free: set[str] = set()
        self._refused: dict[str, Probe] = {}

    def turn(self, now: float) -> float:
        """Bring ledger and queue together once; return when the next turn is due, if nothing happens before."""
        places = self._settle(self.queue.places(), now)
        self._look_at_held(places)
        troubles = self._troubles(places)
        self._expire(troubles, now)
        self._release_free()
        self.outlooks = [self._outlook(account, troubles, now) for account in self.site.accounts]
        for outlook in self.outlooks:
            self._release(outlook, now)
        return self._next_turn(now)

    # What Postfix did

    def _settle(self, places: dict[str, Place], now: float) -> dict[str, Place]:
        """Write down what became of every message that was released; return where the messages are then."""
        self.ledger.count_again(self.queue.started(), now)
        self._adopt(places, now)
        charges = self.ledger.open_charges()
        deferred = [charge.queue_id for charge in charges if places.get(charge.queue_id) is Place.DEFERRED]
        if deferred:
            self.queue.hold(deferred)
            places = self.queue.places()
        arrived = [charge for charge in charges if charge.queue_id not in places]
        returned = [charge for charge in charges if places.get(charge.queue_id) is Place.HOLD]
        if arrived:
            with self.ledger.together():
                for charge in arrived:
                    self._arrived(charge, now)
        for start in range(0, len(returned), RETURNED_AT_ONCE):
            self._look_at_returned(returned[start : start + RETURNED_AT_ONCE], now)
        return places

    def _adopt(self, places: dict[str, Place], now: float) -> None:
        """Charge what is leaving without our doing: released by hand, or by a valve whose ledger is lost."""
        charged = {charge.queue_id for charge in self.ledger.open_charges()}
        self._free &= places.keys()
        loose = [
            queue_id
            for queue_id, place in places.items()
            if place in (Place.ACTIVE, Place.DEFERRED) and queue_id not in charged and queue_id not in self._free
        ]
        if not loose:
            return
        with self.ledger.together():
            for envelope in self.queue.envelopes(loose):
                held = self._understand(envelope)
                if held.recipients:
                    self._charge(held, now)
                else:
                    self._free.add(envelope.queue_id)

    def _arrived(self, charge: OpenCharge, now: float) -> None:
        self.ledger.settle(charge.queue_id, charge.recipients, now)
        self.ledger.end_trouble(charge.queue_id)
        self._prove_well(charge.account, now)

    def _look_at_returned(self, returned: list[OpenCharge], now: float) -> None:
        """Released messages are on hold again: refused in part or as a whole, or never let go."""
        charges = {charge.queue_id: charge for charge in returned}
        reasons = self.queue.reasons(charges.keys())
        envelopes = list(self.queue.envelopes(charges))
        with self.ledger.together():
            for envelope in envelopes:
                self._held.pop(envelope.queue_id, None)
                self._returned(charges[envelope.queue_id], envelope, reasons.get(envelope.queue_id, {}), now)

    def _returned(self, charge: OpenCharge, envelope: Envelope, reasons: dict[str, str], now: float) -> None:
        sent = max(0, charge.recipients - self.site.cost(envelope.sender, envelope.recipients))
        refusal = gravest(reply for address, reply in reasons.items() if self.site.cost(envelope.sender, [address]))
        meaning, reply = refusal or (None, "")
        before = self.ledger.trouble_of(charge.queue_id)
        # While the account is refused, what is left of an older message fares no better than others.
        well_for_others = self.ledger.pause_of(charge.account) is None
        others_had_it = before and before.meaning is Meaning.RECIPIENT_LATER and well_for_others
        if (sent or others_had_it) and meaning in RECIPIENTS_WHEN_PARTIAL:
            meaning = Meaning.RECIPIENT_LATER
        counted = charge.recipients if meaning and meaning.may_have_been_counted else sent
        self.ledger.settle(charge.queue_id, counted, now)
        if meaning is None:
            return
        suspect = bool(before and before.suspect)
        if meaning in RETRIES or meaning.perhaps_about_the_message or well_for_others:
            suspect = self._note_trouble(charge, before, meaning, reply, now)
        if meaning.about_the_account:
            self._pause(charge, meaning, reply, suspect, now)
        elif sent:
            self._prove_well(charge.account, now)

    def _prove_well(self, account: str, now: float) -> None:
        """End a pause that has been waiting for a success. A success from before the refusal proves nothing."""
        pause = self.ledger.pause_of(account)
        if pause and pause.until <= now:
            self._resume(account)

    def _resume(self, account: str) -> None:
        self.ledger.resume(account)
        log.info("%s sends again", account)

    def _pause(self, charge: OpenCharge, meaning: Meaning, reply: str, suspect: bool, now: float) -> None:
        self._refused[charge.account] = Probe(charge.list, charge.urgent)
        before = self.ledger.pause_of(charge.account)
        # Several messages that were on their way when the service began to refuse are one refusal.
        again = before is not None and before.until <= now
        failures = before.failures + again if before else 1
        backoff = SUSPECT_PAUSE if suspect else PAUSES[meaning]
        until = max(now + backoff.seconds(failures), before.until if before else 0)
        self.ledger.pause(Pause(charge.account, meaning, reply, before.since if before else now, until, failures))
        if not before or again or meaning is not before.meaning:
            end = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(until))
            log.warning("%s pauses (%s) until %s: %s", charge.account, meaning, end, reply)

    def _note_trouble(
        self, charge: OpenCharge, before: Trouble | None, meaning: Meaning, reply: str, now: float
    ) -> bool:
        """Write down why a message was refused; return whether it is under suspicion.

        Most refusals for the account's sake say nothing of the message, and it stays the first: it is tried again when
        the service is well. If that is well for others and never for this one, others have to go before it.
        """
        failures = before.failures + 1 if before else 1
        suspect = bool(before and before.suspect) or (meaning.about_the_account and failures >= SUSPECT_AFTER)
        backoff = RETRIES.get(meaning) or (SUSPECT_RETRY if suspect else None)
        as_before = before and before.meaning.about_a_recipient == meaning.about_a_recipient
        if before and before.meaning is Meaning.RECIPIENT_LATER and meaning.about_the_account:
            # That others have had it is still true.
            meaning = before.meaning
        self.ledger.trouble(
            Trouble(
                charge.queue_id,
                charge.account,
                meaning,
                reply,
                before.since if as_before else now,
                now + backoff.seconds(failures) if backoff else now,
                failures,
                suspect,
            )
        )
        return suspect

    # What waits

    def _look_at_held(self, places: dict[str, Place]) -> None:
        on_the_way = {charge.queue_id for charge in self.ledger.open_charges()}
        present = {queue_id for queue_id, place in places.items() if place is Place.HOLD} - on_the_way
        self._held = {queue_id: held for queue_id, held in self._held.items() if queue_id in present}
        for envelope in self.queue.envelopes(sorted(present - self._held.keys())):
            self._held[envelope.queue_id] = self._understand(envelope)

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

    def _outlook(self, account: Account, troubles: dict[str, Trouble], now: float) -> Outlook:
        pause = self.ledger.pause_of(account.address)
        outlook = Outlook(
            account,
            pause,
            self._refused.get(account.address, Probe()) if pause else None,
            self.ledger.charges(account.address, now - account.limits.window),
            self._waiting(account, troubles),
        )
        if pause and pause.until <= now and outlook.is_idle:
            # Nothing is left that could prove the account well: what was refused has been deleted.
            self._resume(account.address)
            outlook.pause = outlook.probe = None
        return outlook

    def _waiting(self, account: Account, troubles: dict[str, Trouble]) -> list[Waiting]:
        """The messages on hold that leave through this account.

        A list whose sender was refused waits as a whole: its other messages have the same sender.
        """
        mine = [held for held in self._held.values() if held.account is account and held.recipients]
        senders: dict[str, float] = {}
        for held in mine:
            trouble = troubles.get(held.queue_id)
            if trouble and trouble.meaning is Meaning.SENDER:
                senders[held.list] = max(trouble.not_before, senders.get(held.list, 0))
        return [held.waiting(troubles.get(held.queue_id), senders.get(held.list, 0)) for held in mine]

    # What goes

    def _expire(self, troubles: dict[str, Trouble], now: float) -> None:
        """Let messages bounce whose recipients could not be reached for too long: no other refusal ever does.

        Not today's date counts but the last refusal's: nobody tried while the account paused or the valve was dead.
        """
        for queue_id, trouble in troubles.items():
            too_long = trouble.not_before - trouble.since > self.site.queue_lifetime
            if too_long and trouble.meaning.about_a_recipient and queue_id in self._held:
                del self._held[queue_id]
                self._free.add(queue_id)
                self.queue.expire(queue_id)

    def _release_free(self) -> None:
        for held in [held for held in self._held.values() if not held.recipients]:
            del self._held[held.queue_id]
            self._free.add(held.queue_id)
            self.queue.release(held.queue_id)

    def _release(self, outlook: Outlook, now: float) -> None:
        """Release what may go of one account."""
        while message := outlook.take(now):
            self._charge(self._held.pop(message.queue_id), now)
            self.queue.release(message.queue_id)

    def _charge(self, held: Held, now: float) -> None:
        account = held.account.address
        self.ledger.open(OpenCharge(held.queue_id, account, held.list, held.urgent, held.recipients, now))

    # When

    def _next_turn(self, now: float) -> float:
        times = [outlook.next_release(now) for outlook in self.outlooks]
        something_leaves = any(outlook.on_the_way != OnTheWay() for outlook in self.outlooks)
        times.append(now + (WATCH_SECONDS if something_leaves else LONGEST_SLEEP_SECONDS))
        return min(time for time in times if time is not None and time > now)


def is_urgent(envelope: Envelope) -> bool:
    """Whether somebody waits for this one: a confirmation, a password reset, a moderation notice, mail to an owner.

    Mailman marks posts and digests with List-Post, its own notices with Precedence: bulk. Where a list's owner has
    turned List-Post off, Precedence: list is left; confirmations have that too, but say that a program wrote them.
    """
    unmarked = _header(envelope, "Precedence") == "list" and _header(envelope, "Auto-Submitted") != "auto-generated"
    post = "List-Post" in envelope.headers or unmarked
    return not post and len(envelope.recipients) <= MOST_URGENT_RECIPIENTS


def _header(envelope: Envelope, name: str) -> str:
    return str(envelope.headers.get(name, "")).strip().lower()

"""The queue controller: settles what Postfix has done with released messages, and releases what fits."""

from __future__ import annotations

import logging
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, replace

from listkit.budget.account_state import AccountState
from listkit.budget.accounts import Account, Site
from listkit.budget.admission import Admission
from listkit.budget.answers import Answered, kind_of, mailbox
from listkit.budget.ledger import Ledger, OpenCharge, Pause, Refusal
from listkit.budget.postfix import Envelope, Place, PostfixError, Queue
from listkit.budget.replies import MESSAGE_PAUSE, PAUSES, RETRIES, SUSPECT_RETRY, RefusalReason, most_severe
from listkit.budget.schedule import InDelivery, Probe, Waiting
from listkit.budget.window import Kind
from listkit.common.answers import HEADER, Answer, answer_of

# Mail to more recipients is not personal, whatever its headers say.
MOST_URGENT_RECIPIENTS = 10
# Reasons that concern single recipients when the service accepted others of the same message.
RECIPIENTS_WHEN_PARTIAL = (RefusalReason.LATER, RefusalReason.POLICY, RefusalReason.CONTENT, RefusalReason.BAN)
# After this many refusals that may be the service's fault, other messages are tried before this one.
SUSPECT_AFTER = 3
# After this many messages in a row that were refused for their content, the service may soon ban the account.
CONTENT_REFUSALS_IN_A_ROW = 3
LONGEST_SLEEP_SECONDS = 60
# Postfix's listing of a message's recipients takes 30 kB, and the service has little memory.
MESSAGES_AT_ONCE = 100
# Postfix does not report a delivered message; where the kernel reports no change either, look this often.
WATCH_SECONDS = 2

log = logging.getLogger("listkit.budget")


@dataclass(frozen=True)
class HeldMessage:
    """A message on hold: its account and its cost. `answer`: whom it goes to, if it is an automatic answer."""

    queue_id: str
    account: Account
    list: str
    recipients: int
    kind: Kind
    answer: Answer | None
    mailboxes: frozenset[str]

    def waiting(self, refusal: Refusal | None, list_not_before: float) -> Waiting:
        """Return the message as the schedule sees it, with the refusal of it or of its list."""
        message = Waiting(self.queue_id, self.list, self.recipients, self.kind, list_not_before)
        if refusal:
            message = replace(message, not_before=max(refusal.not_before, list_not_before), suspect=refusal.suspect)
        return message

    def answered(self, answer: Answer, now: float) -> Answered:
        """Return the automatic answer that this message is."""
        return Answered(self.queue_id, self.account.address, answer, self.list, self.mailboxes, now)


class QueueController:
    """Decides on the messages of one Postfix. Its whole state is in the queue and in the ledger."""

    def __init__(self, site: Site, queue: Queue, ledger: Ledger) -> None:
        self.site, self.queue, self.ledger = site, queue, ledger
        self.states = [AccountState(account) for account in site.accounts]
        self._admission = Admission(site.answers, ledger, max(account.limits.window for account in site.accounts))
        self._held: dict[str, HeldMessage] = {}
        self._free: set[str] = set()
        self._refused: dict[str, Probe] = {}
        self._content_refusals: Counter[str] = Counter()

    def run_cycle(self, now: float) -> float:
        """Reconcile ledger and queue once, and release; return when the next cycle is due, unless the queue changes."""
        places = self._settle(self.queue.places(), now)
        self._look_at_held(places, now)
        self._drop_overdue(now)
        self._summarise(now)
        refusals = self._refusals(places)
        self._expire(refusals, now)
        self._release_free()
        self.states = [self._state_of(account, refusals, now) for account in self.site.accounts]
        for state in self.states:
            self._release(state, now)
        return self._next_cycle(now)

    # Settling

    def _settle(self, places: dict[str, Place], now: float) -> dict[str, Place]:
        """Record the result of every released message; return where the messages are then."""
        self.ledger.charge_again(self.queue.started(), now)
        self._charge_untracked(places, now)
        charges = self.ledger.open_charges()
        deferred = [charge.queue_id for charge in charges if places.get(charge.queue_id) is Place.DEFERRED]
        if deferred:
            self.queue.hold(deferred)
            places = self.queue.places()
        delivered = [charge for charge in charges if charge.queue_id not in places]
        returned = [charge for charge in charges if places.get(charge.queue_id) is Place.HOLD]
        if delivered:
            with self.ledger.together():
                for charge in delivered:
                    self._delivered(charge, now)
        for start in range(0, len(returned), MESSAGES_AT_ONCE):
            self._settle_returned(returned[start : start + MESSAGES_AT_ONCE], now)
        return places

    def _charge_untracked(self, places: dict[str, Place], now: float) -> None:
        """Charge messages that left hold without us: released by hand, or before the ledger was lost."""
        charged = {charge.queue_id for charge in self.ledger.open_charges()}
        self._free &= places.keys()
        untracked = [
            queue_id
            for queue_id, place in places.items()
            if place in (Place.ACTIVE, Place.DEFERRED) and queue_id not in charged and queue_id not in self._free
        ]
        if not untracked:
            return
        with self.ledger.together():
            for envelope in self.queue.envelopes(untracked):
                held = self._read_message(envelope)
                if held.recipients:
                    self._charge(held, now)
                else:
                    self._free.add(envelope.queue_id)

    def _delivered(self, charge: OpenCharge, now: float) -> None:
        self.ledger.settle(charge.queue_id, charge.recipients, now)
        self.ledger.clear_refusal(charge.queue_id)
        self._content_refusals.pop(charge.account, None)
        self._end_pause_if_proven(charge.account, now)

    def _settle_returned(self, returned: list[OpenCharge], now: float) -> None:
        """Released messages are on hold again: refused in part, refused as a whole, or never tried."""
        charges = {charge.queue_id: charge for charge in returned}
        delay_reasons = self.queue.delay_reasons(charges.keys())
        envelopes = list(self.queue.envelopes(charges))
        with self.ledger.together():
            for envelope in envelopes:
                self._held.pop(envelope.queue_id, None)
                self._returned(charges[envelope.queue_id], envelope, delay_reasons.get(envelope.queue_id, {}), now)

    def _returned(self, charge: OpenCharge, envelope: Envelope, delay_reasons: dict[str, str], now: float) -> None:
        sent = max(0, charge.recipients - self.site.cost(envelope.sender, envelope.recipients))
        before = self.ledger.refusal_of(charge.queue_id)
        others_accepted = self.ledger.pause_of(charge.account) is None
        reason, reply = self._refusal(envelope, delay_reasons, before, sent, others_accepted)
        counted = charge.recipients if reason and reason.may_have_been_counted else sent
        self.ledger.settle(charge.queue_id, counted, now)
        if sent:
            self._content_refusals.pop(charge.account, None)
        if reason is None:
            return
        suspect = bool(before and before.suspect)
        if reason in RETRIES or reason.may_concern_message or others_accepted:
            suspect = self._record_refusal(charge, before, reason, reply, now)
        if self._has_to_pause(charge.account, reason):
            self._pause(charge, reason, reply, suspect, now)
        elif sent:
            self._end_pause_if_proven(charge.account, now)

    def _refusal(
        self,
        envelope: Envelope,
        delay_reasons: dict[str, str],
        before: Refusal | None,
        sent: int,
        others_accepted: bool,
    ) -> tuple[RefusalReason | None, str]:
        """Return the reason why a message was refused, and the reply; None and "" when it was not tried."""
        replies = (reply for address, reply in delay_reasons.items() if self.site.cost(envelope.sender, [address]))
        reason, reply = most_severe(replies) or (None, "")
        # While the account is refused, the rest of an older message has no priority over others.
        others_had_it = before and before.reason is RefusalReason.RECIPIENT_LATER and others_accepted
        if (sent or others_had_it) and reason in RECIPIENTS_WHEN_PARTIAL:
            reason = RefusalReason.RECIPIENT_LATER
        return reason, reply

    def _has_to_pause(self, account: str, reason: RefusalReason) -> bool:
        if reason is RefusalReason.CONTENT:
            self._content_refusals[account] += 1
            return self._content_refusals[account] >= CONTENT_REFUSALS_IN_A_ROW
        return reason.concerns_account

    def _end_pause_if_proven(self, account: str, now: float) -> None:
        """End a pause that has expired. A success from before the refusal proves nothing."""
        pause = self.ledger.pause_of(account)
        if pause and pause.until <= now:
            self._resume(account)

    def _resume(self, account: str) -> None:
        self.ledger.resume(account)
        log.info("%s resumes sending", account)

    def _pause(self, charge: OpenCharge, reason: RefusalReason, reply: str, suspect: bool, now: float) -> None:
        self._refused[charge.account] = Probe(charge.list, charge.kind)
        before = self.ledger.pause_of(charge.account)
        # Several messages that were in delivery when the service began to refuse count as one refusal.
        again = before is not None and before.until <= now
        failures = before.failures + again if before else 1
        backoff = PAUSES[reason] if reason in PAUSES and not suspect else MESSAGE_PAUSE
        until = max(now + backoff.delay(failures), before.until if before else 0)
        self.ledger.pause(Pause(charge.account, reason, reply, before.since if before else now, until, failures))
        if not before or again or reason is not before.reason:
            end = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(until))
            log.warning("%s is paused (%s) until %s: %s", charge.account, reason, end, reply)

    def _record_refusal(
        self, charge: OpenCharge, before: Refusal | None, reason: RefusalReason, reply: str, now: float
    ) -> bool:
        """Record the refusal of a message; return whether the message is suspect.

        A refusal of the account says nothing about the message, which stays the first: it is tried again when the
        service accepts mail. If the service accepts others and never this one, others have to leave before it.
        """
        failures = before.failures + 1 if before else 1
        suspect = bool(before and before.suspect) or (reason.concerns_account and failures >= SUSPECT_AFTER)
        backoff = RETRIES.get(reason) or (SUSPECT_RETRY if suspect else None)
        since = now
        if before and before.reason.concerns_recipient == reason.concerns_recipient:
            since = before.since
        concerns_more = reason.concerns_account or reason is RefusalReason.CONTENT
        if before and before.reason is RefusalReason.RECIPIENT_LATER and concerns_more:
            # It is still true that other recipients have received it.
            reason = before.reason
        self.ledger.record_refusal(
            Refusal(
                charge.queue_id,
                charge.account,
                reason,
                reply,
                since,
                now + backoff.delay(failures) if backoff else now,
                failures,
                suspect,
            )
        )
        return suspect

    # Waiting messages

    def _look_at_held(self, places: dict[str, Place], now: float) -> None:
        in_delivery = {charge.queue_id for charge in self.ledger.open_charges()}
        present = {queue_id for queue_id, place in places.items() if place is Place.HOLD} - in_delivery
        self._held = {queue_id: held for queue_id, held in self._held.items() if queue_id in present}
        new = sorted(present - self._held.keys())
        for start in range(0, len(new), MESSAGES_AT_ONCE):
            messages = [
                self._read_message(item) for item in self.queue.envelopes(new[start : start + MESSAGES_AT_ONCE])
            ]
            with self.ledger.together():
                admitted = [held for held in messages if self._admits(held, now)]
            self._held |= {held.queue_id: held for held in admitted}
            self._drop([held.queue_id for held in messages if held not in admitted])

    def _admits(self, held: HeldMessage, now: float) -> bool:
        if held.answer is None or not held.recipients:
            return True
        return self._admission.admits(held.answered(held.answer, now), held.account.limits)

    def _drop_overdue(self, now: float) -> None:
        waiting = [self._held[item.queue_id] for item in self._admission.overdue(now) if item.queue_id in self._held]
        with self.ledger.together():
            overdue = [held.queue_id for held in waiting if not self._admits(held, now)]
        self._drop(overdue)

    def _drop(self, queue_ids: list[str]) -> None:
        if queue_ids:
            self.queue.delete(queue_ids)
            for queue_id in queue_ids:
                self._held.pop(queue_id, None)

    def _summarise(self, now: float) -> None:
        due = self._admission.summary_due()
        if due is not None and due <= now:
            summary = self._admission.take_summary(now)
            try:
                self.queue.submit(summary)
            except (PostfixError, subprocess.SubprocessError) as error:
                # Other mail has to leave all the same.
                log.error("the summary of dropped messages is not sent: %s", error)

    def _read_message(self, envelope: Envelope) -> HeldMessage:
        list_address = self.site.list_of(envelope.sender)
        cost = self.site.cost(envelope.sender, envelope.recipients)
        account = self.site.account_of(list_address)
        kind, answer = classify(envelope)
        mailboxes = frozenset(map(mailbox, envelope.recipients))
        return HeldMessage(envelope.queue_id, account, list_address, cost, kind, answer, mailboxes)

    def _refusals(self, places: dict[str, Place]) -> dict[str, Refusal]:
        """Return the refusals of messages that still exist, and forget the others."""
        refusals = self.ledger.refusals()
        for queue_id in refusals.keys() - places.keys():
            self.ledger.clear_refusal(queue_id)
        return {queue_id: refusal for queue_id, refusal in refusals.items() if queue_id in places}

    def _state_of(self, account: Account, refusals: dict[str, Refusal], now: float) -> AccountState:
        pause = self.ledger.pause_of(account.address)
        state = AccountState(
            account,
            pause,
            self._refused.get(account.address, Probe()) if pause else None,
            self.ledger.charges(account.address, now - account.limits.window),
            self._waiting(account, refusals),
        )
        if pause and pause.until <= now and state.is_idle:
            # No message is left to try the account with: the refused one has been deleted.
            self._resume(account.address)
            state.pause = state.probe = None
        return state

    def _waiting(self, account: Account, refusals: dict[str, Refusal]) -> list[Waiting]:
        """Return the messages on hold that leave through this account.

        A list whose sender was refused waits as a whole: its other messages have the same sender.
        """
        mine = [held for held in self._held.values() if held.account is account and held.recipients]
        senders: dict[str, float] = {}
        for held in mine:
            refusal = refusals.get(held.queue_id)
            if refusal and refusal.reason is RefusalReason.SENDER:
                senders[held.list] = max(refusal.not_before, senders.get(held.list, 0))
        return [held.waiting(refusals.get(held.queue_id), senders.get(held.list, 0)) for held in mine]

    # Releasing

    def _expire(self, refusals: dict[str, Refusal], now: float) -> None:
        """Bounce the messages whose recipients could not be reached for too long; no other refusal bounces.

        The time of the last refusal counts, not today's: nothing was tried while the account was paused.
        """
        for queue_id, refusal in refusals.items():
            too_long = refusal.not_before - refusal.since > self.site.queue_lifetime
            if too_long and refusal.reason.concerns_recipient and queue_id in self._held:
                del self._held[queue_id]
                self._free.add(queue_id)
                self.queue.expire(queue_id)

    def _release_free(self) -> None:
        for held in [held for held in self._held.values() if not held.recipients]:
            del self._held[held.queue_id]
            self._free.add(held.queue_id)
            self.queue.release(held.queue_id)

    def _release(self, state: AccountState, now: float) -> None:
        """Release the messages of one account that may leave now."""
        while message := state.start_next(now):
            self._charge(self._held.pop(message.queue_id), now)
            self.queue.release(message.queue_id)

    def _charge(self, held: HeldMessage, now: float) -> None:
        account = held.account.address
        self.ledger.open(OpenCharge(held.queue_id, account, held.list, held.kind, held.recipients, now))

    # Timing

    def _next_cycle(self, now: float) -> float:
        times = [state.next_release(now) for state in self.states]
        delivering = any(state.in_delivery != InDelivery() for state in self.states)
        times.append(self._admission.summary_due())
        times.append(now + (WATCH_SECONDS if delivering else LONGEST_SLEEP_SECONDS))
        return min(time for time in times if time is not None and time > now)


def classify(envelope: Envelope) -> tuple[Kind, Answer | None]:
    """Return the kind of a message, and whom it goes to if it is an automatic answer."""
    if answer := answer_of(_header(envelope, HEADER)):
        return kind_of(answer), answer
    return Kind.URGENT if _is_urgent(envelope) else Kind.POST, None


def _is_urgent(envelope: Envelope) -> bool:
    """Whether a person waits for this message: a confirmation, a password reset, a moderation notice, mail to an owner.

    Mailman marks posts and digests with List-Post, its own notices with Precedence: bulk. Where a list's owner has
    turned List-Post off, posts still have Precedence: list; so have confirmations, but these are also Auto-Submitted.
    """
    unmarked = _header(envelope, "Precedence") == "list" and _header(envelope, "Auto-Submitted") != "auto-generated"
    post = "List-Post" in envelope.headers or unmarked
    return not post and len(envelope.recipients) <= MOST_URGENT_RECIPIENTS


def _header(envelope: Envelope, name: str) -> str:
    return str(envelope.headers.get(name, "")).strip().lower()

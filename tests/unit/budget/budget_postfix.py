"""A Postfix and a provider in memory, which keep the rules that the controller relies on, and break in its way."""

from collections import Counter
from email.message import Message

from listkit.budget.postfix import Envelope, Place
from listkit.budget.replies import classify

HOST = "mail.infomaniak.com[192.0.2.1]"
UNKNOWN = f"host {HOST} said: 550 5.1.1 <x>: User unknown (in reply to RCPT TO command)"
FULL = f"host {HOST} said: 452 4.2.2 <x>: mailbox over quota (in reply to RCPT TO command)"
OVER_QUOTA = f"host {HOST} said: 550 5.7.1 Daily sending quota exceeded (in reply to RCPT TO command)"
BANNED = f"host {HOST} said: 550 5.7.1 SMTPban: sending is disabled for this address (in reply to MAIL FROM command)"
BUSY = f"host {HOST} said: 451 4.3.0 Temporary failure, try again later (in reply to end of DATA command)"
CUT = f"lost connection with {HOST} while sending end of data -- message may be sent more than once"
DOWN = f"connect to {HOST}:587: Connection refused"
SPAM = f"host {HOST} said: 554 5.7.1 Spam message rejected (in reply to end of DATA command)"
DISABLED = f"host {HOST} said: 550 5.7.1 <x>: account disabled (in reply to RCPT TO command)"
NOT_OWNED = f"host {HOST} said: 553 5.7.1 <x>: Sender address rejected: not owned by user (in reply to RCPT TO command)"


class Crash(BaseException):
    """The controller's process dies here."""


class Provider:
    """Counts like the provider: recipients that it took, in a sliding window."""

    def __init__(self, quota, window):
        self.quota, self.window = quota, window
        self.refusal = None
        self.taken, self.broken_off = [], []
        self.received = Counter()
        self.order = {}
        self.quota_refusals = 0

    def spent(self, now):
        return sum(count for time, count, *_ in self.taken + self.broken_off if now - time < self.window)

    def forget_broken_off(self, queue_id):
        self.broken_off = [entry for entry in self.broken_off if entry[2] != queue_id]

    def take(self, message, now):
        """Return what each recipient's fate is: None for taken, or the reply."""
        if self.refusal in (DOWN, BANNED, BUSY, SPAM, NOT_OWNED, OVER_QUOTA):
            return dict.fromkeys(message.recipients, self.refusal)
        if self.refusal == CUT:
            # It may count what it does not keep.
            self.broken_off.append((now, len(message.recipients), message.queue_id))
            return dict.fromkeys(message.recipients, CUT)
        fates, taken = {}, 0
        for recipient in message.recipients:
            if recipient.startswith("unknown"):
                fates[recipient] = UNKNOWN
            elif recipient.startswith("full"):
                fates[recipient] = FULL
            elif self.spent(now) + taken >= self.quota:
                self.quota_refusals += 1
                fates[recipient] = OVER_QUOTA
            else:
                taken += 1
                fates[recipient] = None
                self.received[message.queue_id, recipient] += 1
                self.order.setdefault(recipient, []).append(message.queue_id)
        self.taken.append((now, taken))
        return fates


class Queued:
    """A queue file."""

    def __init__(self, queue_id, sender, recipients, post):
        self.queue_id, self.sender, self.recipients = queue_id, sender, list(recipients)
        self.headers = Message()
        if post:
            self.headers["List-Post"] = "<mailto:a@example.org>"
        self.place = Place.HOLD
        self.delay_reasons = {}
        self.expired = False


class Postfix:
    """Behaves like `listkit.budget.postfix.Queue`; `work` does what Postfix does by itself."""

    def __init__(self, provider):
        self.provider = provider
        self.messages = {}
        self.bounced = []
        self.submitted = []
        self.crash_in = None
        self.unreadable = set()
        self._number = 0
        self._started = 0.0

    def arrive(self, sender="a-bounces@example.org", recipients=("ana@example.com",), post=True, place=Place.HOLD):
        """Take a message in, as cleanup does: on hold."""
        self._number += 1
        message = Queued(f"{self._number:06}", sender, recipients, post)
        message.place = place
        self.messages[message.queue_id] = message
        return message.queue_id

    def work(self, now):
        """Deliver what is active."""
        for message in sorted(self.messages.values(), key=lambda message: message.queue_id):
            if message.place is Place.ACTIVE:
                self._deliver(message, now)

    def retry_deferred(self):
        """The queue manager tries deferred mail again by itself.

        That an earlier attempt was interrupted is the one thing that the ledger cannot learn: it takes a controller
        that does not run, and a service that counts messages without an answer.
        """
        for message in self.messages.values():
            if message.place is Place.DEFERRED:
                message.place = Place.ACTIVE
                self.provider.forget_broken_off(message.queue_id)

    def lose_power(self, now):
        """Postfix dies and starts again; the service may have taken what was on its way, and the answer is lost."""
        self._started = now
        for message in self.messages.values():
            if message.place is Place.ACTIVE and not message.expired:
                self.provider.broken_off.append((now, len(message.recipients), message.queue_id))

    def _deliver(self, message, now):
        if message.expired:
            self.bounced += [(message.queue_id, recipient, "expired") for recipient in message.recipients]
            del self.messages[message.queue_id]
            return
        fates = self.provider.take(message, now)
        # The delivery status filter: only what is about a recipient may bounce.
        refused = {recipient: reply for recipient, reply in fates.items() if reply and classify(reply) == "recipient"}
        self.bounced += [(message.queue_id, recipient, reply) for recipient, reply in refused.items()]
        message.delay_reasons = {
            recipient: reply for recipient, reply in fates.items() if reply and recipient not in refused
        }
        message.recipients = list(message.delay_reasons)
        if message.recipients:
            message.place = Place.DEFERRED
        else:
            del self.messages[message.queue_id]

    # What the controller calls

    def started(self):
        return self._started

    def places(self):
        return {queue_id: message.place for queue_id, message in self.messages.items()}

    def envelopes(self, queue_ids):
        found = [self.messages[queue_id] for queue_id in queue_ids if queue_id in self.messages]
        return (
            Envelope(message.queue_id, message.sender, tuple(message.recipients), message.headers) for message in found
        )

    def delay_reasons(self, queue_ids):
        return {
            queue_id: dict(self.messages[queue_id].delay_reasons) for queue_id in queue_ids if queue_id in self.messages
        }

    def release(self, queue_id):
        self._step()
        self._move(queue_id, Place.HOLD, Place.DEFERRED)
        self._step()
        self._move(queue_id, Place.DEFERRED, Place.ACTIVE)
        self._step()

    def hold(self, queue_ids):
        self._step()
        for queue_id in queue_ids:
            self._move(queue_id, Place.DEFERRED, Place.HOLD)
            self._step()

    def expire(self, queue_id):
        self._step()
        self.messages[queue_id].expired = True
        self._move(queue_id, Place.HOLD, Place.ACTIVE)
        self._step()

    def delete(self, queue_ids):
        self._step()
        for queue_id in queue_ids:
            assert self.messages[queue_id].place is Place.HOLD
            del self.messages[queue_id]
            self._step()

    def submit(self, message):
        self._step()
        self.submitted.append(message)

    def _move(self, queue_id, origin, target):
        message = self.messages.get(queue_id)
        if message and message.place is origin:
            message.place = target

    def _step(self):
        """One of the moments at which the controller's process may die."""
        if self.crash_in is not None:
            self.crash_in -= 1
            if self.crash_in < 0:
                self.crash_in = None
                raise Crash

"""Whatever arrives, whatever the provider says and wherever the controller dies: nothing lost, doubled or uncounted."""

from collections import Counter

from budget_postfix import BANNED, BUSY, CUT, DOWN, OVER_QUOTA, Crash, Postfix, Provider
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from listkit.budget.accounts import Account, Site
from listkit.budget.answers import DAY_SECONDS, AnswerLimits
from listkit.budget.controller import QueueController
from listkit.budget.ledger import Ledger
from listkit.budget.window import Kind, Limits, used
from listkit.common.answers import HEADER, Answer

ACCOUNT = "mailman@example.org"
LIMITS = Limits(recipients=100, reserve=20, window=1000.0, strangers=10)
SITE = Site(
    (Account(ACCOUNT, LIMITS),), ("example.org",), ("bounces",), queue_lifetime=1e9, answers=AnswerLimits(2, 10)
)


class Machine(RuleBasedStateMachine):
    """Time passes, mail arrives, the service has its moods, processes die."""

    def __init__(self):
        super().__init__()
        self.now = 1e6
        self.provider = Provider(LIMITS.recipients, LIMITS.window)
        self.postfix = Postfix(self.provider)
        self.ledger = Ledger(":memory:")
        self.controller = QueueController(SITE, self.postfix, self.ledger)
        self.expected, self.answers = set(), set()
        self.booting = False

    @rule(list_name=st.sampled_from("ab"), victim=st.integers(0, 9))
    def a_stranger_is_answered(self, list_name, victim):
        queue_id = self.postfix.arrive(f"{list_name}-bounces@example.org", [f"victim{victim}@x.test"], post=False)
        self.postfix.messages[queue_id].headers[HEADER] = Answer.STRANGER
        self.answers.add(queue_id)

    @rule(
        list_name=st.sampled_from("ab"),
        members=st.integers(1, 40),
        unknown=st.booleans(),
        post=st.booleans(),
    )
    def mail_arrives(self, list_name, members, unknown, post):
        recipients = [f"{list_name}{number}@example.com" for number in range(members if post else 1)]
        queue_id = self.postfix.arrive(
            f"{list_name}-bounces@example.org", recipients + ["unknown@x.test"] * unknown, post
        )
        self.expected |= {(queue_id, recipient) for recipient in recipients}

    @rule(refusal=st.sampled_from([None, None, BANNED, BUSY, CUT, DOWN, OVER_QUOTA]))
    def the_service_changes_its_mood(self, refusal):
        self.provider.refusal = refusal

    @rule(seconds=st.sampled_from([0.1, 1, 30, 200, 999, 4000]))
    def time_passes(self, seconds):
        self.now += seconds

    @rule()
    def a_cycle_runs(self):
        due = self.controller.run_cycle(self.now)
        assert due > self.now
        self.booting = False

    @rule(steps=st.integers(0, 6))
    def the_controller_dies_in_mid_cycle(self, steps):
        self.postfix.crash_in = steps
        try:
            self.controller.run_cycle(self.now)
        except Crash:
            self.controller = QueueController(SITE, self.postfix, self.ledger)
        self.postfix.crash_in = None

    @rule()
    def postfix_delivers(self):
        self.postfix.work(self.now)

    @rule()
    def postfix_retries_by_itself(self):
        self.postfix.retry_deferred()

    @precondition(lambda self: not self.booting)
    @rule()
    def the_host_loses_power(self):
        self.controller = QueueController(SITE, self.postfix, self.ledger)
        self.now += 1
        self.postfix.lose_power(self.now)
        self.booting = True

    @rule(index=st.integers(0, 20))
    def an_operator_releases_one(self, index):
        held = sorted(queue_id for queue_id, message in self.postfix.messages.items() if message.place == "hold")
        if index < len(held):
            self.postfix.release(held[index])
            self.controller.run_cycle(self.now)

    @invariant()
    def nothing_is_doubled(self):
        assert all(count == 1 for count in self.provider.received.values())

    @invariant()
    def nothing_is_lost(self):
        queued = {
            (message.queue_id, recipient)
            for message in self.postfix.messages.values()
            for recipient in message.recipients
        }
        assert self.expected <= set(self.provider.received) | queued

    # Postfix starts before the controller does.
    @precondition(lambda self: not self.booting)
    @invariant()
    def nothing_is_uncounted(self):
        charges = self.ledger.charges(ACCOUNT, self.now - LIMITS.window)
        assert used(charges, LIMITS, self.now) >= self.provider.spent(self.now)

    @invariant()
    def strangers_keep_to_their_share(self):
        charges = [charge for charge in self.ledger.charges(ACCOUNT, 0) if charge.kind == Kind.STRANGER]
        assert used(charges, LIMITS, self.now) <= LIMITS.strangers
        victims = Counter(recipient for queue_id, recipient in self.provider.received if queue_id in self.answers)
        days = self.now // DAY_SECONDS - 1e6 // DAY_SECONDS + 1
        assert all(count <= 2 * (days + 1) for count in victims.values())

    @invariant()
    def only_unknown_recipients_bounce(self):
        assert all(recipient == "unknown@x.test" for _, recipient, _ in self.postfix.bounced)

    def teardown(self):
        """In the end the service is well, and everything arrives."""
        self.provider.refusal = None
        for _ in range(3000):
            if not self.postfix.messages:
                break
            due = self.controller.run_cycle(self.now)
            self.postfix.work(self.now)
            self.now = due
        assert not self.postfix.messages
        received = {entry for entry in self.provider.received if entry[0] not in self.answers}
        assert received == self.expected
        assert all(count == 1 for count in self.provider.received.values())


class Obedient(Machine):
    """Nobody but the controller releases mail: then the service never has a reason to refuse for quota.

    Nor does the power fail, after which Postfix delivers something twice before anybody counts; the reserve is there.
    """

    an_operator_releases_one = None
    the_host_loses_power = None

    @invariant()
    def the_quota_is_never_asked_for(self):
        assert self.provider.quota_refusals == 0


Machine.TestCase.settings = Obedient.TestCase.settings = settings(
    max_examples=120, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestAnything = Machine.TestCase
TestNobodyInterferes = Obedient.TestCase

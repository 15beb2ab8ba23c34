"""The controller against a Postfix and a provider in memory."""

from itertools import pairwise

import pytest
from budget_postfix import (
    BANNED,
    BUSY,
    CUT,
    DISABLED,
    DOWN,
    FULL,
    NOT_OWNED,
    OVER_QUOTA,
    SPAM,
    Crash,
    Postfix,
    Provider,
)

from listkit.budget.accounts import Account, Site
from listkit.budget.answers import AnswerLimits
from listkit.budget.controller import QueueController
from listkit.budget.ledger import Ledger, Refusal
from listkit.budget.postfix import Place
from listkit.budget.replies import RefusalReason
from listkit.budget.window import Limits
from listkit.common.answers import HEADER

WINDOW = 86_400.0
DAY = 86_400.0


class World:
    """A controller, a Postfix and a provider, with a clock."""

    def __init__(self, limit=300, reserve=50, strangers=20, accounts=("mailman@example.org",), lists=()):
        self.now = 1_000_000.0
        self.provider = Provider(limit, WINDOW)
        self.postfix = Postfix(self.provider)
        limits = Limits(limit, reserve, WINDOW, strangers)
        self.site = Site(
            tuple(
                Account(address, limits, dict.fromkeys(lists, 0) if number else {})
                for number, address in enumerate(accounts)
            ),
            list_domains=("example.org",),
            sub_addresses=("bounces", "owner", "request"),
            queue_lifetime=5 * DAY,
            answers=AnswerLimits(per_recipient=2, per_list_and_hour=10),
        )
        self.ledger = Ledger(":memory:")
        self.restart()

    def restart(self):
        """A new process: the memory of the old one is gone."""
        self.controller = QueueController(self.site, self.postfix, self.ledger)

    def post(self, recipients=100, list_name="a", prefix="member"):
        members = [f"{prefix}{number}@example.com" for number in range(recipients)]
        return self.postfix.arrive(f"{list_name}-bounces@example.org", members)

    def notice(self, recipient="ana@example.com", list_name="a"):
        return self.postfix.arrive(f"{list_name}-bounces@example.org", [recipient], post=False)

    def answer(self, answer, recipient="ana@example.com", list_name="a"):
        """An automatic answer, as Mailman marks it."""
        queue_id = self.notice(recipient, list_name)
        self.postfix.messages[queue_id].headers[HEADER] = answer
        return queue_id

    def refuse(self, reply, *queue_ids):
        """Let the provider refuse what is left of these messages."""
        take = self.provider.take
        self.provider.take = lambda message, now: (
            dict.fromkeys(message.recipients, reply) if message.queue_id in queue_ids else take(message, now)
        )

    def pass_time(self, seconds):
        """Let the controller and Postfix work for so long."""
        end = self.now + seconds
        while self.now < end:
            due = self.controller.run_cycle(self.now)
            self.postfix.work(self.now)
            self.now = min(end, max(due, self.now + 1) if not self.ledger.open_charges() else self.now + 1)
        self.controller.run_cycle(self.now)

    @property
    def waiting(self):
        return {queue_id for queue_id, message in self.postfix.messages.items() if message.place is Place.HOLD}

    @property
    def pause(self):
        return self.ledger.pause_of("mailman@example.org")

    @property
    def refusal(self):
        (refusal,) = self.ledger.refusals().values()
        return refusal


@pytest.fixture
def world():
    return World()


def test_a_post_that_fits_leaves_at_once(world):
    world.post(100)
    world.pass_time(5)
    assert not world.postfix.messages
    assert sum(world.provider.received.values()) == 100


def test_a_post_that_does_not_fit_waits_for_the_window(world):
    for _ in range(3):
        world.post(100)
    world.pass_time(WINDOW - 10)
    assert len(world.waiting) == 1
    world.pass_time(20)
    assert not world.postfix.messages
    assert world.provider.quota_refusals == 0


def test_urgent_mail_passes_a_queue_of_posts(world):
    for _ in range(5):
        world.post(100)
    world.pass_time(60)
    notice = world.notice()
    world.pass_time(60)
    assert notice not in world.postfix.messages
    assert len(world.waiting) == 3


def test_five_posts_to_250_members_arrive_in_order_and_once(world):
    sent = []
    for _ in range(5):
        members = [f"member{number}@example.com" for number in range(250)]
        chunks = [members[start : start + 100] for start in (0, 100, 200)]
        sent.append([world.postfix.arrive("a-bounces@example.org", chunk) for chunk in chunks])
    world.pass_time(7 * DAY)
    assert sum(world.provider.received.values()) == 1250
    assert set(world.provider.received.values()) == {1}
    assert all(order == sorted(order) for order in world.provider.order.values())
    assert world.provider.quota_refusals == 0
    assert not world.postfix.bounced


@pytest.mark.parametrize("refusal", [BANNED, OVER_QUOTA, BUSY, CUT, DOWN])
def test_a_refusal_is_a_pause_and_never_a_bounce(world, refusal):
    world.provider.refusal = refusal
    world.post(100)
    world.post(100)
    world.pass_time(60)
    assert world.pause.reply == refusal
    assert len(world.waiting) == 2
    world.provider.refusal = None
    world.pass_time(6 * DAY)
    assert world.pause is None
    assert not world.postfix.messages
    assert set(world.provider.received.values()) == {1}
    assert not world.postfix.bounced


@pytest.mark.parametrize("refusal", [BANNED, OVER_QUOTA])
def test_a_server_that_said_no_is_not_hammered(world, refusal):
    asked = []
    take = world.provider.take
    world.provider.take = lambda message, now: asked.append(now) or take(message, now)
    world.provider.refusal = refusal
    for _ in range(5):
        world.post(10)
    world.pass_time(DAY)
    assert len(asked) < 16


def test_a_refusal_of_everything_costs_nothing(world):
    world.provider.refusal = OVER_QUOTA
    world.post(100)
    world.pass_time(60)
    assert world.ledger.charges("mailman@example.org", 0) == []


def test_what_may_have_been_counted_is_counted(world):
    world.provider.refusal = CUT
    world.post(100)
    world.pass_time(30)
    assert [charge.recipients for charge in world.ledger.charges("mailman@example.org", 0)] == [100]


def test_what_was_on_its_way_in_a_power_cut_is_counted_twice(world):
    world.post(100)
    world.controller.run_cycle(world.now)
    world.postfix.lose_power(world.now + 1)
    world.now += 2
    world.restart()
    world.pass_time(10)
    assert [charge.recipients for charge in world.ledger.charges("mailman@example.org", 0)] == [100, 100]


def test_a_quota_that_ends_in_mid_message_loses_and_doubles_nothing(world):
    world.provider.quota = 60  # the service has counted 240 that we know nothing of
    world.post(100)
    world.pass_time(60)
    assert sum(world.provider.received.values()) == 60
    assert world.pause.reason == "quota"
    assert [charge.recipients for charge in world.ledger.charges("mailman@example.org", 0)] == [60]
    world.pass_time(3 * DAY)
    assert set(world.provider.received.values()) == {1}
    assert len(world.provider.received) == 100


def test_order_is_kept_through_a_day_without_service(world):
    world.provider.refusal = DOWN
    for _ in range(2):
        world.post(100)
    world.pass_time(DAY)
    world.provider.refusal = None
    world.pass_time(DAY)
    assert all(order == sorted(order) for order in world.provider.order.values())
    assert len(world.provider.received) == 200


def test_a_bounce_of_one_recipient_is_a_bounce_of_one_recipient(world):
    world.postfix.arrive(recipients=["unknown@example.com", "ana@example.com"])
    world.pass_time(10)
    assert [recipient for _, recipient, _ in world.postfix.bounced] == ["unknown@example.com"]
    assert world.pause is None


def test_a_full_mailbox_delays_nobody_else_and_bounces_in_the_end(world):
    world.postfix.arrive(recipients=["full@example.com", "ana@example.com"])
    world.post(10)
    world.pass_time(60)
    assert len(world.provider.received) == 11
    assert world.refusal.reply == FULL
    world.pass_time(6 * DAY)
    assert not world.postfix.messages
    assert [(recipient, reply) for _, recipient, reply in world.postfix.bounced] == [("full@example.com", "expired")]


def test_a_message_that_the_filter_refuses_rests_while_the_account_goes_on(world):
    spam = world.post(10)
    world.refuse(SPAM, spam)
    posts = [world.post(10) for _ in range(3)]
    world.pass_time(30)
    assert world.pause is None
    assert not set(posts) & set(world.postfix.messages)
    assert world.ledger.refusal_of(spam).reason == "content"


def test_messages_in_a_row_that_the_filter_refuses_pause_the_account(world):
    asked = []
    take = world.provider.take
    world.provider.take = lambda message, now: asked.append(message.queue_id) or take(message, now)
    world.provider.refusal = SPAM
    posts = {world.post(10) for _ in range(6)}
    world.pass_time(50)
    assert len(set(asked)) == len(asked) == 3
    assert world.pause.reply == SPAM
    world.provider.refusal = None
    world.pass_time(2 * DAY)
    assert world.pause is None
    assert not posts & set(world.postfix.messages)
    assert not world.postfix.bounced


def test_refusals_for_content_between_deliveries_are_not_in_a_row(world):
    for _ in range(4):
        spam = world.post(10)
        world.refuse(SPAM, spam)
        world.post(10)
        world.pass_time(30)
        assert world.pause is None


def test_a_message_that_the_filter_refuses_does_not_stop_the_others(world):
    spam = world.post(10)
    world.refuse(SPAM, spam)
    for _ in range(5):
        world.post(10)
    world.pass_time(10 * DAY)
    assert set(world.postfix.messages) == {spam}
    assert not world.postfix.bounced


def test_many_messages_that_the_filter_refuses_do_not_stop_the_posts(world):
    spam = [world.notice(f"owner{number}@example.com") for number in range(20)]
    world.refuse(SPAM, *spam)
    posts = {world.post(10) for _ in range(5)}
    world.pass_time(600)
    assert not posts & set(world.postfix.messages)
    assert set(spam) == set(world.postfix.messages)


def test_many_messages_that_the_filter_refuses_do_not_stop_a_notice_for_long(world):
    spam = [world.notice(f"owner{number}@example.com") for number in range(20)]
    world.refuse(SPAM, *spam)
    confirmation = world.notice()
    world.pass_time(1500)
    assert confirmation not in world.postfix.messages


def test_a_message_that_is_always_deferred_does_not_stop_the_others(world):
    poison = world.post(10)
    world.refuse(BUSY, poison)
    for _ in range(5):
        world.post(10)
    world.pass_time(3600)
    assert set(world.postfix.messages) == {poison}


@pytest.mark.parametrize("reply", [DOWN, OVER_QUOTA, BANNED])
def test_a_message_that_is_refused_while_others_are_taken_does_not_stop_them(world, reply):
    poison = world.post(10)
    world.refuse(reply, poison)
    for number in range(10):
        world.post(10)
        world.notice(f"newcomer{number}@example.com")
        world.pass_time(3600)
    assert set(world.postfix.messages) == {poison}
    assert world.refusal.suspect
    others = world.post(10)
    world.pass_time(120)
    assert others not in world.postfix.messages
    # Tried again as it is, it costs the others a minute.
    world.pass_time(DAY)
    later = world.post(10)
    world.pass_time(120)
    assert later not in world.postfix.messages


def test_an_outage_puts_nothing_under_suspicion(world):
    world.provider.refusal = DOWN
    posts = [world.post(10, list_name) for list_name in "ab"]
    world.pass_time(DAY)
    assert not any(refusal.suspect for refusal in world.ledger.refusals().values())
    assert set(posts) == world.waiting


def test_a_ban_of_one_of_many_recipients_is_about_that_one(world):
    message = world.postfix.arrive(recipients=["full@example.com", *(f"member{n}@example.com" for n in range(9))])
    fates = world.provider.take

    def take(message, now):
        return {one: reply and DISABLED for one, reply in fates(message, now).items()}

    world.provider.take = take
    world.pass_time(10)
    assert world.pause is None
    assert world.refusal.reason == "recipient later"
    world.pass_time(3600)
    assert message in world.postfix.messages
    assert world.pause is None, "that others have had it is known at the next try, too"
    assert world.refusal.failures > 1


def test_probes_alternate_between_posts_and_notices(world):
    world.provider.refusal = BUSY
    asked = []
    take = world.provider.take
    world.provider.take = lambda message, now: asked.append(bool(message.headers)) or take(message, now)
    world.post(10)
    world.notice()
    world.pass_time(1800)
    assert len(asked) >= 4
    assert all(one != other for one, other in pairwise(asked))


def test_urgent_mail_of_one_list_leaves_the_reserve_to_others(world):
    for number in range(400):
        world.notice(f"welcome{number}@example.com")
    world.pass_time(600)
    assert sum(world.provider.received.values()) == 250
    confirmation = world.notice(list_name="b")
    world.pass_time(5)
    assert confirmation not in world.postfix.messages


def test_a_message_larger_than_posts_may_ever_take_does_not_stop_the_others():
    world = World(limit=110, reserve=50)
    world.post(100)
    world.post(10)
    world.pass_time(2 * DAY)
    assert not world.postfix.messages


def test_a_pause_ends_with_its_cause(world, caplog):
    caplog.set_level("INFO")
    world.provider.refusal = BANNED
    refused = world.post(10)
    world.pass_time(60)
    del world.postfix.messages[refused]
    world.pass_time(1800)
    assert world.pause, "it isn't over before its time"
    world.pass_time(1801)
    assert world.pause is None
    assert "mailman@example.org resumes sending" in caplog.text


def test_a_pause_leaves_one_warning(world, caplog):
    world.provider.refusal = BANNED
    for _ in range(3):
        world.notice()
    world.pass_time(1800)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith("mailman@example.org is paused (ban) until 1970-01-12 ")
    assert record.getMessage().endswith(BANNED)


def test_a_full_mailbox_does_not_bounce_for_the_time_in_which_nobody_tried(world):
    world.postfix.arrive(recipients=["full@example.com"])
    world.pass_time(60)
    world.provider.refusal = BANNED
    world.post(10)
    world.pass_time(6 * DAY)
    assert not world.postfix.bounced, "the account pauses"
    world.provider.refusal = None
    world.ledger.resume("mailman@example.org")
    world.controller.run_cycle(world.now)
    assert not world.postfix.bounced, "it is tried once more"


def test_what_was_refused_for_its_content_has_all_its_time_as_a_full_mailbox(world):
    message = world.postfix.arrive(recipients=["full@example.com"])
    world.provider.refusal = SPAM
    world.pass_time(6 * DAY)
    world.provider.refusal = None
    world.pass_time(2 * DAY)
    assert world.refusal.reason == "recipient later"
    assert message in world.postfix.messages
    world.pass_time(6 * DAY)
    assert message not in world.postfix.messages


def test_a_missing_alias_stops_its_list_only(world):
    take = world.provider.take
    world.provider.take = lambda message, now: (
        dict.fromkeys(message.recipients, NOT_OWNED) if message.sender.startswith("b-") else take(message, now)
    )
    stuck = {world.post(10, "b"), world.post(10, "b")}
    world.post(10, "a")
    world.pass_time(60)
    assert set(world.postfix.messages) == stuck
    assert world.pause is None
    assert len(world.ledger.refusals()) == 1


def test_a_list_rests_as_long_as_its_longest_refusal(world):
    longest, _ = [world.notice(), world.notice()]
    for queue_id in sorted(world.postfix.messages):
        rest = 1000 if queue_id == longest else 100
        world.ledger.record_refusal(
            Refusal(
                queue_id, "mailman@example.org", RefusalReason.SENDER, NOT_OWNED, world.now, world.now + rest, 1, False
            )
        )
    post = world.post(10)
    world.pass_time(900)
    assert post in world.postfix.messages
    world.pass_time(200)
    assert not world.postfix.messages


def test_bounces_that_go_to_mailman_cost_nothing(world):
    world.postfix.arrive("", ["a-bounces@example.org"], post=False)
    world.postfix.arrive("root@example.org", ["a-bounces+tag@example.org"], post=False)
    world.controller.run_cycle(world.now)
    assert not world.waiting
    assert world.ledger.open_charges() == []


def test_mail_that_was_released_by_hand_is_counted(world):
    world.postfix.arrive(recipients=[f"member{number}@example.com" for number in range(30)], place=Place.ACTIVE)
    world.pass_time(5)
    assert [charge.recipients for charge in world.ledger.charges("mailman@example.org", 0)] == [30]


def test_accounts_do_not_share_a_budget():
    world = World(accounts=("mailman@example.org", "second@example.org"), lists=("b@example.org",))
    world.provider.quota = 600  # the provider in memory counts all accounts together
    for _ in range(4):
        world.post(100, "a")
        world.post(100, "b")
    world.pass_time(60)
    assert [len(world.ledger.charges(account.address, 0)) for account in world.site.accounts] == [2, 2]
    world.pass_time(3 * DAY)
    assert not world.postfix.messages
    assert world.provider.quota_refusals == 0


@pytest.mark.parametrize("steps", range(8))
def test_a_controller_that_dies_anywhere_loses_doubles_and_forgets_nothing(world, steps):
    world.postfix.arrive(recipients=["full@example.com", *(f"member{number}@example.com" for number in range(99))])
    world.post(100, prefix="other")
    world.postfix.crash_in = steps
    for _ in range(20):
        try:
            world.controller.run_cycle(world.now)
        except Crash:
            world.restart()
        world.postfix.work(world.now)
        world.now += 1
    assert len(world.provider.received) == 199
    assert set(world.provider.received.values()) == {1}
    assert sum(charge.recipients for charge in world.ledger.charges("mailman@example.org", 0)) == 199

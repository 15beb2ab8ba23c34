"""A mailbox's thread: connections that break, logins that are refused, messages that crash it, and exactly once."""

from __future__ import annotations

import dataclasses
import logging
import random
import re
import socket
import sqlite3
import threading
import time
from collections.abc import Callable

import pytest
from bridge_stand_ins import LOST_250, Hangup, MailServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_bridge_delivery import ACCOUNT, Bench, marked, post

from listkit.bridge import delivery, imap, processing, session
from listkit.bridge.config import KeepDays
from listkit.bridge.context import INTERVALS, MailboxContext
from listkit.bridge.imap import Imap
from listkit.bridge.imap_connection import CertificateRefused, ImapError
from listkit.bridge.policy import DAY_SECONDS, Timestamp
from listkit.bridge.worker import MailboxWorker
from listkit.common import prometheus
from listkit.common.backoff import Backoff
from listkit.common.endpoints import Endpoint

SECONDS = 30
"""A machine that also runs the other tests needs several for what takes one alone."""
_QUICK_BACKOFF = Backoff(first=0.02, longest=0.2)
QUICK = dataclasses.replace(
    INTERVALS,
    reconnect=_QUICK_BACKOFF,
    certificate=_QUICK_BACKOFF,
    mailman=_QUICK_BACKOFF,
    local_error=_QUICK_BACKOFF,
    message=_QUICK_BACKOFF,
)


def wait_until(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen"
        time.sleep(0.005)


class Site(Bench):
    """A mail server, Mailman, and a worker between them."""

    def __init__(self, directory) -> None:
        super().__init__(directory)
        self.server = MailServer()
        self.threads: list[tuple[MailboxWorker, threading.Thread]] = []
        self.intervals = QUICK

    def start(self) -> MailboxWorker:
        self.renew()
        mailbox = self.configuration.mailboxes[0]
        context = MailboxContext(self.configuration, mailbox, self.journal, self.metrics, self.intervals)
        one = MailboxWorker(context, self.agent)
        thread = threading.Thread(target=one.run, daemon=True)
        thread.start()
        self.threads.append((one, thread))
        return one

    def stop(self) -> None:
        for one, thread in self.threads:
            one.stop()
            thread.join(SECONDS)
            assert not thread.is_alive()
        self.threads.clear()

    def value(self, name: str, **labels: str) -> float:
        return self.metrics.value(name, mailbox=ACCOUNT, **labels)

    def set_intervals(self, **changed) -> None:
        """Change waits of the worker that is started next."""
        self.intervals = dataclasses.replace(self.intervals, **changed)

    @property
    def prunes(self) -> int:
        """How many rounds of pruning have ended: one begins with the folder that nothing else selects."""
        return max(0, self.server.commands.count('SELECT "Processed"') - 1)

    def settled(self) -> bool:
        return not any(self.server.contents(folder) for folder in ("INBOX", "Promotions", "SocialNetworks", "Replay"))


@pytest.fixture
def site(tmp_path, monkeypatch):
    one = Site(tmp_path)
    monkeypatch.setattr(imap, "connect", lambda *_: Imap(one.server.open()))
    yield one
    one.stop()
    one.mailman.close()
    one.relay.close()


def times_logged(caplog, text: str) -> int:
    return sum(text in record.getMessage() for record in caplog.records)


def news(n: int, **more: str) -> bytes:
    return post("news@example.org", to="news@example.org", message_id=f"<{n}@example.com>", **more)


def test_waiting_mail_and_new_mail_is_delivered_and_moved(site):
    for n in range(3):
        site.server.put(news(n))
    site.start()
    wait_until(lambda: len(site.mailman.taken) == 3)
    site.server.put(news(3))
    wait_until(lambda: len(site.mailman.taken) == 4, seconds=2)
    wait_until(lambda: len(site.server.contents("Processed")) == 4)
    assert site.server.contents("INBOX") == []
    assert site.value("up") == 1
    assert site.value("delivered_total") == 4


def test_it_may_delete_instead(site):
    site.configuration = dataclasses.replace(site.configuration, delete_processed=True)
    site.server.put(news(1))
    site.server.put(post("x", to="nobody@example.org"))
    site.start()
    wait_until(site.settled)
    assert site.server.contents("Processed") == []
    assert len(site.server.contents("Unrouted")) == 1


def test_a_test_message_of_this_host_leaves_the_mailbox_and_only_a_line_in_the_log(site, caplog):
    caplog.set_level(logging.INFO)
    site.server.put(marked("news@example.org"))
    site.start()
    wait_until(site.settled)
    assert [*site.server.contents("Processed"), *site.mailman.taken] == []
    assert "<1@example.com> via nothing: news@example.org: the test message has arrived: deleted" in caplog.text
    assert site.value("set_aside_total", folder="deleted") == 0


@pytest.fixture
def days(monkeypatch):
    """Lets days go by: call it with their number."""
    past = [0.0]
    real = Timestamp.now

    def shifted() -> Timestamp:
        timestamp = real()
        return Timestamp(timestamp.boot, timestamp.monotonic + past[0], timestamp.wall + past[0])

    monkeypatch.setattr(Timestamp, "now", shifted)

    def see_everything(site: Site) -> None:
        prunes = site.prunes
        wait_until(lambda: site.prunes >= prunes + 2)

    def go_by(site: Site, number: int) -> None:
        # A message's days begin when the bridge sees it.
        see_everything(site)
        for _day in range(number):
            past[0] += DAY_SECONDS
            see_everything(site)

    return go_by


def pruning(site: Site, **keep: int) -> None:
    """Let the site prune often."""
    nothing = dict.fromkeys(("processed", "rejected", "unrouted", "failed"), 0)
    days = KeepDays(**{**nothing, **keep})
    site.configuration = dataclasses.replace(site.configuration, poll_seconds=0.05, keep_days=days)
    site.set_intervals(prune_seconds=0.05)


def test_what_lies_in_a_folder_for_so_many_days_is_deleted(site, days):
    pruning(site, processed=2, rejected=3, failed=4)
    for folder in ("Processed", "Rejected", "Unrouted", "Failed"):
        site.server.put(b"Subject: first\n\n", folder)
    site.start()
    days(site, 1)
    site.server.put(b"Subject: second\n\n", "Processed")
    assert len(site.server.contents("Processed")) == 2
    days(site, 1)
    assert site.server.contents("Processed") == [b"Subject: second\n\n"]
    assert len(site.server.contents("Rejected")) == 1
    days(site, 1)
    assert len(site.server.contents("Processed")) == len(site.server.contents("Failed")) == 1
    assert site.server.contents("Rejected") == []
    days(site, 1)
    assert site.server.contents("Processed") == site.server.contents("Failed") == []
    assert len(site.server.contents("Unrouted")) == 1


def test_mail_that_is_old_when_it_is_set_aside_stays_for_as_long_as_any_other(site, days):
    pruning(site, processed=2, unrouted=2)
    site.server.put(news(1), days_ago=400)
    site.server.put(post("x", to="nobody@example.org"), days_ago=400)
    site.start()
    wait_until(lambda: site.server.contents("Processed") and site.server.contents("Unrouted"))
    days(site, 1)
    assert len(site.server.contents("Processed")) == len(site.server.contents("Unrouted")) == 1
    days(site, 2)
    assert site.server.contents("Processed") == site.server.contents("Unrouted") == []


def test_a_clock_that_is_set_makes_nothing_old(site, days, monkeypatch):
    pruning(site, processed=2)
    site.server.put(b"Subject: first\n\n", "Processed")
    site.start()
    days(site, 1)
    shifted = Timestamp.now

    def set_ahead() -> Timestamp:
        return dataclasses.replace(shifted(), wall=shifted().wall + 400 * DAY_SECONDS)

    monkeypatch.setattr(Timestamp, "now", set_ahead)
    prunes = site.prunes
    wait_until(lambda: site.prunes >= prunes + 5)
    assert len(site.server.contents("Processed")) == 1


def test_a_server_that_does_not_tell_the_next_uid_keeps_everything(site, days):
    site.server.tells_uidnext = False
    pruning(site, processed=1)
    site.server.put(b"Subject: first\n\n", "Processed")
    site.start()
    days(site, 3)
    assert len(site.server.contents("Processed")) == 1


def test_only_so_many_processed_messages_are_kept(site, days):
    pruning(site)
    site.configuration = dataclasses.replace(site.configuration, processed_most=3)
    for n in range(5):
        site.server.put(b"Subject: %d\n\n" % n, "Processed")
    site.server.folders["Processed"].deleted.add(5)
    site.start()
    wait_until(lambda: len(site.server.contents("Processed")) == 4)
    # What a human has marked as deleted isn't counted, and isn't expunged.
    assert site.server.contents("Processed") == [b"Subject: %d\n\n" % n for n in range(1, 5)]


def test_other_folders_are_fetched_and_spam_is_only_counted(site, caplog):
    site.server.put(news(1), "Promotions")
    site.server.put(news(2), "SocialNetworks")
    site.server.put(news(3), "Spam")
    with caplog.at_level(logging.WARNING):
        site.start()
        wait_until(lambda: len(site.mailman.taken) == 2)
        wait_until(lambda: "1 messages in Spam" in caplog.text)
    assert site.value("folder_messages", folder="Spam") == 1
    assert len(site.server.contents("Spam")) == 1


def test_mail_for_nobody_goes_to_unrouted_and_a_refused_one_to_rejected(site):
    site.mailman.answer = lambda _taken: "501 Message has defects"
    site.server.put(news(1))
    site.server.put(post("x", to="nobody@example.org"))
    site.start()
    wait_until(site.settled)
    wait_until(lambda: site.server.contents("Rejected") and site.server.contents("Unrouted"))
    assert site.value("set_aside_total", folder="rejected") == 1
    assert site.value("set_aside_total", folder="unrouted") == 1
    arrived = "folder_oldest_timestamp_seconds"
    wait_until(lambda: all(site.value(arrived, folder=folder) for folder in ("Rejected", "Unrouted")))
    assert site.value(arrived, folder="Failed") == 0


def test_a_message_that_waits_does_not_hold_up_the_others(site):
    site.mailman.answer = lambda taken: "451 later" if b"<1@" in taken.content else "250 Ok"
    site.server.put(news(1))
    site.server.put(news(2))
    site.start()
    wait_until(lambda: len(site.mailman.taken) == 1)
    wait_until(lambda: site.value("waiting_messages") == len(site.server.contents("INBOX")) == 1)
    site.mailman.answer = lambda _taken: "250 Ok"
    wait_until(site.settled)
    assert len(site.mailman.taken) == 2


def test_mailman_away_and_back(site):
    site.mailman.answer = lambda _taken: None
    for n in range(5):
        site.server.put(news(n))
    site.start()
    wait_until(lambda: site.mailman.tries >= 3)
    assert site.metrics.value("mailman_up") == 0
    assert len(site.server.contents("INBOX")) == 5
    site.mailman.answer = lambda _taken: "250 Ok"
    wait_until(site.settled)
    assert len(site.mailman.taken) == 5
    assert site.value("waiting_messages") == 0


def test_a_connection_that_breaks_at_every_third_message_still_makes_progress(site):
    fetches = []

    def before(name, arguments):
        if name == "UID FETCH":
            fetches.append(arguments.split()[0])
            if len(fetches) % 3 == 0:
                raise Hangup

    site.server.before = before
    for n in range(12):
        site.server.put(news(n))
    site.start()
    wait_until(site.settled)
    assert len(site.mailman.taken) == 12
    assert len(site.server.contents("Processed")) == 12
    # None that was handled is fetched again.
    assert len(fetches) == 12 + len(fetches) // 3


def test_a_message_that_the_mail_server_cannot_hand_out_does_not_hold_up_the_others(site):
    bad = site.server.put(news(1))

    def before(name, arguments):
        if name == "UID FETCH" and arguments.startswith(f"{bad} "):
            raise Hangup

    site.server.before = before
    site.server.put(news(2))
    site.start()
    wait_until(lambda: len(site.mailman.taken) == 1)
    site.server.before = lambda *_: None
    wait_until(site.settled)
    assert len(site.mailman.taken) == 2


def test_a_message_that_the_mail_service_refuses_to_hand_out_is_set_aside_when_it_hands_out_others(site, caplog):
    tries = []

    def no(name, arguments):
        if name == "UID FETCH" and arguments.startswith("1 "):
            tries.append(arguments)
            return "NO [SERVERBUG] oops"
        return None

    site.server.before = no
    site.server.put(news(1))
    site.start()
    wait_until(lambda: len(tries) >= 12)
    # Nothing tells yet that the service hands out any message at all.
    assert site.server.contents("INBOX")
    assert "INBOX/1: not delivered (UID FETCH: NO [SERVERBUG] oops); next attempt in" in caplog.text
    site.server.put(news(2))
    wait_until(lambda: site.server.contents("Failed"))
    assert site.server.contents("Failed") == [news(1)]
    assert re.search(r"INBOX/1 .*the mail service refused \d+ times to hand it out: to Failed", caplog.text)
    wait_until(site.settled)
    assert len(site.mailman.taken) == 1


def test_a_message_over_which_the_connection_breaks_is_never_set_aside(site):
    tries = []

    def hang_up(name, arguments):
        if name == "UID FETCH" and arguments.startswith("1 "):
            tries.append(arguments)
            if len(tries) <= 12:
                raise Hangup

    site.server.before = hang_up
    for n in range(1, 3):
        site.server.put(news(n))
    site.start()
    wait_until(site.settled)
    assert len(site.mailman.taken) == 2


COMMANDS_IN_A_ROUND = 12
"""A round that is in vain, with a look at every folder. A bridge that doesn't wait makes eight of them in a second."""


@pytest.fixture
def patient(site, monkeypatch):
    """A bridge that waits long for a message and briefly for Mailman; counts the commands that it gives in a second."""
    site.set_intervals(message=Backoff(first=900, longest=900))

    def commands_in_a_second() -> int:
        # The round that is on its way is over.
        wait_until(lambda: site.server.commands[-1] == "IDLE")
        before = len(site.server.commands)
        time.sleep(1)
        return len(site.server.commands) - before

    return commands_in_a_second


def start_with_a_hang_up(site) -> None:
    """Start with a message on which Mailman breaks the connection off, and let that happen once."""
    site.mailman.answer = lambda _taken: None
    site.server.put(news(1))
    site.start()
    wait_until(lambda: site.mailman.tries)


def test_a_message_that_mailman_hangs_up_on_waits_without_a_command(site, patient):
    start_with_a_hang_up(site)
    time.sleep(0.5)
    assert patient() < 5
    assert site.mailman.tries == 1


def test_nothing_is_asked_for_while_mailman_is_down_and_no_message_waits(site, patient):
    start_with_a_hang_up(site)
    site.server.folders["INBOX"].messages.clear()
    time.sleep(0.5)
    assert patient() < 5


def test_nothing_is_asked_for_before_mailman_is_tried_again(site, patient, monkeypatch):
    site.set_intervals(mailman=Backoff(first=900, longest=900))
    site.set_intervals(message=Backoff(first=0.1, longest=0.1))
    start_with_a_hang_up(site)
    time.sleep(0.5)
    assert patient() < 5


def test_nothing_is_fetched_while_mailman_accepts_no_connections(site, caplog):
    sound = site.configuration
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = Endpoint(*listener.getsockname())
    site.configuration = dataclasses.replace(sound, lmtp=nobody)
    site.server.put(news(1))
    site.start()
    wait_until(lambda: times_logged(caplog, "Mailman accepts no mail") >= 3)
    assert not [command for command in site.server.commands if "BODY" in command]
    assert "INBOX/1" not in caplog.text
    site.stop()
    site.configuration = sound
    site.start()
    wait_until(lambda: site.mailman.taken)


def test_the_oldest_message_s_age_is_reported_while_mailman_accepts_no_connections(site, caplog):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = Endpoint(*listener.getsockname())
    site.configuration = dataclasses.replace(site.configuration, lmtp=nobody)
    first = site.server.put(news(1), days_ago=2)
    site.server.put(news(2))
    site.start()
    wait_until(lambda: times_logged(caplog, "Mailman accepts no mail") >= 5)
    assert 2 * DAY_SECONDS - 60 <= oldest_waiting(site) <= 2 * DAY_SECONDS + 60
    assert [command for command in site.server.commands if command.startswith("UID FETCH")] == [
        f"UID FETCH {first} (UID INTERNALDATE)"
    ]


def test_a_server_that_reports_news_at_each_idle_causes_no_haste(site):
    site.server.always_tells = True
    site.start()
    wait_until(lambda: "IDLE" in site.server.commands)
    time.sleep(1)
    # Waits of 0.1, 0.2, 0.4, … s; each look is a search between two IDLEs.
    assert site.server.commands.count("IDLE") < 8
    site.server.put(news(1))
    wait_until(lambda: site.mailman.taken)


def test_a_server_that_ends_each_idle_causes_no_haste(site):
    site.server.ends_idle = True
    site.start()
    wait_until(lambda: site.server.commands.count("IDLE") == 2)
    time.sleep(1)
    assert site.server.commands.count("IDLE") < 8
    assert site.server.connections == 1
    site.server.put(news(1))
    wait_until(lambda: site.mailman.taken)


def test_a_folder_that_cannot_be_selected_any_more_causes_no_haste(site, patient, monkeypatch):
    site.set_intervals(message=Backoff(first=0.5, longest=0.5))
    site.mailman.answer = lambda _taken: "451 later"
    site.server.put(news(1), "Promotions")
    site.start()
    wait_until(lambda: site.mailman.tries)
    site.server.before = lambda name, what: "NO no" if name == "SELECT" and "Promotions" in what else None
    time.sleep(1)
    assert patient() < 5


def test_a_message_that_mailman_fails_at_does_not_hold_up_the_others(site):
    site.mailman.answer = lambda taken: None if b"<1@" in taken.content else "250 Ok"
    site.server.put(news(1))
    site.server.put(news(2))
    site.start()
    wait_until(lambda: len(site.mailman.taken) == 1)
    assert len(site.server.contents("INBOX")) >= 1
    site.mailman.answer = lambda _taken: "250 Ok"
    wait_until(site.settled)
    assert len(site.mailman.taken) == 2


def test_a_message_that_mailman_never_bears_is_set_aside_when_it_takes_others(site, caplog):
    site.mailman.answer = lambda taken: None if b"<1@" in taken.content else "250 Ok"
    site.server.put(news(1))
    site.start()
    wait_until(lambda: site.mailman.tries >= 15)
    # Nothing tells yet that Mailman takes any message at all.
    assert site.server.contents("INBOX")
    site.server.put(news(2))
    wait_until(lambda: site.server.contents("Failed"))
    assert b"<1@" in site.server.contents("Failed")[0]
    assert re.search(r"INBOX/1 .*Mailman closed the connection \d+ times in the middle of it: to Failed", caplog.text)
    wait_until(lambda: len(site.mailman.taken) == 1)


def test_a_message_that_crashes_the_handler_is_set_aside_and_the_rest_flows(site, monkeypatch):
    sound = delivery.content_identity

    def crashing(header, *rest):
        if header.first("subject") == "bomb":
            raise ZeroDivisionError
        return sound(header, *rest)

    monkeypatch.setattr(delivery, "content_identity", crashing)
    site.server.put(news(1).replace(b"Subject: hi", b"Subject: bomb"))
    site.server.put(news(2))
    site.start()
    wait_until(lambda: len(site.mailman.taken) == 1)
    wait_until(lambda: site.server.contents("Failed"))
    assert site.value("crashes_total") == 3
    assert b"bomb" in site.server.contents("Failed")[0]


def test_a_message_that_kills_the_process_is_set_aside_after_three_times(site):
    bomb = site.server.put(news(1))
    site.server.put(news(2))
    for _life in range(3):
        site.journal.begin_attempt(f"{ACCOUNT}/INBOX/1/{bomb}")
    site.start()
    wait_until(site.settled)
    wait_until(lambda: site.server.contents("Failed"))
    assert [one.content.count(b"<2@") for one in site.mailman.taken] == [1]


def test_what_was_in_hand_at_a_crash_comes_last(site):
    first = site.server.put(news(1))
    site.server.put(news(2))
    site.journal.begin_attempt(f"{ACCOUNT}/INBOX/1/{first}")
    site.start()
    wait_until(lambda: len(site.mailman.taken) == 2)
    assert b"<2@" in site.mailman.taken[0].content


def test_a_refused_login_is_said_counted_and_not_repeated(site, caplog):
    site.server.before = lambda name, _: "NO [AUTHENTICATIONFAILED] no" if name == "AUTHENTICATE" else None
    with caplog.at_level(logging.WARNING):
        site.start()
        wait_until(lambda: site.value("login_refused") == 1)
        wait_until(lambda: re.search(r"next attempt in (60|5\d) s", caplog.text))
    assert site.server.connections == 1
    assert "Check the device password" in caplog.text
    site.stop()
    # A restart tries at once: perhaps the password was corrected.
    site.server.before = lambda *_: None
    site.start()
    wait_until(lambda: site.value("up") == 1)
    assert site.value("login_refused") == 0


def test_a_login_that_fails_by_the_servers_trouble_is_tried_again_sooner(site, caplog):
    site.server.before = lambda name, _: "NO [UNAVAILABLE] later" if name == "AUTHENTICATE" else None
    site.start()
    wait_until(lambda: re.search(r"next attempt in [45] s", caplog.text))
    assert "device password" not in caplog.text
    assert site.value("login_refused") == 0


def test_every_figure_is_there_before_anything_went_well(site, monkeypatch):
    def down(*_):
        raise ImapError("down")

    monkeypatch.setattr(imap, "connect", down)
    site.start()
    wait_until(lambda: "seconds_since_contact" in prometheus.render(site.metrics.snapshot()))
    for figure in ("up", "login_refused", "certificate_refused", "waiting_messages"):
        assert f'listkit_bridge_{figure}{{mailbox="{ACCOUNT}"}} 0\n' in prometheus.render(site.metrics.snapshot())
    assert "last_contact" not in prometheus.render(site.metrics.snapshot())


def test_a_refused_login_is_reported_from_the_start(site, monkeypatch):
    site.journal.login_refused(site.journal.begin_login(ACCOUNT, Timestamp.now()))
    gate = threading.Event()
    monkeypatch.setattr(imap, "connect", lambda *_: gate.wait(SECONDS))
    site.start()
    wait_until(lambda: site.value("login_refused") == 1)
    gate.set()


def test_restarts_do_not_make_it_hammer(site):
    site.server.before = lambda name, _: "NO [AUTHENTICATIONFAILED] no" if name == "AUTHENTICATE" else None
    for life in range(14):
        site.start()
        wait_until(lambda life=life: len(site.journal.failed_logins(ACCOUNT)) >= min(10, life + 1))
        site.stop()
    assert sum(command.startswith("AUTHENTICATE") for command in site.server.commands) == 10


def test_mailboxes_at_one_host_share_the_limit_of_refused_logins(site, caplog):
    site.server.before = lambda name, _: "NO [AUTHENTICATIONFAILED] no" if name == "AUTHENTICATE" else None
    mailbox = site.configuration.mailboxes[0]
    others = [dataclasses.replace(mailbox, account=f"m{n}@example.org") for n in range(8)]
    elsewhere = dataclasses.replace(mailbox, account="z@example.net", host="elsewhere")
    site.configuration = dataclasses.replace(site.configuration, mailboxes=(mailbox, *others, elsewhere))
    for one in (elsewhere, *others):
        site.journal.login_refused(site.journal.begin_login(one.account, Timestamp.now()))
    # Eight were refused at this host, so that there is room for two more.
    for life in (1, 2):
        site.start()
        wait_until(lambda life=life: len(site.journal.failed_logins(ACCOUNT)) == life)
        site.stop()
    site.start()
    wait_until(lambda: re.search(r"next attempt in 3\d\d\d s", caplog.text))
    assert len(site.journal.failed_logins(ACCOUNT)) == 2


def test_a_wrong_certificate_stops_delivery_and_names_what_was_expected(site, monkeypatch, caplog):
    def refuse(*_):
        raise CertificateRefused("the expected name mail.infomaniak.com")

    monkeypatch.setattr(imap, "connect", refuse)
    site.server.put(news(1))
    with caplog.at_level(logging.ERROR):
        site.start()
        wait_until(lambda: site.value("certificate_refused") == 1)
    assert "mail.infomaniak.com" in caplog.text
    assert site.server.commands == []


def test_a_certificate_that_is_good_again_is_reported_although_the_login_is_refused(site, monkeypatch):
    connect, bad = imap.connect, [CertificateRefused("the expected name")]

    def refuse_once(*where):
        if bad:
            raise bad.pop()
        assert site.value("certificate_refused") == 1
        return connect(*where)

    monkeypatch.setattr(imap, "connect", refuse_once)
    site.server.before = lambda name, _: "NO [AUTHENTICATIONFAILED] no" if name == "AUTHENTICATE" else None
    site.start()
    wait_until(lambda: site.value("login_refused") == 1)
    assert site.value("certificate_refused") == 0


def waits(caplog) -> list[float]:
    """How long the bridge said that it would wait before each new connection."""
    return [float(seconds) for seconds in re.findall(r"connecting again in ([0-9.]+) s", caplog.text)]


def test_after_a_session_that_got_on_it_connects_at_once(site, monkeypatch, caplog):
    site.set_intervals(reconnect=Backoff(first=0.5, longest=0.5))
    connect, left = imap.connect, ["down", "down", "down"]

    def down_at_first(*where):
        if left:
            raise ImapError(left.pop())
        return connect(*where)

    monkeypatch.setattr(imap, "connect", down_at_first)
    site.server.put(news(1))
    site.start()
    wait_until(lambda: site.server.contents("Processed"))
    first, second, third = waits(caplog)
    assert first == 0 < second
    assert third > 0

    def hang_up_once(*_command):
        site.server.before = lambda *_: None
        raise Hangup

    site.server.before = hang_up_once
    site.server.put(news(2))
    wait_until(lambda: len(site.server.contents("Processed")) == 2)
    assert waits(caplog)[3:] == [0]


def test_the_wait_for_a_login_makes_no_good_session(site, monkeypatch, caplog):
    site.set_intervals(reconnect=Backoff(first=0.1, longest=0.1))
    asked = []

    def every_other_time(*_, **__):
        asked.append(1)
        return 0.3 * (len(asked) % 2)

    def down(*_):
        raise ImapError("down")

    monkeypatch.setattr(session, "login_wait", every_other_time)
    monkeypatch.setattr(imap, "connect", down)
    site.start()
    wait_until(lambda: len(waits(caplog)) >= 3)
    assert waits(caplog)[0] == 0
    assert all(waits(caplog)[1:3])


def oldest_waiting(site) -> int:
    (age,) = re.findall(
        rf'oldest_waiting_seconds{{mailbox="{ACCOUNT}"}} (\d+)', prometheus.render(site.metrics.snapshot())
    )
    return int(age)


def test_what_is_not_now_is_not_asked_for_at_once(site, patient, caplog):
    site.mailman.answer = lambda _taken: "451 later"
    site.server.put(news(1), days_ago=2)
    site.start()
    wait_until(lambda: site.value("deferred_total") == 1)
    assert patient() < 5
    assert site.mailman.tries == 1
    assert site.value("fetched_total") == 1
    assert 2 * DAY_SECONDS - 60 <= oldest_waiting(site) <= 2 * DAY_SECONDS + 60


def test_a_message_s_way_is_logged_in_one_line(site, caplog):
    with caplog.at_level(logging.INFO):
        site.server.put(news(1))
        site.server.put(post("x", to="nobody@example.org", message_id="<2@exämple.com>"))
        site.start()
        wait_until(site.settled)
    way = r"mailman@example\.org: INBOX/1 <1@example\.com> via Delivered-To: news@example\.org: delivered as "
    assert re.search(way + r"[0-9a-f]{40} \(DATA: 250 Ok\): to Processed\n", caplog.text)
    assert (
        "INBOX/2 <2@ex??mple.com> via Delivered-To: no such address: nobody@example.org: to Unrouted\n" in caplog.text
    )


def test_deliveries_are_forgotten_after_a_time(site, monkeypatch):
    with monkeypatch.context() as then:
        then.setattr("listkit.bridge.journal.time.time", lambda: 0.0)
        site.journal.record_delivered("old", "news@example.org")
    site.journal.record_delivered("new", "news@example.org")
    site.start()
    wait_until(lambda: not site.journal.is_delivered("old"))
    assert site.journal.is_delivered("new")


@pytest.mark.parametrize(
    "verb", ["CAPABILITY", "CREATE", "SELECT", "UID SEARCH", "UID FETCH", "UID MOVE", "IDLE", "STATUS"]
)
def test_a_connection_lost_anywhere_is_made_again(site, verb):
    lost = []

    def hang_up_twice(name, _arguments):
        if name == verb and len(lost) < 2:
            lost.append(name)
            raise Hangup

    site.server.before = hang_up_twice
    site.server.put(news(1))
    site.start()
    wait_until(lambda: len(lost) == 2 and site.settled() and site.value("up") == 1)
    assert list(site.mailman.posts.values()) == [1]


@pytest.mark.parametrize("verb", ["SELECT", "UID SEARCH", "UID FETCH", "UID MOVE", "IDLE", "CREATE", "STATUS"])
def test_a_server_that_says_no_or_nonsense_is_no_end(site, verb):
    said = []

    def no(name, _arguments):
        if name == verb and len(said) < 2:
            said.append(name)
            return random.choice(["NO [UNAVAILABLE] later", "BAD what"])  # noqa: S311 (a test's choice)
        return None

    site.server.before = no
    site.server.put(news(1))
    site.start()
    wait_until(lambda: len(said) == 2 and site.settled() and site.value("up") == 1)
    assert list(site.mailman.posts.values()) == [1]


def test_a_refused_move_holds_nothing_up_and_is_made_later(site, caplog):
    def no(name, arguments):
        return "NO [OVERQUOTA] full" if name == "UID MOVE" and "Processed" in arguments else None

    site.server.before = no
    site.server.put(news(1))
    site.start()
    wait_until(lambda: "can't be moved" in caplog.text)
    for n in range(2, 4):
        site.server.put(news(n))
        wait_until(lambda n=n: len(site.mailman.taken) == n)
    site.server.put(post("x", to="nobody@example.org"))
    wait_until(lambda: site.server.contents("Unrouted"))
    assert "handled messages in INBOX can't be moved to Processed (UID MOVE: NO [OVERQUOTA] full)" in caplog.text
    assert site.server.connections == 1
    # Not those that only ask when a message arrived.
    fetched = [command for command in site.server.commands if command.startswith("UID FETCH") and "BODY" in command]
    assert len(fetched) == 4
    site.server.before = lambda *_: None
    wait_until(site.settled)
    assert len(site.server.contents("Processed")) == 3


def test_refused_moves_are_tried_ever_more_seldom(site, patient, caplog):
    site.server.before = lambda name, _: "NO no" if name == "UID MOVE" else None
    site.server.put(news(1), "Promotions")
    site.start()
    wait_until(lambda: "can't be moved" in caplog.text)
    time.sleep(0.5)
    assert patient() < 5


def test_refused_moves_cause_no_haste_while_mailman_is_down(site, patient, caplog):
    site.set_intervals(mailman=Backoff(first=900, longest=900), message=Backoff(first=0.4, longest=900))
    site.server.before = lambda name, _: "NO no" if name == "UID MOVE" else None
    site.server.put(news(1))
    site.start()
    wait_until(lambda: "can't be moved" in caplog.text)
    site.mailman.answer = lambda _taken: None
    site.server.put(news(2))
    wait_until(lambda: site.mailman.tries == 2)
    site.server.put(news(3))
    time.sleep(2)
    assert patient() < 2 * COMMANDS_IN_A_ROUND


def test_hundreds_of_refused_moves_are_not_tried_one_after_the_other(site, caplog):
    site.server.before = lambda name, _: "NO no" if name == "UID MOVE" else None
    for n in range(160):
        site.server.put(news(n))
    site.start()
    wait_until(lambda: "can't be moved" in caplog.text, 30)
    assert sum(command.startswith("UID MOVE") for command in site.server.commands) == 1
    site.server.before = lambda *_: None
    wait_until(site.settled, 30)


def test_a_deletion_that_is_refused_ends_nothing(site, days):
    pruning(site, processed=1)
    site.server.before = lambda name, _: "NO no" if name == "UID STORE" else None
    site.server.put(b"Subject: first\n\n", "Processed")
    site.start()
    days(site, 2)
    site.server.put(news(1))
    wait_until(lambda: site.mailman.taken)
    assert site.server.connections == 1


def test_a_folder_that_a_human_removed_is_made_again(site):
    site.start()
    wait_until(lambda: "Processed" in site.server.folders)
    del site.server.folders["Processed"]
    site.server.put(news(1))
    wait_until(lambda: site.server.contents("Processed"))
    assert len(site.mailman.taken) == 1


def test_a_new_uidvalidity_posts_nothing_twice(site):
    site.server.put(news(1))
    site.server.before = lambda name, _: "NO later" if name == "UID MOVE" else None
    site.start()
    wait_until(lambda: len(site.mailman.taken) == 1)
    site.server.folders["INBOX"].uidvalidity = 2
    site.server.folders["INBOX"].messages = {70: site.server.contents("INBOX")[0]}
    connections = site.server.connections

    def hang_up_until_it_is_selected_anew(*_command):
        if site.server.connections == connections:
            raise Hangup

    site.server.before = hang_up_until_it_is_selected_anew
    wait_until(site.settled)
    assert list(site.mailman.posts.values()) == [1]


def test_what_a_human_moves_to_replay_is_posted_again(site):
    site.configuration = dataclasses.replace(site.configuration, poll_seconds=1)
    site.server.put(news(1))
    site.start()
    wait_until(lambda: site.server.contents("Processed"))
    site.server.put(site.server.contents("Processed")[0], "Replay")
    wait_until(lambda: len(site.mailman.taken) == 2)
    wait_until(site.settled)
    assert sorted(site.mailman.posts.values()) == [1, 1]


def test_a_full_disk_is_not_the_messages_fault(site, monkeypatch):
    real = processing.tempfile.SpooledTemporaryFile
    full = [True]

    def spool(*arguments, **more):
        if full[0]:
            raise OSError(28, "No space left on device")
        return real(*arguments, **more)

    monkeypatch.setattr(processing.tempfile, "SpooledTemporaryFile", spool)
    site.server.put(news(1))
    site.start()
    wait_until(lambda: site.server.connections > 4)
    full[0] = False
    wait_until(site.settled)
    assert site.server.contents("Failed") == []
    assert list(site.mailman.posts.values()) == [1]


def test_a_message_for_which_the_disk_is_too_small_does_not_hold_up_the_others(site, monkeypatch, caplog):
    full = [True]

    class Spool(processing.tempfile.SpooledTemporaryFile):
        def write(self, octets):
            if full[0] and b"huge" in octets:
                raise OSError(28, "No space left on device")
            return super().write(octets)

    monkeypatch.setattr(processing.tempfile, "SpooledTemporaryFile", Spool)
    site.server.put(news(1, body="huge"))
    for n in range(2, 5):
        site.server.put(news(n))
    site.start()
    wait_until(lambda: len(site.mailman.taken) == 3)
    assert "INBOX/1: not delivered ([Errno 28] No space left on device); next attempt in" in caplog.text
    full[0] = False
    wait_until(site.settled)
    assert len(site.mailman.taken) == 4
    assert site.server.contents("Failed") == []


def test_a_waiting_message_that_a_human_took_away_is_forgotten(site):
    site.mailman.answer = lambda _taken: "451 later"
    uid = site.server.put(news(1), "Promotions")
    site.start()
    wait_until(lambda: site.mailman.tries >= 2)
    del site.server.folders["Promotions"].messages[uid]
    wait_until(lambda: site.value("waiting_messages") == 0)
    commands = len(site.server.commands)
    time.sleep(0.5)
    assert len(site.server.commands) - commands < 10


def test_a_journal_that_turns_out_to_be_damaged_ends_the_process(site, monkeypatch):
    def damaged(_key):
        raise sqlite3.DatabaseError("database disk image is malformed")

    monkeypatch.setattr(site.journal, "begin_attempt", damaged)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    site.server.put(news(1))
    site.start()
    (_one, thread) = site.threads[0]
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_mailboxes_do_not_wait_for_each_other(site, monkeypatch):
    healthy = site.start()
    wait_until(lambda: site.value("up") == 1)

    def down(*_):
        raise ImapError("down")

    monkeypatch.setattr(imap, "connect", down)
    site.start()
    site.server.put(news(1))
    wait_until(lambda: len(site.mailman.taken) == 1)
    assert healthy.is_alive


def test_a_message_that_is_gone_is_no_error(site):
    uid = site.server.put(news(1))

    def take_away(name, _arguments):
        if name == "UID FETCH":
            site.server.folders["INBOX"].messages.pop(uid, None)

    site.server.before = take_away
    site.start()
    wait_until(site.settled)
    site.server.put(news(2))
    site.server.before = lambda *_: None
    wait_until(lambda: len(site.mailman.taken) == 1)


def test_a_message_that_is_listed_and_not_handed_out_is_reported_and_causes_no_haste(
    site, patient, caplog, monkeypatch
):
    site.set_intervals(message=Backoff(first=0.4, longest=900))
    site.server.before = lambda name, _: "OK nothing" if name == "UID FETCH" else None
    site.server.put(news(1))
    site.start()
    wait_until(lambda: "INBOX/1: listed, but the mail service doesn't return it" in caplog.text)
    assert site.value("waiting_messages") == 1
    time.sleep(1)
    assert patient() < 2 * COMMANDS_IN_A_ROUND
    site.server.before = lambda *_: None
    wait_until(lambda: site.mailman.taken)


def test_a_move_that_breaks_the_connection_leaves_no_message_unfinished_and_none_unlogged(site, caplog):
    def break_once(name, _arguments):
        if name == "UID MOVE":
            site.server.before = lambda *_: None
            raise Hangup

    site.server.before = break_once
    for n in range(50):
        site.server.put(news(n))
    with caplog.at_level(logging.INFO):
        site.start()
        wait_until(site.settled)
    assert "INBOX/50 <49@example.com> via Delivered-To: news@example.org: delivered as" in caplog.text
    assert "(DATA: 250 Ok): to Processed" in caplog.text
    site.stop()
    assert site.journal.unfinished_attempts() == frozenset()


def test_a_stop_ends_at_once_and_blames_no_message(site):
    gate = threading.Event()
    site.mailman.answer = lambda _taken: "250 Ok" if gate.wait(5) else None
    site.server.put(news(1))
    one = site.start()
    wait_until(lambda: site.mailman.tries == 1)
    one.stop()
    one.abandon()
    assert site.journal.unfinished_attempts() == frozenset()
    gate.set()


class Chaos:
    """Breaks things by the dice of one seed: connections on both sides, and replies after Mailman took the message."""

    def __init__(self, site: Site, seed: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311 (a reproducible test)
        self._left = 30
        site.server.before = self.imap
        site.mailman.answer = self.lmtp

    def _breaks(self) -> bool:
        self._left -= (broken := self._left > 0 and self._dice.random() < 0.15)
        return broken

    def imap(self, name: str, _arguments: str) -> str | None:
        if name != "AUTHENTICATE" and self._breaks():
            if self._dice.random() < 0.5:
                raise Hangup
            return "NO not now"
        return None

    def lmtp(self, _taken) -> str | None:
        return self._dice.choice([None, LOST_250, "451 later", "550 no"]) if self._breaks() else "250 Ok"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), messages=st.integers(1, 12))
def test_whatever_breaks_each_message_is_posted_once(site, seed, messages):
    """The bridge's core promise, lost 250s included."""
    site.mailman.taken.clear()
    site.mailman.once = True
    Chaos(site, seed)
    example = f"{seed} {time.monotonic()}"
    for n in range(messages):
        site.server.put(news(n, body=f"{example}, {n}."))
    site.start()
    wait_until(site.settled, 30)
    site.stop()
    bodies = sorted(one.content.rpartition(b"\r\n\r\n")[2] for one in site.mailman.taken)
    assert bodies == sorted(f"{example}, {n}.\r\n".encode() for n in range(messages))
    assert not site.server.contents("Failed")
    assert not site.server.contents("Rejected")

"""A mailbox's thread: connections that break, logins that are refused, messages that crash it, and exactly once."""

from __future__ import annotations

import dataclasses
import logging
import random
import threading
import time
from collections.abc import Callable

import pytest
from bridge_stand_ins import LOST_250, Hangup, MailServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_bridge_delivery import ACCOUNT, Bench, post

from listkit.bridge import delivery, imap, worker
from listkit.bridge.config import KeepDays
from listkit.bridge.imap import CertificateRefused, Imap, ImapError
from listkit.bridge.policy import Backoff
from listkit.bridge.worker import Worker

SECONDS = 10


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
        self.threads: list[tuple[Worker, threading.Thread]] = []

    def start(self) -> Worker:
        self.renew()
        one = Worker(self.configuration, self.configuration.mailboxes[0], self.postman, self.journal, self.metrics)
        thread = threading.Thread(target=one.run, daemon=True)
        thread.start()
        self.threads.append((one, thread))
        return one

    def stop(self) -> None:
        for one, thread in self.threads:
            one.stop.set()
            thread.join(SECONDS)
            assert not thread.is_alive()
        self.threads.clear()

    def value(self, name: str, **labels: str) -> float:
        return self.metrics.value(name, mailbox=ACCOUNT, **labels)

    def settled(self) -> bool:
        return not any(self.server.contents(folder) for folder in ("INBOX", "Promotions", "SocialNetworks", "Replay"))


@pytest.fixture
def site(tmp_path, monkeypatch):
    one = Site(tmp_path)
    monkeypatch.setattr(imap, "connect", lambda *_: Imap(one.server.open()))
    for name in ("_RECONNECT", "_CERTIFICATE", "_MAILMAN_AWAY", "_TROUBLE", "_MESSAGE"):
        monkeypatch.setattr(worker, name, Backoff(first=0.02, longest=0.2))
    yield one
    one.stop()
    one.mailman.close()
    one.relay.close()


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


def test_folders_for_humans_are_pruned_by_age_and_number(site):
    keep = KeepDays(processed=7, rejected=30, unrouted=0, failed=0)
    site.configuration = dataclasses.replace(site.configuration, keep_days=keep, processed_most=3)
    for folder in ("Processed", "Rejected", "Unrouted", "Failed"):
        site.server.put(b"Subject: old\n\n", folder)
        for _ in range(4):
            site.server.put(b"Subject: new\n\n", folder)
    site.server.put(b"Subject: old\n\n", "Spam")
    site.start()
    wait_until(lambda: len(site.server.contents("Processed")) == 3 and len(site.server.contents("Rejected")) == 4)
    assert len(site.server.contents("Unrouted")) == len(site.server.contents("Failed")) == 5
    assert len(site.server.contents("Spam")) == 1
    assert {"UID SEARCH OLDER 604800", "UID SEARCH OLDER 2592000"} <= set(site.server.commands)


def test_other_folders_are_fetched_and_spam_is_only_counted(site, caplog):
    site.server.put(news(1), "Promotions")
    site.server.put(news(2), "SocialNetworks")
    site.server.put(news(3), "Spam")
    with caplog.at_level(logging.WARNING):
        site.start()
        wait_until(lambda: len(site.mailman.taken) == 2)
        wait_until(lambda: site.value("folder_messages", folder="Spam") == 1)
    assert len(site.server.contents("Spam")) == 1
    assert "1 messages in Spam" in caplog.text


def test_mail_for_nobody_goes_to_unrouted_and_a_refused_one_to_rejected(site):
    site.mailman.answer = lambda _taken: "501 Message has defects"
    site.server.put(news(1))
    site.server.put(post("x", to="nobody@example.org"))
    site.start()
    wait_until(site.settled)
    wait_until(lambda: site.server.contents("Rejected") and site.server.contents("Unrouted"))
    assert site.value("set_aside_total", folder="rejected") == 1
    assert site.value("set_aside_total", folder="unrouted") == 1


def test_a_message_that_waits_does_not_hold_up_the_others(site):
    site.mailman.answer = lambda taken: "451 later" if b"<1@" in taken.content else "250 Ok"
    site.server.put(news(1))
    site.server.put(news(2))
    site.start()
    wait_until(lambda: len(site.mailman.taken) == 1)
    wait_until(lambda: site.value("waiting_messages") == 1)
    assert len(site.server.contents("INBOX")) == 1
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


def test_a_message_that_crashes_the_handler_is_set_aside_and_the_rest_flows(site, monkeypatch):
    sound = delivery.content_identity

    def crashing(head, *rest):
        if head.first("subject") == "bomb":
            raise ZeroDivisionError
        return sound(head, *rest)

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
        site.journal.take_in_hand(f"{ACCOUNT}/INBOX/1/{bomb}")
    site.start()
    wait_until(site.settled)
    wait_until(lambda: site.server.contents("Failed"))
    assert [one.content.count(b"<2@") for one in site.mailman.taken] == [1]


def test_what_was_in_hand_at_a_crash_comes_last(site):
    first = site.server.put(news(1))
    site.server.put(news(2))
    site.journal.take_in_hand(f"{ACCOUNT}/INBOX/1/{first}")
    site.start()
    wait_until(lambda: len(site.mailman.taken) == 2)
    assert b"<2@" in site.mailman.taken[0].content


def test_a_refused_login_is_said_counted_and_not_repeated(site, caplog):
    site.server.before = lambda name, _: "NO [AUTHENTICATIONFAILED] no" if name == "AUTHENTICATE" else None
    with caplog.at_level(logging.WARNING):
        site.start()
        wait_until(lambda: site.value("login_refused") == 1)
        wait_until(lambda: "next try in 60 s" in caplog.text)
    assert site.server.connections == 1
    assert "Check the device password" in caplog.text
    site.stop()
    # A restart tries at once: perhaps the password was corrected.
    site.server.before = lambda *_: None
    site.start()
    wait_until(lambda: site.value("up") == 1)
    assert site.value("login_refused") == 0


def test_restarts_do_not_make_it_hammer(site):
    site.server.before = lambda name, _: "NO [AUTHENTICATIONFAILED] no" if name == "AUTHENTICATE" else None
    for life in range(14):
        site.start()
        wait_until(lambda life=life: len(site.journal.failed_logins(ACCOUNT)) >= min(10, life + 1))
        site.stop()
    assert sum(command.startswith("AUTHENTICATE") for command in site.server.commands) == 10


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


@pytest.mark.parametrize(
    "verb", ["CAPABILITY", "CREATE", "SELECT", "UID SEARCH", "UID FETCH", "UID MOVE", "IDLE", "STATUS"]
)
def test_a_connection_lost_anywhere_is_made_anew(site, verb):
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
    site.server.before = lambda *_: None
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
    real = worker.tempfile.SpooledTemporaryFile
    full = [True]

    def spool(*arguments, **more):
        if full[0]:
            raise OSError(28, "No space left on device")
        return real(*arguments, **more)

    monkeypatch.setattr(worker.tempfile, "SpooledTemporaryFile", spool)
    site.server.put(news(1))
    site.start()
    wait_until(lambda: site.server.connections > 4)
    full[0] = False
    wait_until(site.settled)
    assert site.server.contents("Failed") == []
    assert list(site.mailman.posts.values()) == [1]


def test_a_waiting_message_that_a_human_took_away_is_forgotten(site):
    site.mailman.answer = lambda _taken: "451 later"
    uid = site.server.put(news(1), "Promotions")
    one = site.start()
    wait_until(lambda: site.mailman.tries >= 2)
    del site.server.folders["Promotions"].messages[uid]
    wait_until(lambda: not one._deferred)
    commands = len(site.server.commands)
    time.sleep(0.5)
    assert len(site.server.commands) - commands < 10


def test_mailboxes_do_not_wait_for_each_other(site, monkeypatch):
    healthy = site.start()
    wait_until(lambda: site.value("up") == 1)

    def down(*_):
        raise ImapError("down")

    monkeypatch.setattr(imap, "connect", down)
    site.start()
    site.server.put(news(1))
    wait_until(lambda: len(site.mailman.taken) == 1)
    assert healthy.heart.beating


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


def test_a_stop_ends_at_once_and_blames_no_message(site):
    gate = threading.Event()
    site.mailman.answer = lambda _taken: "250 Ok" if gate.wait(5) else None
    site.server.put(news(1))
    one = site.start()
    wait_until(lambda: site.mailman.tries == 1)
    one.stop.set()
    one.abandon()
    assert site.journal.suspects() == frozenset()
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

"""Mailman core when something dies: its runners, its database, or its LMTP server while it takes a message."""

from __future__ import annotations

import json
import random
import secrets
import shlex
import time
from collections.abc import Iterator

import pytest

from e2e.mailing import MailingList, person
from infomaniak import compose

pytestmark = [pytest.mark.lab, pytest.mark.every_release("core")]

QUEUES = "/var/lib/mailman3/queue"
RUNNERS = ["in", "out", "pipeline", "lmtp", "bounces"]
BACK_WITHIN_SECONDS = 90

_SEND = """
import json, smtplib, sys
for identity, sender, recipient, text in json.load(sys.stdin):
    try:
        with smtplib.LMTP("127.0.0.1", 8024, timeout=60) as lmtp:
            lmtp.sendmail(sender, [recipient], f"X-Listkit-Delivery: {identity}\\r\\n{text}".encode())
        print(identity, flush=True)
    except (OSError, smtplib.SMTPException) as error:
        print(error, file=sys.stderr)
"""


class Posts:
    """Posts to one list, each handed to Mailman as the bridge does: under an id, again and again until it is taken."""

    def __init__(self, mailing_list: MailingList, count: int):
        self.list, self.host = mailing_list, mailing_list.site.host
        self.author, self.reader = person("author"), person()
        mailing_list.add(self.author, self.reader)
        self.subjects = [f"About {secrets.token_hex(4)}" for _ in range(count)]
        self.wanting = list(self.subjects)

    def send(self, *subjects: str) -> None:
        """Hand over once what `subjects` name, whether or not it was taken before."""
        command = shlex.join(["python3", "-c", _SEND])
        taken = self.host.try_run(command, stdin=json.dumps(list(map(self._delivery, subjects)))).stdout.split("\n")
        self.wanting = [subject for subject in self.wanting if self._identity(subject) not in taken]

    def send_all(self) -> None:
        """Hand over what hasn't been taken yet, until all of it is."""
        self.list.deployment.stand_in.wait(
            lambda: self.send(*self.wanting) or not self.wanting, "Mailman to take it", 600
        )

    def check_each_came_once(self) -> None:
        """The subscriber has each post, once."""
        for subject in self.subjects:
            self.list.arrives(self.reader, subject, seconds=600)
        self.list.settle()
        copies = {subject: self.list.copies([self.reader], subject)[self.reader] for subject in self.subjects}
        assert copies == dict.fromkeys(self.subjects, 1)

    def _identity(self, subject: str) -> str:
        return f"{subject.split()[1]}/{self.list.name}"

    def _delivery(self, subject: str) -> list[str]:
        message = compose(self.author, self.list.address, subject)
        return [self._identity(subject), self.author, self.list.address, message.as_string()]


@pytest.fixture
def host(mailing_list: MailingList) -> Iterator:
    """The list's host. Whatever a test does to Mailman, nothing may be set aside, and all is well afterwards."""
    host = mailing_list.site.host
    before = set_aside(host)
    yield host
    assert set_aside(host) == before
    host.run("systemctl is-active mailman3")


@pytest.fixture
def database(mailing_list: MailingList) -> Iterator:
    """The host of Mailman's database, which runs afterwards."""
    yield mailing_list.site.database
    mailing_list.site.database.run("systemctl is-active postgresql")


def set_aside(host) -> list[str]:
    """The messages that wait for somebody to look at them."""
    return sorted(host.run(f"find {QUEUES}/shunt {QUEUES}/bad -type f").split())


def pid(host, runner: str) -> str:
    """The process of a runner; empty when there is none."""
    return host.try_run(f"pgrep -x {f'mailman-{runner}'[:15]}").stdout.strip()


def wait(mailing_list: MailingList, condition, what: str, seconds: float = BACK_WITHIN_SECONDS) -> None:
    """Wait until `condition` holds."""
    mailing_list.deployment.stand_in.wait(condition, what, seconds)


def queued(host, queue: str) -> bool:
    """Whether a message lies in a queue."""
    return bool(host.run(f"find {QUEUES}/{queue} -name '*.pck'").strip())


def kept(host, queue: str) -> int:
    """How often Mailman put a message back into a queue."""
    return int(host.try_run(f"grep -c 'stays in the queue {queue} ' /var/log/mailman3/mailman.log").stdout or 0)


def test_killed_runners_are_back_and_lose_nothing(mailing_list: MailingList, host):
    posts, master = Posts(mailing_list, 5), host.run("systemctl show -P MainPID mailman3")
    killed = {runner: pid(host, runner) for runner in RUNNERS}
    posts.send(*posts.subjects[:2])
    host.run(f"kill -9 {' '.join(killed.values())}")
    wait(mailing_list, lambda: all(pid(host, runner) not in ("", killed[runner]) for runner in RUNNERS), "the runners")
    posts.send_all()
    posts.check_each_came_once()
    assert host.run("systemctl show -P MainPID mailman3") == master


@pytest.mark.parametrize("how", ["restart", "reload"])
def test_a_restart_in_the_middle_of_a_stream_loses_and_doubles_nothing(mailing_list: MailingList, host, how: str):
    posts = Posts(mailing_list, 12)
    posts.send(*posts.subjects[:6])
    host.run(f"systemctl {how} mailman3")
    posts.send_all()
    posts.check_each_came_once()


def test_a_delivery_that_comes_again_is_posted_once(mailing_list: MailingList, host):
    posts = Posts(mailing_list, 1)
    posts.send_all()
    posts.send(*posts.subjects)
    host.run("systemctl restart mailman3")
    posts.send(*posts.subjects)
    posts.check_each_came_once()


def test_a_delivery_is_posted_once_whenever_the_lmtp_server_is_killed(mailing_list: MailingList, host):
    posts = Posts(mailing_list, 6)
    kill = "sleep {delay:.3f}; kill -9 $(pgrep -x mailman-lmtp)"
    for subject in posts.subjects:
        wait(mailing_list, lambda: pid(host, "lmtp"), "the LMTP server")
        delay = random.uniform(0, 0.4)  # noqa: S311 -- a moment, no secret
        host.run(f"systemd-run --quiet --collect sh -c {shlex.quote(kill.format(delay=delay))}")
        posts.send(subject)
        time.sleep(0.4)  # until the kill is past
    posts.send_all()
    posts.check_each_came_once()


@pytest.mark.split
@pytest.mark.parametrize("queue", ["in", "pipeline", "out"])
def test_a_post_that_finds_no_database_waits_for_it(mailing_list: MailingList, host, database, queue: str):
    posts, runner, before = Posts(mailing_list, 1), pid(host, queue), kept(host, queue)
    host.run(f"kill -STOP {runner}")
    try:
        posts.send_all()
        wait(mailing_list, lambda: queued(host, queue), f"the post in the queue {queue}")
        database.run("systemctl stop postgresql 'postgresql@*'")
        host.run(f"kill -CONT {runner}")
        wait(mailing_list, lambda: kept(host, queue) > before, "the post to be kept")
    finally:
        database.run("systemctl start postgresql")
        host.try_run(f"kill -CONT {runner}")  # it may have been replaced
    posts.check_each_came_once()


def test_a_runner_with_nothing_in_its_hands_outlives_a_database_that_is_away(mailing_list: MailingList, host, database):
    def put_off() -> int:
        log = "grep -c 'bounces runner .* its periodic work' /var/log/mailman3/mailman.log"
        return int(host.try_run(log).stdout or 0)

    runner, before = pid(host, "bounces"), put_off()
    database.run("systemctl stop postgresql 'postgresql@*'")
    try:
        wait(mailing_list, lambda: put_off() > before, "the bounce runner to meet it")
    finally:
        database.run("systemctl start postgresql")
    assert pid(host, "bounces") == runner


@pytest.mark.split
def test_a_database_that_restarts_in_the_middle_of_a_stream_costs_and_doubles_nothing(
    mailing_list: MailingList, host, database
):
    posts = Posts(mailing_list, 12)
    for number in (0, 4, 8):
        posts.send(*posts.subjects[number : number + 4])
        database.run("systemctl restart postgresql")
    posts.send_all()
    posts.check_each_came_once()

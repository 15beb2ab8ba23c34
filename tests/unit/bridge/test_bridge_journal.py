"""What survives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import listkit
from listkit.bridge.imap import Selected
from listkit.bridge.journal import Journal
from listkit.bridge.policy import DAY_SECONDS, FailedLogin, Timestamp


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.sqlite"


def test_deliveries_are_remembered(path):
    journal = Journal(path)
    assert not journal.is_delivered("a")
    journal.record_delivered("a", "news@example.org")
    journal.record_delivered("a", "news@example.org")
    journal.close()
    journal = Journal(path)
    assert journal.is_delivered("a")
    assert not journal.is_delivered("b")


def test_what_was_recorded_survives_kill_9(path):
    program = (
        "import sys, pathlib; from listkit.bridge.journal import Journal\n"
        "journal = Journal(pathlib.Path(sys.argv[1]))\n"
        "for n in range(10**9):\n"
        "    journal.record_delivered(str(n), 'x'); journal.begin_attempt(f'm{n}'); print(n, flush=True)\n"
    )
    environment = {"PYTHONPATH": str(Path(listkit.__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True, env=environment
    )
    last = [int(next(process.stdout)) for _ in range(40)][-1]
    os.kill(process.pid, signal.SIGKILL)
    last = max([last, *map(int, process.stdout.read().splitlines())])
    process.wait()
    journal = Journal(path)
    assert all(journal.is_delivered(str(n)) for n in range(last + 1))
    assert {f"m{n}" for n in range(last + 1)} <= journal.unfinished_attempts()


def test_handling_that_does_not_end_is_counted(path):
    journal = Journal(path)
    assert [journal.begin_attempt("m") for _ in range(3)] == [0, 1, 2]
    assert journal.unfinished_attempts() == {"m"}
    journal.end_attempt("m")
    assert journal.unfinished_attempts() == frozenset()
    assert journal.begin_attempt("m") == 0


def test_failed_logins_are_remembered_until_one_goes_well(path):
    journal = Journal(path)
    first, second = Timestamp("b", 1.5, 2.5), Timestamp("b", 3.5, 4.5)
    journal.login_refused(journal.begin_login("a@example.org", first))
    journal.begin_login("a@example.org", second)
    journal.begin_login("b@example.org", second)
    journal.close()
    journal = Journal(path)
    assert journal.failed_logins("a@example.org") == [FailedLogin(first, True), FailedLogin(second, False)]
    journal.forget_failed_logins("a@example.org")
    assert journal.failed_logins("a@example.org") == []
    assert len(journal.failed_logins("b@example.org")) == 1


def test_refusals_of_several_mailboxes_are_reported_together(path):
    journal = Journal(path)
    moments = [Timestamp("b", n, n) for n in range(4)]
    for mailbox, timestamp in zip(("a", "b", "c", "a"), moments, strict=True):
        journal.login_refused(journal.begin_login(mailbox, timestamp))
    journal.begin_login("b", Timestamp("b", 9, 9))
    assert journal.refusals(["a", "b"]) == [moments[0], moments[1], moments[3]]
    journal.forget_failed_logins("a")
    assert journal.refusals(["a", "b"]) == [moments[1]]


def test_lists_are_remembered(path):
    journal = Journal(path)
    journal.remember_lists({"a@example.org", "b@example.org"})
    journal.remember_lists({"b@example.org"})
    journal.close()
    assert Journal(path).known_lists() == {"b@example.org"}


def test_only_old_deliveries_are_forgotten(path, monkeypatch):
    journal = Journal(path)
    journal.record_delivered("old", "x")
    now = time.time()
    monkeypatch.setattr("listkit.bridge.journal.time.time", lambda: now + 61 * 86_400)
    journal.record_delivered("new", "x")
    journal.prune(60)
    assert not journal.is_delivered("old")
    assert journal.is_delivered("new")
    monkeypatch.setattr("listkit.bridge.journal.time.time", lambda: now + 9999 * 86_400)
    journal.prune(0)
    assert journal.is_delivered("new")


def test_marks_tell_where_a_folder_ended_some_days_ago(path):
    def mark(day: float, uidnext: int, uidvalidity: int = 1, folder: str = "Processed") -> int:
        timestamp = Timestamp("b", day * DAY_SECONDS, day * DAY_SECONDS)
        return Journal(path).mark("a@example.org", Selected(folder, uidvalidity, uidnext), timestamp, days=2)

    assert mark(0, uidnext=5) == 0
    assert mark(0.9, uidnext=7) == 0
    assert mark(1, uidnext=8) == 0
    assert mark(1.5, uidnext=9, folder="Rejected") == 0
    assert mark(2.1, uidnext=10) == 5
    assert mark(2.9, uidnext=11) == 5
    assert mark(3.2, uidnext=12) == 8
    # The UIDs of before mean nothing any more.
    assert mark(4.3, uidnext=3, uidvalidity=2) == 0
    assert mark(5.4, uidnext=4, uidvalidity=2) == 0
    assert mark(6.5, uidnext=5, uidvalidity=2) == 3


def test_no_more_marks_are_kept_than_are_needed(path):
    journal = Journal(path)
    for day in range(50):
        journal.mark("a@example.org", Selected("Processed", 1, day + 1), Timestamp("b", day * DAY_SECONDS, 0), days=7)
    assert len(journal._rows("SELECT id FROM marks")) == 8


def test_a_damaged_file_is_set_aside(path):
    path.write_bytes(b"this is no database" * 1000)
    journal = Journal(path)
    journal.record_delivered("a", "x")
    assert journal.is_delivered("a")
    assert list(path.parent.glob("*.damaged-*"))


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_damage_beyond_the_first_pages_is_found_at_the_start(path, place):
    journal = Journal(path)
    for number in range(2000):
        journal.record_delivered(f"{number:040}", "news@example.org")
    journal.close()
    octets = bytearray(path.read_bytes())
    start = int(len(octets) * place) // 4096 * 4096
    octets[start : start + 8192] = b"\xff" * 8192
    path.write_bytes(octets)
    journal = Journal(path)
    journal.record_delivered("a", "x")
    assert not journal.is_delivered(f"{0:040}")
    assert list(path.parent.glob("*.damaged-*"))


def test_threads_share_it(path):
    journal = Journal(path)

    def work(name: int) -> None:
        for n in range(20):
            journal.record_delivered(f"{name}-{n}", "x")
            journal.begin_attempt(f"{name}")
            journal.end_attempt(f"{name}")

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(journal.is_delivered(f"{name}-{n}") for name in range(4) for n in range(20))

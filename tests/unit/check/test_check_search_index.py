"""The checks of the search index and of the background jobs name what is behind, and the command that repairs it."""

import json
import time
from types import SimpleNamespace

import pytest
from check_stand_ins import the

from listkit.check.components import web
from listkit.check.finding import Status

HOUR = 3600
NO_JOBS = {"waiting": 0, "oldest": None, "running": True}
COMPLETE = {"posts": 747, "surplus": 0, "missing": 0, "since": None, "future": 0, "last": None}


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [
        ({}, Status.OK, "all 747 posts"),
        ({"missing": 12, "since": "2026-11-30"}, Status.WARNING, "does not find 12 of 747 posts"),
        ({"future": 1, "last": "2038-01-20"}, Status.WARNING, "archived in the future, the last on 2038-01-20"),
        ({"damaged": "Couldn't open the table"}, Status.CRITICAL, "the index is damaged: Couldn't"),
    ],
)
def test_what_the_search_does_not_find_is_reported(monkeypatch, state, status, words):
    monkeypatch.setattr(web, "with_last_log_line", lambda seen, unit: seen)
    finding = the(web.index_findings({**COMPLETE, **state}))
    assert finding.status is status
    assert words in finding.seen
    assert status is Status.OK or "listkit archive reindex" in finding.remedy


@pytest.mark.parametrize(
    ("jobs", "status", "words"),
    [
        ({}, Status.OK, "none waits"),
        ({"waiting": 3, "oldest": time.time() - 60}, Status.OK, "3 wait, the oldest since "),
        ({"waiting": 3, "oldest": time.time() - HOUR}, Status.WARNING, "the queue hangs, or is overloaded"),
        ({"waiting": 1}, Status.WARNING, "1 wait: the queue hangs"),
        ({"running": False}, Status.CRITICAL, "no process does them; none waits"),
        (
            {"waiting": 2, "oldest": 86400, "running": False},
            Status.CRITICAL,
            "no process does them; 2 wait, the oldest since 1970",
        ),
    ],
)
def test_jobs_that_wait_long_and_a_queue_that_does_not_run_are_reported(programs, jobs, status, words):
    programs.journal("")
    finding = the([web.job_finding({**NO_JOBS, **jobs})])
    assert (finding.name, finding.status) == ("background jobs", status)
    assert words in finding.seen
    assert status is Status.OK or finding.remedy == "`systemctl restart mailman3-web`"


def test_the_answer_is_the_last_line(monkeypatch):
    state = {"posts": 0, "missing": 0, "future": 0, "jobs": NO_JOBS}
    answer = SimpleNamespace(returncode=0, stderr="", stdout=f"Hello!\n{json.dumps(state)}\n")
    monkeypatch.setattr(web.subprocess, "run", lambda *_, **__: answer)
    assert [finding.status for finding in web.check_archive()] == [Status.OK, Status.OK]


def test_a_status_that_fails_is_unknown_with_its_reason(monkeypatch):
    answer = SimpleNamespace(returncode=1, stderr="Traceback\nOperationalError: no database\n", stdout="")
    monkeypatch.setattr(web.subprocess, "run", lambda *_, **__: answer)
    finding = the(web.check_archive())
    assert (finding.status, finding.seen) == (
        Status.UNKNOWN,
        "`listkit archive status` failed: OperationalError: no database",
    )


@pytest.mark.parametrize(("uid", "program"), [(0, "systemd-run"), (1000, "/usr/local/bin/listkit")])
def test_root_asks_the_archive_as_the_user_whom_the_database_knows(monkeypatch, uid, program):
    calls = []
    monkeypatch.setattr(web.os, "geteuid", lambda: uid)
    failed = SimpleNamespace(returncode=1, stderr="no", stdout="")
    monkeypatch.setattr(web.subprocess, "run", lambda command, **_: calls.append(command) or failed)
    list(web.check_archive())
    assert calls[0][0] == program and list(calls[0][-3:]) == list(web.STATUS)
    assert ("--property=User=www-data" in calls[0]) is (uid == 0)

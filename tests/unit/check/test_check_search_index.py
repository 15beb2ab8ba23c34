"""The check of the search index names what the search does not find, and the command that repairs it."""

from types import SimpleNamespace

import pytest
from check_stand_ins import the

from listkit.check.components import web
from listkit.check.finding import Status

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


def test_the_answer_is_the_last_line(monkeypatch):
    answer = SimpleNamespace(returncode=0, stderr="", stdout='Hello!\n{"posts": 0, "missing": 0, "future": 0}\n')
    monkeypatch.setattr(web.subprocess, "run", lambda *_, **__: answer)
    assert the(web.check_index()).status is Status.OK


def test_a_status_that_fails_is_unknown_with_its_reason(monkeypatch):
    answer = SimpleNamespace(returncode=1, stderr="Traceback\nOperationalError: no database\n", stdout="")
    monkeypatch.setattr(web.subprocess, "run", lambda *_, **__: answer)
    finding = the(web.check_index())
    assert (finding.status, finding.seen) == (
        Status.UNKNOWN,
        "`listkit archive status` failed: OperationalError: no database",
    )

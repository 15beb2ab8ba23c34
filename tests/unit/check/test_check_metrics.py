"""The findings as metrics: what was measured, and nothing of which the value isn't known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from listkit.check import metrics
from listkit.check.finding import Finding
from listkit.common.prometheus import render

SOURCES = Path(metrics.__file__).parent / "components"


def lines(*findings: Finding) -> set[str]:
    text = render(metrics.metrics([("core", finding) for finding in findings], 5.0))
    return {line for line in text.splitlines() if not line.startswith("#")}


def test_a_figure_has_a_sample_for_each_value_of_its_label():
    found = lines(Finding.ok("a", "x").measured(mailman3_up=1, mailman3_queues={"in": 0, "out": 3}))
    assert {"mailman3_up 1", 'mailman3_queues{queue="in"} 0', 'mailman3_queues{queue="out"} 3'} < found


def test_what_is_not_known_is_absent():
    found = lines(
        Finding.ok("a", "x").measured(listkit_web_waiting_jobs=0, listkit_web_oldest_job_timestamp_seconds=None)
    )
    assert "listkit_web_waiting_jobs 0" in found
    measured = {re.split(r"[{ ]", line)[0] for line in found}
    assert measured == {"listkit_check_status", "listkit_check_timestamp_seconds", "listkit_web_waiting_jobs"}


def test_the_most_severe_finding_of_a_name_counts_and_one_that_was_not_possible_is_absent():
    seen = lines(Finding.warning("a", "x", "`y`"), Finding.critical("a", "x", "`y`"), Finding.ok("a", "x"))
    assert 'listkit_check_status{component="core",check="a"} 2' in seen
    assert not [line for line in lines(Finding.unknown("a", "x", "`y`")) if "listkit_check_status" in line]
    seen = lines(Finding.critical("a", "x", "`y`"), Finding.unknown("a", "x", "`y`"))
    assert 'listkit_check_status{component="core",check="a"} 2' in seen


@pytest.mark.parametrize("name", metrics.FIGURES)
def test_every_figure_is_measured_by_a_check(name: str):
    assert any(name in path.read_text() or "mailman3_{what}" in path.read_text() for path in SOURCES.glob("*.py"))

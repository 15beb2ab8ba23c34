"""The findings as metrics: what was measured, and nothing of which the value isn't known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
from check_stand_ins import closed_port

from listkit.check import metrics, runner
from listkit.check.components import certificate, core, web
from listkit.check.finding import Check, Finding, Status
from listkit.common.prometheus import render
from listkit.common.rest import RestClient

HTTPS = 443
SOURCES = Path(metrics.__file__).parent / "components"


def without_rest(check: Callable[[RestClient], Iterable[Finding]]) -> Iterable[Finding]:
    """What a check finds while nothing answers at Mailman's REST API."""
    return check(RestClient("secret", f"http://127.0.0.1:{closed_port()}/3.1"))


# Each source of figures that is gone, and the metrics that are not known then.
GONE: Mapping[str, tuple[Callable[[], Iterable[Finding]], set[str]]] = {
    "sizes of Mailman": (
        lambda: without_rest(core.check_rest), {"mailman3_domains", "mailman3_lists", "mailman3_users"}
    ),
    "lists of Mailman": (lambda: without_rest(core.check_held), {"mailman3_list_members", "listkit_held_posts"}),
    "queues of Mailman": (
        lambda: runner.perform(Check("queues", lambda: core.check_queues(Path("/nowhere/queue")))), {"mailman3_queues"}
    ),
    "page": (lambda: web.check_page("lists.example.test"), {"listkit_web_page_seconds"}),
    "archive": (
        web.check_archive,
        {
            "listkit_web_archived_posts", "listkit_web_unindexed_posts", "listkit_web_waiting_jobs",
            "listkit_web_oldest_job_timestamp_seconds",
        },
    ),
    "certificate": (
        lambda: certificate.check_certificate("lists.example.test", 14, "letsencrypt"),
        {"listkit_certificate_not_after_timestamp_seconds"},
    ),
}  # fmt: skip


@pytest.fixture
def no_web_server(monkeypatch, programs):
    """A host on which neither the web server nor its application answers."""
    connect = web.socket.create_connection

    def refused(address: tuple[str, int], *rest: object) -> object:
        return connect(("127.0.0.1", closed_port()) if address[1] == HTTPS else address, *rest)

    monkeypatch.setattr(web.socket, "create_connection", refused)
    monkeypatch.setattr(web, "STATUS", ("false",))
    monkeypatch.setattr(web, "as_user", lambda user, command, seconds: command)


@pytest.mark.parametrize("source", GONE)
def test_without_its_source_a_figure_is_absent_and_the_check_is_not_ok(source: str, no_web_server):
    check, names = GONE[source]
    findings = list(check())
    assert findings and all(finding.status in (Status.CRITICAL, Status.UNKNOWN) for finding in findings)
    measured = {name for finding in findings for name in finding.figures}
    assert not measured & names


def test_each_figure_has_a_source_that_a_test_takes_away():
    # That Mailman's REST API can't be used is known.
    assert set.union(*(names for _, names in GONE.values())) | {"mailman3_up"} == set(metrics.FIGURES)


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

"""The record of a day says what its sources say; and of what they don't say, why."""

from __future__ import annotations

import gzip
import os
from dataclasses import replace
from datetime import date, timedelta

import pytest
from report_sources import NUMBERS, YESTERDAY

from listkit.backup.files import STATE
from listkit.common.rest import RestClient
from listkit.report import gathering, mailman_log
from listkit.report.day import Day, Disk, Usage, bounds, days_of, month_before
from listkit.report.store import DIRECTORY, MONTHS_KEPT, DamagedRecords, Store

TODAY = YESTERDAY + timedelta(days=1)
NOW = ("posts", "members", "archived", "disks")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "report")


def test_every_figure_is_that_of_its_source(sources):
    day = gathering.gather(YESTERDAY, sources, is_latest=True)
    assert day.unknown == {}
    assert day.posts == {"dev@x.test": 7, "ops@x.test": 0}
    assert day.members == {"dev@x.test": 12, "ops@x.test": 3}
    assert day.archived == 747
    assert day.held == {"dev@x.test": 2}
    # The list id stands for a list that was deleted.
    assert day.bounces == {"ops@x.test": 3, "gone.x.test": 1}
    assert (day.rejected, day.discarded, day.set_aside) == (1, 2, 1)
    assert day.sent == {"dev@x.test": 30, "ops@x.test": 3}
    assert day.accounts == {"lists@x.test": Usage(33, 100)}
    assert day.disks["/"].total >= day.disks["/"].used > 0


@pytest.mark.parametrize(
    ("lost", "unknown"),
    [
        ("client", {"posts", "members", "held", "bounces", "rejected", "discarded"}),
        ("log", {"held", "bounces", "rejected", "discarded"}),
        ("ledger", {"sent", "accounts"}),
        ("budget", {"sent", "accounts"}),
        ("bridge", {"set_aside"}),
        ("has_archive", {"archived"}),
    ],
)
def test_a_source_that_says_nothing_is_no_zero(sources, tmp_path, lost, unknown):
    nothing = {
        "client": lambda: RestClient("secret", "http://127.0.0.1:9/3.1"),
        "has_archive": False,
    }.get(lost, tmp_path / "none")
    day = gathering.gather(YESTERDAY, replace(sources, **{lost: nothing}), is_latest=True)
    assert set(day.unknown) == unknown
    assert all(day.unknown.values())
    assert {name for name in unknown if getattr(day, name) is not None} == set()
    assert unknown.isdisjoint(day.to_json())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("echo no database >&2; exit 1", "no database"),
        ("echo no JSON", "`sudo listkit archive status` shows why"),
        ('echo \'{"damaged": "x"}\'', "`sudo listkit archive status` shows why"),
    ],
)
def test_an_archive_that_fails_is_not_known(sources, tmp_path, answer, reason):
    (tmp_path / "archive-status").write_text(f"#!/bin/sh\n{answer}\n")
    day = gathering.gather(YESTERDAY, sources, is_latest=True)
    assert (day.archived, day.unknown) == (None, {"archived": f"the archive does not answer: {reason}"})


def test_rotated_logs_count_too_and_older_ones_are_not_read(sources):
    begin, end = bounds(YESTERDAY)
    with gzip.open(sources.log / "mailman.log.2.gz", "wt") as file:
        file.write("Nov 30 08:00:00 2026 (7) REJECT: <8@b.test>\n")
    old = sources.log / "mailman.log.3.gz"
    old.write_text("not compressed: reading it would fail")
    os.utime(old, (begin - 1, begin - 1))
    assert mailman_log.count(begin, end, sources.log).rejected == 2


def test_a_log_that_begins_after_the_day_says_nothing_of_it(sources):
    before = YESTERDAY - timedelta(days=2)
    with pytest.raises(mailman_log.NotLogged, match="no log of that day"):
        mailman_log.count(*bounds(before), sources.log)
    (sources.log / "mailman.log").write_text("")
    with pytest.raises(mailman_log.NotLogged):
        mailman_log.count(*bounds(YESTERDAY), sources.log)


def test_days_that_were_missed_are_recorded_without_what_only_showed_then(sources, store):
    store.add(*(Day(date(2026, 11, day), posts={}) for day in (26, 28)))
    made = gathering.record(store, sources, TODAY)
    assert [day.date.day for day in made] == [27, 29, 30]
    assert (made[-1].posts, made[-1].unknown) == ({"dev@x.test": 7, "ops@x.test": 0}, {})
    # The log begins on the second one.
    assert (made[0].held, made[1].held) == (None, {"dev@x.test": 1})
    assert set(made[1].unknown) == set(NOW) and {getattr(made[1], name) for name in NOW} == {None}
    assert sorted(store.days("2026-11")) == [date(2026, 11, day) for day in range(26, 31)]


def test_days_before_the_first_record_are_not_made_up_for(sources, store):
    store.add(Day(date(2026, 11, 29), posts={}))
    assert [day.date for day in gathering.record(store, sources, TODAY)] == [YESTERDAY]


def test_the_first_record_is_of_yesterday_and_no_day_is_recorded_twice(sources, store, monkeypatch):
    assert [day.date for day in gathering.record(store, sources, TODAY)] == [YESTERDAY]
    first = store.days("2026-11")
    monkeypatch.setitem(NUMBERS, "dev.x.test", 99)
    assert gathering.gather(YESTERDAY, sources, is_latest=True).posts["dev@x.test"] == 98
    gathering.record(store, sources, TODAY)
    assert store.days("2026-11")[YESTERDAY] == first[YESTERDAY]


class TestStore:
    def test_what_is_kept_is_read_again(self, store):
        day = Day(YESTERDAY, posts={"a@x.test": 1}, held={}, disks={"/": Disk(1, 2)}, accounts={"b": Usage(3, 4)})
        store.add(Day(date(2026, 11, 2)))
        store.add(day)
        store.add(replace(day, rejected=0, unknown={"archived": "why"}))
        kept = Store(store.directory).days("2026-11")
        assert list(kept.values()) == [Day(date(2026, 11, 2)), replace(day, rejected=0, unknown={"archived": "why"})]

    def test_a_year_and_a_month_are_kept_in_few_bytes(self, store):
        lists = {f"list{number}@x.test": 1000 + number for number in range(20)}
        day = Day(YESTERDAY, lists, lists, 9000, {"/": Disk(1, 2)}, {}, {}, 0, 0, 0, lists, {"a@x.test": Usage(9, 9)})
        months = [f"{year}-{month:02}" for year in (2025, 2026) for month in range(1, 13)]
        store.add(*(replace(day, date=date.fromisoformat(f"{month}-01")) for month in months))
        store.prune()
        assert store.months() == months[-MONTHS_KEPT:] and MONTHS_KEPT >= 14
        assert max(path.stat().st_size for path in store.directory.iterdir()) < 2000

    def test_a_damaged_file_is_named_and_kept(self, store):
        store.add(Day(YESTERDAY))
        path = store.directory / "2026-11.jsonl"
        path.write_text('{"date": "2026-11-29"}\n{"da')
        for attempt in (lambda: store.days("2026-11"), lambda: store.add(Day(YESTERDAY))):
            with pytest.raises(DamagedRecords, match=r"2026-11\.jsonl is damaged: .*restore it from a backup"):
                attempt()
        assert path.read_text().endswith('{"da')


def test_a_month_has_its_days():
    assert [len(list(days_of(month))) for month in ("2026-02", "2028-02", "2026-12")] == [28, 29, 31]
    assert (month_before("2026-12"), month_before("2027-01")) == ("2026-11", "2026-12")


def test_backups_have_the_records():
    assert DIRECTORY in STATE

"""Findings that the regular checks reuse: only ok ones, only recent ones, and only of the same settings."""

from __future__ import annotations

import os

import pytest

from listkit.check import reuse
from listkit.check.finding import Check, Finding

HOUR = 3600
NOW = 1_800_000_000.0
OK = Finding.ok("x", "fine").measured(mailman3_lists=3.0)
WARNING = Finding.warning("x", "odd", "`repair x`")


@pytest.fixture
def look(tmp_path):
    """Look at one check at a time, `look(NOW, WARNING)`; return its findings, and whether the check was carried out."""

    def at(now: float, finds: Finding, seconds: float = HOUR) -> tuple[list[Finding], bool]:
        performed = []
        looks = reuse.load(tmp_path / "looks.json")
        check = Check("x", list, reuse_seconds=seconds, settings=tmp_path / "settings.json")
        found = looks.findings("dns", check, now, lambda: performed.append(1) or [finds])
        reuse.save(looks, tmp_path / "looks.json")
        return found, bool(performed)

    return at


def test_what_was_ok_is_not_looked_at_again_for_its_time(look):
    assert look(NOW, OK) == ([OK], True)
    assert look(NOW + HOUR - 1, WARNING) == ([OK], False)
    assert look(NOW + HOUR, WARNING) == ([WARNING], True)


def test_a_problem_is_looked_at_each_time_until_it_is_gone(look):
    look(NOW, WARNING)
    assert look(NOW + 200, OK) == ([OK], True)
    assert look(NOW + 400, WARNING) == ([OK], False)


def test_a_problem_ends_what_was_ok_before(look):
    look(NOW, OK)
    look(NOW + HOUR, WARNING)
    assert look(NOW + HOUR + 1, OK) == ([OK], True)


def test_other_settings_and_a_clock_that_was_set_back_are_reasons_to_look(look, tmp_path):
    look(NOW, OK)
    (tmp_path / "settings.json").write_text("{}")
    os.utime(tmp_path / "settings.json", (NOW + 100, NOW + 100))
    assert look(NOW + 200, WARNING) == ([WARNING], True)
    look(NOW + 300, OK)
    assert look(NOW, WARNING) == ([WARNING], True)


def test_an_ordinary_check_looks_each_time(look):
    look(NOW, OK, seconds=0)
    assert look(NOW, WARNING, seconds=0) == ([WARNING], True)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"dns/x": 1}', '{"dns/x": {"time": 1}}'])
def test_a_damaged_record_is_none(tmp_path, content):
    (tmp_path / "looks.json").write_text(content)
    assert reuse.load(tmp_path / "looks.json") == reuse.Looks()

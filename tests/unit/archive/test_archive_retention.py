"""For how long posts are kept: the durations, and the file that the role writes."""

import json
from datetime import datetime

import pytest

from listkit.archive import cli
from listkit.archive.retention import Retention, earlier
from listkit.common.configuration import ConfigurationError

NOW = datetime(2026, 3, 31, 12)


def retention(path, **content):
    file = path / "archive.json"
    file.write_text(json.dumps(content))
    return Retention.load(file)


@pytest.mark.parametrize(
    ("duration", "date"),
    [
        ("5y", "2021-03-31"),
        ("1y6m", "2024-09-30"),
        ("1m", "2026-02-28"),
        ("3m", "2025-12-31"),
        ("90d", "2025-12-31"),
        ("25y14m1d", "2000-01-30"),
    ],
)
def test_a_duration_counts_in_the_calendar(duration, date):
    assert earlier(NOW, duration) == datetime.fromisoformat(f"{date}T12:00")


def test_a_day_that_each_month_has_stays():
    assert earlier(NOW.replace(day=15), "1m") == datetime(2026, 2, 15, 12)


def test_a_list_has_its_own_value_or_the_default(tmp_path):
    found = retention(tmp_path, keep="5y", lists={"dev@example.org": "1y", "old@example.org": ""})
    assert found.before("dev@example.org", NOW) == earlier(NOW, "1y")
    assert found.before("other@example.org", NOW) == earlier(NOW, "5y")
    assert found.before("old@example.org", NOW) is None and found.expires


@pytest.mark.parametrize("lists", [{}, {"dev@example.org": ""}])
def test_by_default_nothing_expires(tmp_path, lists):
    assert not retention(tmp_path, keep="", lists=lists).expires


@pytest.mark.parametrize(
    ("content", "problem"),
    [({"keep": "5 years", "lists": {}}, "keep: "), ({"keep": "", "lists": {"dev@example.org": "0d"}}, "lists.dev@")],
)
def test_a_wrong_duration_is_named(tmp_path, content, problem):
    with pytest.raises(ConfigurationError, match=problem):
        retention(tmp_path, **content)


def test_without_a_duration_the_nightly_run_ends_before_django_is_loaded(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "become_web_user", lambda: None)
    monkeypatch.setattr(cli, "_load_django", lambda: pytest.fail("Django was loaded"))
    (tmp_path / "archive.json").write_text('{"keep": "", "lists": {}}')
    monkeypatch.setattr("listkit.archive.retention.CONFIGURATION", tmp_path / "archive.json")
    assert cli.main(["prune"]) == 0
    assert "archive_keep is not set: nothing expires" in capsys.readouterr().out
    (tmp_path / "archive.json").unlink()
    assert cli.main(["prune"]) == 2
    assert "run the playbook to write it" in capsys.readouterr().err

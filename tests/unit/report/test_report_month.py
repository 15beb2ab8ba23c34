"""A month's figures are the sums of its days, and say which days they lack."""

from __future__ import annotations

import json
from datetime import date
from types import SimpleNamespace

import pytest
from report_sources import Relay

from listkit.report import cli, mailing, text
from listkit.report.configuration import Configuration
from listkit.report.day import Day, Disk, Usage, days_of
from listkit.report.gathering import ELSEWHERE
from listkit.report.month import Level, Total, summarise
from listkit.report.store import Store

DEV, OPS = "dev@x.test", "ops@x.test"
GIB = 1024**3
AFTER = date(2026, 12, 1)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "report")


def day(when: date, number: int, **values) -> Day:
    """The record of a day on which dev has had `number` posts, one more each day."""
    known = {
        "posts": {DEV: number, OPS: 0}, "members": {DEV: 10 + number, OPS: 5}, "archived": 100 + number,
        "disks": {"/": Disk(number * GIB // 10, 20 * GIB)}, "held": {DEV: 2}, "bounces": {},
        "rejected": 1, "discarded": 0, "set_aside": 1, "sent": {DEV: 10}, "accounts": {"a@x.test": Usage(10, 40)},
    }  # fmt: skip
    return Day(when, **{**known, **values})


def fill(store: Store, *months: str, without=()) -> None:
    """Record every day of these months but those `without`."""
    dates = [when for month in months for when in days_of(month)]
    store.add(*(day(when, number) for number, when in enumerate(dates, 1) if when not in without))


def test_a_month_is_compared_with_the_one_before(store):
    fill(store, "2026-10", "2026-11")
    figures = summarise(store, "2026-11", AFTER)
    assert (figures.days, figures.expected_days) == (30, 30)
    assert (figures.posts, figures.posts_before) == (Total(30), Total(30, 1))
    dev, ops = figures.lists
    assert (dev.address, dev.posts, dev.members, dev.held) == (DEV, Total(30), Level(71, 30), Total(60))
    assert (ops.posts, ops.members, ops.held, ops.bounces, ops.sent) == (*[Total(0), Level(5, 0)], *[Total(0)] * 3)
    assert figures.members == Level(76, 30)
    assert (figures.rejected, figures.discarded, figures.set_aside) == (Total(30), Total(0), Total(30))
    assert (figures.sent, figures.archived) == (Total(300), Level(161, 30))
    [disk] = figures.disks
    assert disk.change == 61 * GIB // 10 - 31 * GIB // 10


def test_days_without_a_record_are_missing_in_sums_but_not_in_counts_of_posts(store):
    lost = [date(2026, 11, number) for number in (10, 11)]
    fill(store, "2026-10", "2026-11", without=lost)
    figures = summarise(store, "2026-11", AFTER)
    assert (figures.days, figures.held, figures.posts) == (28, Total(56, 2), Total(30))
    assert figures.accounts[0].recipients == Total(280, 2)


@pytest.mark.parametrize(
    ("lost", "posts"),
    [
        # Until the first count, from the last one on, and without a count at the end of the month before.
        ([date(2026, 10, 31)], Total(29, 1)),
        ([date(2026, 11, 30)], Total(29, 1)),
        ([date(2026, 10, 31), date(2026, 11, 1)], Total(28, 2)),
        ([date(2026, 11, number) for number in range(1, 31)], Total(None, 30)),
        ([date(2026, 10, 31), *(date(2026, 11, number) for number in range(2, 31))], Total(None, 30)),
    ],
)
def test_posts_are_unknown_where_no_two_counts_enclose_them(store, lost, posts):
    fill(store, "2026-10", "2026-11", without=lost)
    assert summarise(store, "2026-11", AFTER).posts == posts


def test_a_list_that_is_made_again_counts_from_its_beginning(store):
    for number, posts in enumerate(({DEV: 50}, {DEV: 52}, {OPS: 1}, {DEV: 3, OPS: 2}, {DEV: 1})):
        store.add(day(date(2026, 11, 26 + number), 0, posts=posts, members={DEV: 1, OPS: 1}))
    dev, ops = summarise(store, "2026-11", AFTER).lists
    assert (dev.posts.value, ops.posts.value) == (2 + 3 + 1, 2)


def test_a_month_that_is_not_over_ends_yesterday(store):
    fill(store, "2026-10", "2026-11", without=[date(2026, 11, number) for number in range(11, 31)])
    figures = summarise(store, "2026-11", date(2026, 11, 11))
    assert (figures.days, figures.expected_days, figures.posts) == (10, 10, Total(10))


def test_the_busiest_day_of_an_account_is_compared_with_its_limit(store):
    for number, recipients in ((1, 5), (2, 30), (3, 7)):
        store.add(day(date(2026, 11, number), number, accounts={"a@x.test": Usage(recipients, 40)}))
    [account] = summarise(store, "2026-11", date(2026, 11, 4)).accounts
    assert (account.busiest, account.busiest_on, account.limit) == (30, date(2026, 11, 2), 40)


class TestText:
    def lines(self, store, today=AFTER):
        return list(text.lines(summarise(store, "2026-11", today), "lists.x.test"))

    def test_a_complete_month_says_all_and_excuses_nothing(self, store):
        fill(store, "2026-10", "2026-11")
        lines = self.lines(store)
        assert lines[0] == "lists.x.test, November 2026: every day recorded"
        assert lines[3].split() == [DEV, "30", "71", "+30", "60", "0", "300"]
        assert lines[5].split() == ["all", "30", "76", "+30", "60", "0", "300"]
        assert "Posts: 30; ≥30 in the month before" in lines
        assert "Refused: 30 rejected and 0 discarded by Mailman, 30 not delivered by the bridge" in lines
        assert "a@x.test: sent to 300 recipients; on the busiest day, 2026-11-01, 10 of 40 (25 %)" in lines
        assert lines[-1] == "Disk of /: 6.1 of 20.0 GiB used (30 %), +3.0 GiB since the month before"

    def test_what_is_not_known_is_no_zero_and_has_its_reason(self, store):
        unknown = {"archived": ELSEWHERE, "held": "no log", "rejected": "no log"}
        store.add(day(date(2026, 11, 29), 1))
        store.add(day(date(2026, 11, 30), 2, archived=None, held=None, rejected=None, unknown=unknown))
        lines = self.lines(store)
        assert lines[0].endswith("2 of 30 days recorded")
        assert lines[3].split() == [DEV, "≥1", "12", "-", "≥2", "≥0", "≥20"]
        assert "Posts: ≥1; - in the month before" in lines
        assert lines[-4:] == [
            "Not known (-), or not of every day (≥):",
            "  everything: 28 days have no record; listkit-report did not run",
            f"  the archive: {ELSEWHERE}",
            "  held posts, rejected posts: no log",
        ]


def configure(directory, *, mail, archive=True):
    settings = {"site": "lists.x.test", "mail_to": "o@y.test", "mail": mail, "archive": archive}
    (directory / "report.json").write_text(json.dumps(settings))


class TestCommand:
    @pytest.fixture(autouse=True)
    def host(self, store, tmp_path, monkeypatch):
        """A host on 1 December, with records."""
        fill(store, "2026-10", "2026-11")
        configure(tmp_path, mail=True)
        monkeypatch.setattr("listkit.report.store.DIRECTORY", store.directory)
        monkeypatch.setattr("listkit.report.configuration.CONFIGURATION", tmp_path / "report.json")
        monkeypatch.setattr(cli, "date", SimpleNamespace(today=lambda: AFTER))
        monkeypatch.setattr(cli.gathering, "record", lambda store, sources, today: [])
        monkeypatch.setattr(cli, "_forecasts", list)
        site = SimpleNamespace(accounts=[SimpleNamespace(address="lists@x.test")])
        monkeypatch.setattr(cli.accounts, "load", lambda: site)

    @pytest.fixture(autouse=True)
    def relay(self, monkeypatch):
        with Relay() as relay:
            monkeypatch.setattr(mailing, "RELAY", relay.server_address)
            yield relay
            relay.shutdown()

    def test_it_shows_the_month_of_yesterday(self, capsys):
        assert cli.main([]) == 0
        assert capsys.readouterr().out.startswith("lists.x.test, November 2026: every day")

    def test_json_has_the_same_figures(self, capsys):
        assert cli.main(["--json", "--month", "2026-11"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["posts"] == {"value": 30, "missing": 0}
        assert found["lists"][0]["members"] == {"value": 71, "change": 30}
        assert found["accounts"][0]["busiest_on"] == "2026-11-01"

    @pytest.mark.parametrize("month", ["2026-13", "november"])
    def test_a_wrong_month_is_refused_with_an_example(self, month, capsys):
        with pytest.raises(SystemExit):
            cli.main(["--month", month])
        assert f"{month} is not a month, such as 2026-11" in capsys.readouterr().err

    def test_a_month_without_records_says_which_there_are(self, capsys):
        assert cli.main(["--month", "2025-01"]) == 3
        assert "no records of 2025-01; there are 2026-10 to 2026-11" in capsys.readouterr().err

    def test_who_may_not_read_the_records_is_told_to_use_sudo(self, monkeypatch, capsys):
        def closed(store, month):
            raise PermissionError(13, "Permission denied", f"{store.directory}/{month}.jsonl")

        monkeypatch.setattr(Store, "days", closed)
        assert cli.main([]) == 1
        assert "`sudo listkit report`" in capsys.readouterr().err

    def test_a_host_without_the_core_says_so(self, tmp_path, capsys):
        (tmp_path / "report.json").unlink()
        assert cli.main([]) == 3
        assert "it runs on the host of Mailman's core" in capsys.readouterr().err

    def test_the_report_of_last_month_is_mailed_once(self, relay):
        assert cli.main(["record"]) == 0
        [mail] = relay.mails
        assert relay.recipients == ["<o@y.test>"]
        assert "From: lists@x.test" in mail and "Subject: Report of lists.x.test for 2026-11" in mail
        assert "November 2026" in mail.replace("=\r\n", "")
        assert cli.main(["record"]) == 0
        assert relay.mails == [mail]

    def test_one_that_the_relay_does_not_accept_is_mailed_the_next_time(self, relay, capsys):
        relay.refusal = "452 no room"
        assert cli.main(["record"]) == 1
        assert "no room" in capsys.readouterr().err
        relay.refusal = ""
        assert cli.main(["record"]) == 0
        assert len(relay.mails) == 1

    def test_without_the_variable_none_is_mailed(self, tmp_path, relay):
        configure(tmp_path, mail=False)
        assert cli.main(["record"]) == 0
        assert relay.mails == []
        assert cli.main(["mail"]) == 0
        assert len(relay.mails) == 1

    def test_a_first_month_without_records_is_not_mailed(self, store, relay):
        for path in store.directory.iterdir():
            path.unlink()
        assert cli.main(["record"]) == 0
        assert relay.mails == []


def test_the_configuration_is_read(tmp_path):
    configure(tmp_path, mail=True, archive=False)
    assert Configuration.load(tmp_path / "report.json") == Configuration(
        "lists.x.test", "o@y.test", mail=True, archive=False
    )


def test_every_figure_has_a_name_for_people():
    figures = set(Day.__dataclass_fields__) - {"date", "unknown"}
    assert figures == set(text.NAMES)

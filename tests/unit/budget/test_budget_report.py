"""The command and its numbers."""

import json
import math
import os
import re
import sqlite3
import time
from pathlib import Path

import pytest
from budget_postfix import NOT_OWNED, OVER_QUOTA, Postfix, Provider

from listkit.budget import accounts, cli, report, service
from listkit.budget.forecast import DAY_SECONDS, forecast
from listkit.budget.ledger import Ledger, OpenCharge
from listkit.budget.valve import Valve
from listkit.budget.window import Charge, Limits

CONFIGURATION = {
    "window": 86400,
    "queue_lifetime": 432000,
    "list_domains": ["example.org"],
    "sub_addresses": ["bounces", "owner"],
    "accounts": [
        {"address": "Mailman@example.org", "limit": 300, "reserve": 50, "lists": []},
        {
            "address": "second@example.org",
            "limit": 500,
            "reserve": 50,
            "lists": [{"address": "b@example.org", "recipients_per_day": 600}],
        },
    ],
}


@pytest.fixture
def files(tmp_path):
    (tmp_path / "budget.json").write_text(json.dumps(CONFIGURATION))
    return tmp_path


@pytest.fixture
def valve(files):
    site = accounts.load(files / "budget.json")
    return Valve(site, Postfix(Provider(10_000, 86400)), Ledger(files / "ledger"))


@pytest.fixture(autouse=True)
def systemctl(tmp_path, monkeypatch):
    """A systemctl that writes down what it is asked."""
    command, asked = tmp_path / "bin/systemctl", tmp_path / "asked"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\necho "$@" >> {asked}\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    return asked


def go_on(valve, now):
    """Let the valve and Postfix do what there is to do; the second turn is about what the first led to."""
    for _ in range(2):
        valve.turn(now)
        valve.queue.work(now)


def listkit_budget(files, *words):
    options = [f"--{name}={files / file}" for name, file in
               (("configuration", "budget.json"), ("ledger", "ledger"), ("status", "status.json"))]  # fmt: skip
    return cli.main([*options, *words])


def post(valve, recipients, list_name="a"):
    return valve.queue.arrive(f"{list_name}-bounces@example.org", [f"{n}@x.test" for n in range(recipients)])


def test_the_table_shows_what_is_used_left_and_queued(files, valve, capsys):
    now = time.time()
    for _ in range(3):
        post(valve, 100)
        valve.turn(now)
        valve.queue.work(now)
    valve.turn(now)
    service.publish(valve, files / "status.json", now)
    assert listkit_budget(files) == 0
    first = capsys.readouterr().out.splitlines()[1].split()
    assert first[:6] == ["mailman@example.org", "200", "100", "300", "100", "1"]
    assert listkit_budget(files, "--json") == 0
    seen = json.loads(capsys.readouterr().out)["accounts"][0]
    assert seen["next_release"] == pytest.approx(now + 86400, abs=1)
    (entry,) = seen["lists"]
    assert entry.pop("next_release") == pytest.approx(now + 86400, abs=1)
    assert entry == {"list": "a@example.org", "used": 200, "queued_messages": 1, "queued_recipients": 100}


@pytest.mark.parametrize(
    ("trouble", "words"), [(OVER_QUOTA, "pauses (quota)"), (NOT_OWNED, "create the missing alias")]
)
def test_a_refusal_is_shown_with_what_to_do(files, valve, capsys, trouble, words):
    now = time.time()
    post(valve, 10)
    valve.queue.provider.trouble = trouble
    go_on(valve, now)
    service.publish(valve, files / "status.json", now)
    assert listkit_budget(files) == (trouble == OVER_QUOTA)
    assert words in capsys.readouterr().out


def test_resume_ends_a_pause_and_wakes_the_valve(files, valve, systemctl):
    now = time.time()
    post(valve, 10)
    valve.queue.provider.trouble = OVER_QUOTA
    go_on(valve, now)
    valve.queue.provider.trouble = None
    assert listkit_budget(files, "resume", "MAILMAN@example.org") == 0
    assert systemctl.read_text() == "kill --signal=SIGIO listkit-budget.service\n"
    go_on(valve, now)
    assert not valve.queue.messages


def test_resume_tries_a_list_again_that_rests(files, valve):
    now = time.time()
    post(valve, 10)
    valve.queue.provider.trouble = NOT_OWNED
    go_on(valve, now)
    valve.queue.provider.trouble = None
    go_on(valve, now)
    assert valve.queue.messages, "the list rests"
    assert listkit_budget(files, "resume") == 0
    go_on(valve, now)
    assert not valve.queue.messages


def test_an_unknown_account_is_named_with_those_that_exist(files, capsys):
    assert listkit_budget(files, "resume", "nobody@example.org") == 2
    assert "second@example.org" in capsys.readouterr().err


def test_old_numbers_are_called_old(files, valve, capsys):
    service.publish(valve, files / "status.json", time.time() - 1000)
    assert listkit_budget(files) == 2
    assert "1000 s old" in capsys.readouterr().err


def test_missing_numbers_say_where_to_look(files, capsys):
    assert listkit_budget(files) == 2
    assert "systemctl status listkit-budget" in capsys.readouterr().err


def test_a_configuration_that_cannot_be_read_says_why(files, capsys):
    (files / "budget.json").write_text("{}")
    assert listkit_budget(files, "forecast") == 2
    assert "deploying again" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["forecast"], ["resume"]])
def test_a_ledger_that_cannot_be_opened_says_so(files, capsys, words):
    (files / "ledger").mkdir()
    assert listkit_budget(files, *words) == 2
    said = capsys.readouterr().err
    assert f"{files}/ledger: " in said
    assert "only root can read it" in said


def test_numbers_are_renewed_when_the_queue_changes_and_once_in_a_second(files, valve):
    status = files / "status.json"
    bulletin = service.Bulletin(valve, status)

    def renewed(now):
        status.unlink(missing_ok=True)
        return bulletin.renew(now), status.exists()

    assert renewed(100) == (math.inf, True)
    assert renewed(100.5) == (101, False)
    assert renewed(101) == (math.inf, True)
    post(valve, 1000)
    post(valve, 1000)
    valve.turn(101.5)
    assert renewed(101.5) == (math.inf, True)
    assert renewed(50) == (math.inf, True), "the clock was set back"


def test_metrics_are_in_prometheus_format(valve):
    now = time.time()
    for number in range(5):
        post(valve, 100 - number)
        valve.turn(now)
        if number < 2:
            valve.queue.work(now)
    valve.queue.unreadable.add("A1")
    lines = list(report.metrics(report.snapshot(valve, now)))
    assert 'listkit_budget_used_recipients{account="mailman@example.org"} 199' in lines
    assert 'listkit_budget_on_the_way_recipients{account="mailman@example.org"} 0' in lines
    assert 'listkit_budget_list_queued_messages{account="mailman@example.org",list="a@example.org"} 3' in lines
    assert "listkit_budget_unreadable_messages 1" in lines
    (opening,) = [line for line in lines if line.startswith("listkit_budget_next_release_timestamp_seconds")]
    assert float(opening.split()[1]) == pytest.approx(now + 86400, abs=1)
    by_list = 'listkit_budget_list_next_release_timestamp_seconds{account="mailman@example.org",list="a@example.org"}'
    assert [line.split()[1] for line in lines if line.startswith(by_list)] == [opening.split()[1]]
    assert 'listkit_budget_paused{account="second@example.org",meaning=""} 0' in lines
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    assert all(line.split("{")[0].split()[0] in names for line in lines if not line.startswith("#"))


def test_the_ledger_outlives_its_process(files):
    book = Ledger(files / "ledger")
    book.open(OpenCharge("1", "mailman@example.org", "a@example.org", False, 10, 0))
    book.settle("1", 10, 100.0)
    book.close()
    assert Ledger(files / "ledger").charges("mailman@example.org", 0) == [Charge(10, "a@example.org", False, 100.0)]


def test_an_older_ledger_is_completed(files):
    with sqlite3.connect(files / "ledger") as older:
        older.execute("create table charge (queue_id, account, list, urgent, recipients, spent_at)")
        older.execute("insert into charge values ('1', 'mailman@example.org', 'a@example.org', 0, 10, null)")
    assert Ledger(files / "ledger").open_charges() == [
        OpenCharge("1", "mailman@example.org", "a@example.org", False, 10, 0)
    ]


def test_a_forecast_reckons_with_what_was_seen_where_that_is_more():
    account = accounts.Account("x@example.org", Limits(1440, 100, 86400), {"a@example.org": 100, "b@example.org": 100})
    now = 10 * DAY_SECONDS
    seen = [Charge(100, "a@example.org", False, time_) for time_ in range(0, 10 * DAY_SECONDS, DAY_SECONDS // 5)]
    made = forecast(account, seen, first_charge=0, now=now)
    assert {need.list: need.expected for need in made.needs} == {"a@example.org": 500, "b@example.org": 100}
    assert made.fits


def test_a_forecast_that_does_not_fit_says_what_would(files, valve, capsys):
    assert listkit_budget(files, "forecast") == 1
    assert "add an account" in capsys.readouterr().out


def test_less_than_a_day_is_no_observation():
    account = accounts.Account("x@example.org", Limits(1440, 100, 86400))
    made = forecast(account, [Charge(100, "a@example.org", False, 0)], first_charge=0, now=3600)
    assert made.needs[0].observed is None


def test_the_dashboard_asks_for_metrics_that_exist(valve):
    dashboard = (Path(__file__).parents[3] / "docs/reference/grafana-outbound.json").read_text()
    assert json.loads(dashboard)["time"] == {"from": "now-24h", "to": "now"}
    made = {line.split()[2] for line in report.metrics(report.snapshot(valve, 0)) if line.startswith("# TYPE")}
    assert set(re.findall(r"listkit_budget_\w+", dashboard)) <= made

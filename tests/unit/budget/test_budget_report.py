"""The command and its numbers."""

import json
import re
import time
from pathlib import Path

import pytest
from budget_postfix import NOT_OWNED, OVER_QUOTA, Postfix, Provider

from listkit.budget import accounts, command, report, service
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


def listkit_budget(files, *words):
    options = [f"--{name}={files / file}" for name, file in
               (("configuration", "budget.json"), ("ledger", "ledger"), ("status", "status.json"))]  # fmt: skip
    return command.main([*options, *words])


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
    assert seen["lists"] == [
        {"list": "a@example.org", "used": 200, "queued_messages": 1, "queued_recipients": 100}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("trouble", "words"), [(OVER_QUOTA, "pauses (quota)"), (NOT_OWNED, "create the missing alias")]
)
def test_a_refusal_is_shown_with_what_to_do(files, valve, capsys, trouble, words):
    now = time.time()
    post(valve, 10)
    valve.queue.provider.trouble = trouble
    for _ in range(2):
        valve.turn(now)
        valve.queue.work(now)
    service.publish(valve, files / "status.json", now)
    assert listkit_budget(files) == (trouble == OVER_QUOTA)
    assert words in capsys.readouterr().out


def test_resume_ends_a_pause(files, valve):
    now = time.time()
    post(valve, 10)
    valve.queue.provider.trouble = OVER_QUOTA
    for _ in range(2):
        valve.turn(now)
        valve.queue.work(now)
    valve.queue.provider.trouble = None
    assert listkit_budget(files, "resume", "MAILMAN@example.org") == 0
    for _ in range(2):
        valve.turn(now)
        valve.queue.work(now)
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


def test_metrics_are_in_prometheus_format(valve):
    now = time.time()
    post(valve, 10)
    valve.turn(now)
    lines = list(report.metrics(report.snapshot(valve, now)))
    assert 'listkit_budget_used_recipients{account="mailman@example.org"} 10' in lines
    assert 'listkit_budget_paused{account="second@example.org",meaning=""} 0' in lines
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    assert all(line.split("{")[0].split()[0] in names for line in lines if not line.startswith("#"))


def test_the_ledger_outlives_its_process(files):
    book = Ledger(files / "ledger")
    book.open(OpenCharge("1", "mailman@example.org", "a@example.org", False, 10))
    book.settle("1", 10, 100.0)
    book.close()
    assert Ledger(files / "ledger").charges("mailman@example.org", 0) == [Charge(10, "a@example.org", False, 100.0)]


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
    dashboard = (Path(__file__).parents[3] / "docs/grafana-outbound.json").read_text()
    assert json.loads(dashboard)["time"] == {"from": "now-24h", "to": "now"}
    made = {line.split()[2] for line in report.metrics(report.snapshot(valve, 0)) if line.startswith("# TYPE")}
    assert set(re.findall(r"listkit_budget_\w+", dashboard)) <= made

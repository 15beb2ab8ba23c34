"""The command and its numbers."""

import json
import math
import os
import re
import time
from pathlib import Path

import pytest
from budget_postfix import NOT_OWNED, OVER_QUOTA, Postfix, Provider

from listkit.budget import accounts, cli, report, service
from listkit.budget.controller import QueueController
from listkit.budget.forecast import DAY_SECONDS, forecast
from listkit.budget.ledger import Ledger, OpenCharge
from listkit.budget.window import Charge, Kind, Limits
from listkit.common.answers import HEADER, Answer
from listkit.common.prometheus import render

CONFIGURATION = {
    "window": 86400,
    "queue_lifetime": 432000,
    "list_domains": ["example.org"],
    "sub_addresses": ["bounces", "owner"],
    "answers": {"per_recipient": 2, "per_list_and_hour": 10},
    "accounts": [
        {"address": "Mailman@example.org", "limit": 300, "reserve": 50, "strangers": 20, "lists": []},
        {
            "address": "second@example.org",
            "limit": 500,
            "reserve": 50,
            "strangers": 20,
            "lists": [{"address": "b@example.org", "recipients_per_day": 600}],
        },
    ],
}


@pytest.fixture
def files(tmp_path):
    (tmp_path / "budget.json").write_text(json.dumps(CONFIGURATION))
    return tmp_path


@pytest.fixture
def controller(files):
    site = accounts.load(files / "budget.json")
    return QueueController(site, Postfix(Provider(10_000, 86400)), Ledger(files / "ledger"))


@pytest.fixture(autouse=True)
def systemctl(tmp_path, monkeypatch):
    """A systemctl that writes down what it is asked."""
    command, asked = tmp_path / "bin/systemctl", tmp_path / "asked"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\necho "$@" >> {asked}\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    return asked


def go_on(controller, now):
    """Let the controller and Postfix do what there is to do; the second turn is about what the first led to."""
    for _ in range(2):
        controller.run_cycle(now)
        controller.queue.work(now)


def listkit_budget(files, *words):
    options = [f"--{name}={files / file}" for name, file in
               (("configuration", "budget.json"), ("ledger", "ledger"), ("status", "status.json"))]  # fmt: skip
    return cli.main([*options, *words])


def post(controller, recipients, list_name="a"):
    return controller.queue.arrive(f"{list_name}-bounces@example.org", [f"{n}@x.test" for n in range(recipients)])


def test_the_table_shows_what_is_used_left_and_queued(files, controller, capsys):
    now = time.time()
    for _ in range(3):
        post(controller, 100)
        controller.run_cycle(now)
        controller.queue.work(now)
    controller.run_cycle(now)
    service.publish(controller, files / "status.json", now)
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
    ("refusal", "words"), [(OVER_QUOTA, "paused (quota)"), (NOT_OWNED, "create the missing alias")]
)
def test_a_refusal_is_shown_with_what_to_do(files, controller, capsys, refusal, words):
    now = time.time()
    post(controller, 10)
    controller.queue.provider.refusal = refusal
    go_on(controller, now)
    service.publish(controller, files / "status.json", now)
    assert listkit_budget(files) == (refusal == OVER_QUOTA)
    assert words in capsys.readouterr().out


def test_what_was_dropped_is_shown_and_counted(files, controller, capsys):
    now = time.time()
    for _ in range(5):
        queue_id = controller.queue.arrive("a-bounces@example.org", ["victim@x.test"], post=False)
        controller.queue.messages[queue_id].headers[HEADER] = Answer.STRANGER
    go_on(controller, now)
    go_on(controller, now)
    service.publish(controller, files / "status.json", now)
    assert listkit_budget(files) == 0
    shown = capsys.readouterr().out
    assert "a@example.org: 3 answers to addresses that are not members' dropped; more than 2 to an address" in shown
    lines = render(report.metrics(report.snapshot(controller, now))).splitlines()
    assert "listkit_budget_dropped_messages 3" in lines
    assert 'listkit_budget_strangers_used_recipients{account="mailman@example.org"} 2' in lines
    assert 'listkit_budget_strangers_limit_recipients{account="mailman@example.org"} 20' in lines


def test_resume_ends_a_pause_and_wakes_the_controller(files, controller, systemctl):
    now = time.time()
    post(controller, 10)
    controller.queue.provider.refusal = OVER_QUOTA
    go_on(controller, now)
    controller.queue.provider.refusal = None
    assert listkit_budget(files, "resume", "MAILMAN@example.org") == 0
    assert systemctl.read_text() == "kill --signal=SIGIO listkit-budget.service\n"
    go_on(controller, now)
    assert not controller.queue.messages


def test_resume_tries_a_list_again_that_rests(files, controller):
    now = time.time()
    post(controller, 10)
    controller.queue.provider.refusal = NOT_OWNED
    go_on(controller, now)
    controller.queue.provider.refusal = None
    go_on(controller, now)
    assert controller.queue.messages, "the list rests"
    assert listkit_budget(files, "resume") == 0
    go_on(controller, now)
    assert not controller.queue.messages


def test_an_unknown_account_is_named_with_those_that_exist(files, capsys):
    assert listkit_budget(files, "resume", "nobody@example.org") == 2
    assert "second@example.org" in capsys.readouterr().err


def test_old_numbers_are_called_old(files, controller, capsys):
    service.publish(controller, files / "status.json", time.time() - 1000)
    assert listkit_budget(files) == 2
    assert "no progress for 1000 s; outgoing mail is stuck" in capsys.readouterr().err


def test_missing_numbers_say_where_to_look(files, capsys):
    assert listkit_budget(files) == 2
    assert "systemctl start listkit-budget" in capsys.readouterr().err


def test_a_configuration_that_cannot_be_read_says_why(files, capsys):
    (files / "budget.json").write_text("{}")
    assert listkit_budget(files, "forecast") == 2
    said = capsys.readouterr().err.splitlines()
    assert "budget.json: window: is missing; for example: 1" in said[0]
    assert any("accounts: must name at least one account" in line for line in said)


@pytest.mark.parametrize("words", [["forecast"], ["resume"]])
def test_a_ledger_that_cannot_be_opened_says_so(files, capsys, words):
    (files / "ledger").mkdir()
    assert listkit_budget(files, *words) == 2
    said = capsys.readouterr().err
    assert f"{files}/ledger: " in said
    assert "only root can read it" in said


def test_numbers_are_renewed_when_the_queue_changes_and_once_in_a_second(files, controller):
    status = files / "status.json"
    status_file = service.StatusFile(controller, status)

    def renewed(now):
        status.unlink(missing_ok=True)
        return status_file.refresh(now), status.exists()

    assert renewed(100) == (math.inf, True)
    assert renewed(100.5) == (101, False)
    assert renewed(101) == (math.inf, True)
    post(controller, 1000)
    post(controller, 1000)
    controller.run_cycle(101.5)
    assert renewed(101.5) == (math.inf, True)
    assert renewed(50) == (math.inf, True), "the clock was set back"


def test_metrics_are_in_prometheus_format(controller):
    now = time.time()
    for number in range(5):
        post(controller, 100 - number)
        controller.run_cycle(now)
        if number < 2:
            controller.queue.work(now)
    controller.queue.unreadable.add("A1")
    lines = render(report.metrics(report.snapshot(controller, now))).splitlines()
    assert 'listkit_budget_used_recipients{account="mailman@example.org"} 199' in lines
    assert 'listkit_budget_in_delivery_recipients{account="mailman@example.org"} 0' in lines
    assert 'listkit_budget_list_queued_messages{account="mailman@example.org",list="a@example.org"} 3' in lines
    assert "listkit_budget_unreadable_messages 1" in lines
    (opening,) = [line for line in lines if line.startswith("listkit_budget_next_release_timestamp_seconds")]
    assert float(opening.split()[1]) == pytest.approx(now + 86400, abs=1)
    by_list = 'listkit_budget_list_next_release_timestamp_seconds{account="mailman@example.org",list="a@example.org"}'
    assert [line.split()[1] for line in lines if line.startswith(by_list)] == [opening.split()[1]]
    assert 'listkit_budget_paused{account="second@example.org",reason=""} 0' in lines
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    assert all(line.split("{")[0].split()[0] in names for line in lines if not line.startswith("#"))


def test_the_ledger_outlives_its_process(files):
    book = Ledger(files / "ledger")
    book.open(OpenCharge("1", "mailman@example.org", "a@example.org", Kind.POST, 10, 0))
    book.settle("1", 10, 100.0)
    book.close()
    assert Ledger(files / "ledger").charges("mailman@example.org", 0) == [Charge(10, "a@example.org", Kind.POST, 100.0)]


def test_a_forecast_reckons_with_what_was_seen_where_that_is_more():
    account = accounts.Account(
        "x@example.org", Limits(1440, 100, 86400, 57), {"a@example.org": 100, "b@example.org": 100}
    )
    now = 10 * DAY_SECONDS
    seen = [Charge(100, "a@example.org", Kind.POST, time_) for time_ in range(0, 10 * DAY_SECONDS, DAY_SECONDS // 5)]
    made = forecast(account, seen, first_charge=0, now=now)
    assert {need.list: need.expected for need in made.needs} == {"a@example.org": 500, "b@example.org": 100}
    assert made.fits


def test_a_forecast_that_does_not_fit_says_what_would(files, controller, capsys):
    assert listkit_budget(files, "forecast") == 1
    assert "add an account" in capsys.readouterr().out


@pytest.mark.parametrize(("limit", "window", "warned"), [(2500, 86400, True), (2499, 86400, False), (209, 3600, True)])
def test_accounts_that_together_may_reach_the_rules_for_bulk_senders(files, controller, capsys, limit, window, warned):
    entries = [{**entry, "limit": limit, "lists": []} for entry in CONFIGURATION["accounts"]]
    (files / "budget.json").write_text(json.dumps({**CONFIGURATION, "window": window, "accounts": entries}))
    assert listkit_budget(files, "forecast") == 0
    assert ("5000 messages or more in a day" in capsys.readouterr().out) == warned


def test_less_than_a_day_is_no_observation():
    account = accounts.Account("x@example.org", Limits(1440, 100, 86400, 57))
    made = forecast(account, [Charge(100, "a@example.org", Kind.POST, 0)], first_charge=0, now=3600)
    assert made.needs[0].observed is None


def test_the_dashboard_asks_for_metrics_that_exist(controller):
    dashboard = (Path(__file__).parents[3] / "monitoring/grafana/outbound.json").read_text()
    assert json.loads(dashboard)["time"] == {"from": "now-24h", "to": "now"}
    for _ in range(2):
        post(controller, 300)
    controller.run_cycle(0)
    made = {metric.name for metric in report.metrics(report.snapshot(controller, 0)) if list(metric.samples)}
    assert set(re.findall(r"listkit_budget_\w+", dashboard)) <= made

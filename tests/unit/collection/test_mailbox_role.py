"""The plays that use the provider's API, against the stand-in: aliases, settings, and what the summary says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from ansible_collections.listkit.kit.plugins.plugin_utils.mailbox_report import plan, report
from ansible_run import GUIDE, KIT, Run, ansible_playbook

from infomaniak_api import StandInApi
from infomaniak_api.account import Account, Hosting, Mailbox
from infomaniak_api.server import TOKEN

HOSTING = 123456
PLAYS = ("Set the mailboxes up at the provider", "Summarise the run")
LISTS = ["news@example.org", "press@example.org"]
SETTINGS = {**GUIDE, "mailman_lists": [{"name": "news"}], "infomaniak_mail_hosting": HOSTING}


@pytest.fixture
def api():
    """A customer with one mailbox, and a mail service whose preferences suit lists."""
    hosting = Hosting(HOSTING, "example.org", mailboxes={"mailman": Mailbox("mailman")})
    hosting.preferences |= {"promotion_filter_enabled": False, "external_mail_flag_enabled": False}
    with StandInApi(Account({HOSTING: hosting})) as stand_in:
        yield stand_in


@pytest.fixture
def mailbox(api) -> Mailbox:
    return api.account.hostings[HOSTING].mailboxes["mailman"]


@pytest.fixture
def run(api, tmp_path: Path):
    """Run the two plays, after a run that found LISTS in Mailman: `run("--check", infomaniak_fix=True)`."""
    plays = [play for play in yaml.safe_load((KIT / "playbooks/site.yml").read_text()) if play["name"] in PLAYS]
    (tmp_path / "play.yml").write_text(yaml.safe_dump(plays))

    def run_plays(*arguments: str, **variables: object) -> Run:
        found = {"lists_result": {"lists": LISTS, "created": []}, "relay_forecast": {}}
        values = {**SETTINGS, **found, "infomaniak_token": TOKEN, **variables}
        hosts = {"mailman": {"ansible_host": "192.0.2.1", "ansible_ssh_executable": "/bin/false"}}
        (tmp_path / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": values}}))
        inventory = ("-i", str(tmp_path / "inventory.yml"))
        environment = {"INFOMANIAK_HOST": api.url}
        return ansible_playbook(tmp_path, *inventory, "play.yml", "-vvv", "-D", *arguments, environment=environment)

    return run_plays


def summary_of(run: Run) -> str:
    """Return the summary on one line."""
    return " ".join(run.output.partition("PLAY [Summarise")[2].split())


def test_aliases_are_made_and_settings_changed_as_the_operator_wants(run, api, mailbox):
    mailbox.forwardings, mailbox.move_spam = ["ana@example.net"], True
    first = run()
    assert first.returncode == 0, first.output
    assert len(mailbox.aliases) == 10 and {"postorius", "news", "news-bounces"} < set(mailbox.aliases)
    assert mailbox.forwardings and mailbox.move_spam
    for text in (
        "mailman@example.org has the 10 aliases that its lists need.",
        "Missing, of lists that aren't declared (made with infomaniak_undeclared_lists: true): press,",
        "mailman@example.org: The mailbox forwards its messages",
        "Or let the run do it: infomaniak_fix: true.",
    ):
        assert text in summary_of(first)
    wanted = {"infomaniak_fix": "yes", "infomaniak_undeclared_lists": "yes"}
    second = run(**wanted)
    assert len(mailbox.aliases) == 19 and "press-owner" in mailbox.aliases
    assert mailbox.forwardings == [] and not mailbox.move_spam and "forwards" not in summary_of(second)
    api.requests.clear()
    third = run(**wanted)
    assert "changed=0" in third.output and [request.partition(" ")[0] for request in api.requests] == ["GET"] * 3
    assert TOKEN not in first.output + second.output + third.output


def test_check_mode_shows_the_aliases_and_makes_none(run, mailbox):
    checked = run("--check")
    assert checked.returncode == 0 and mailbox.aliases == []
    assert "+news-owner" in checked.output and "mailman@example.org would have the 10 aliases" in summary_of(checked)


def test_without_a_token_nothing_is_asked_and_the_aliases_are_shown(run, api):
    shown = run(infomaniak_token="")
    assert shown.returncode == 0 and api.requests == []
    assert "mailman@example.org needs 19 aliases at the mail service (limit: 50)." in summary_of(shown)


@pytest.mark.parametrize("token", ["", TOKEN])
def test_the_plan_is_written_as_csv_with_new_lists_first_and_no_password_is_shown(run, tmp_path, token):
    file = tmp_path / "aliases.csv"
    wanted = {
        "infomaniak_token": token,
        "mail_alias_csv": str(file),
        "lists_result": {"lists": LISTS, "created": ["press@example.org"]},
    }
    assert run("--check", **wanted).returncode == 0 and not file.exists()
    first = run(**wanted)
    assert first.returncode == 0, first.output
    rows = [line.split(";") for line in file.read_text().splitlines()]
    assert len(rows) == 20 and rows[1][0] == "press" and rows[1][6] == "new" and rows[10][0] == "news"
    assert file.stat().st_mode & 0o777 == 0o600
    assert not [row[1] for row in rows[1:] if row[1] in first.output]
    assert bool(token) or f"docs/runbooks/alias-limit.md explains: {file}" in summary_of(first)
    content = file.read_text()
    assert "changed=0" in run(**wanted).output and file.read_text() == content


def test_a_plan_that_cannot_be_written_says_why_and_shows_no_password(run, tmp_path):
    missing = tmp_path / "missing"
    refused = run(infomaniak_token="", mail_alias_csv=str(missing / "aliases.csv"))
    assert refused.returncode == 2
    assert f"mail_alias_csv: {missing}/aliases.csv can't be written: Destination directory {missing}" in refused.output
    assert "news-owner;" not in refused.output


def test_without_a_token_the_summary_has_the_table_and_what_arrived(run):
    tested = {"rc": 0, "stdout": json.dumps([{"status": "ok", "seen": "for 19 of 19 addresses", "remedy": ""}])}
    said = summary_of(run(infomaniak_token="", mailbox_round_trip=tested))
    assert "needs 19 aliases" in said and "Mail arrives for 19 of 19 addresses." in said


def test_the_run_continues_and_fails_at_its_end(run, api):
    api.account.hostings[HOSTING].alias_limit = 4
    failed = run()
    assert failed.returncode == 2
    for text in ("Not done", "Lists that don't fit: news.", "Result: something was not done"):
        assert text in summary_of(failed)


def test_a_refused_token_is_not_shown_and_a_catch_all_needs_no_aliases(run, api):
    failed = run(infomaniak_token="another-secret-token", mail_catch_all=True)
    assert failed.returncode == 2 and "The API token is wrong or expired" in summary_of(failed)
    assert "another-secret-token" not in failed.output
    assert not [request for request in api.requests if "alias" in request]


def test_the_addresses_that_a_run_has_made_are_tested_and_the_missing_named_in_the_summary():
    item = {"address": "mailman@example.org", "aliases": ["news"], "needed": [], "foreign": []}
    made = {"item": item, "aliases": ["news"], "created": ["news", "news-join"], "undeclared": []}
    assert report({"results": [made]}, {}).new == ["news@example.org", "news-join@example.org"]

    findings = [
        {"status": "ok", "seen": "for 1 of 2 addresses, after 3 s at most", "remedy": ""},
        {"status": "critical", "seen": "none within 120 s for news-join@example.org", "remedy": "in the Manager, …"},
    ]
    tested = report({"results": [made]}, {}, {"rc": 2, "stdout": json.dumps(findings), "stderr": ""})
    assert tested.aliases.endswith("Mail arrives for 1 of 2 addresses, after 3 s at most.")
    assert tested.warnings == ["Mail to new addresses: none within 120 s for news-join@example.org → in the Manager, …"]

    failed = report({"results": [made]}, {}, {"rc": 1, "stdout": "", "stderr": "Traceback"})
    assert failed.warnings == ["The new addresses could not be tested: Traceback"]
    assert report({"results": [made]}, {}, {"skipped": True}).warnings == []


def account(address: str, *lists: str, **more: object) -> dict[str, object]:
    return {"address": address, "password": "secret", "limit": 1440, "lists": list(lists), **more}


def test_each_mailbox_has_its_lists_and_its_mail_service():
    accounts = [
        account("Mailman@example.org", "news@example.org"),
        account("lists@example.net", "dev@example.net", mail_hosting="9"),
    ]
    first, second = plan(accounts, [*LISTS, "dev@example.net"], "example.org", hosting="7")
    assert (first["mailbox"], first["mail_hosting"], len(first["aliases"]), len(first["needed"])) == (
        "mailman", 7, 10, 19,
    )  # fmt: skip
    assert (second["mailbox"], second["mail_hosting"], second["aliases"][0]) == ("lists", 9, "dev")
    assert "secret" not in str([first, second])


def test_aliases_that_no_list_needs_and_addresses_that_no_alias_can_be_are_named():
    (item,) = plan([account("mailman@example.org", "news@example.org", "x@example.net")],
                   ["news@example.org", "x@example.net"], "example.org", hosting=7)  # fmt: skip
    result = {"item": item, "aliases": [*item["aliases"], "ana"], "created": [], "undeclared": ["ana"]}
    text = report({"results": [result]}, {}).aliases
    assert "Not needed by any list, left unchanged: ana" in text
    assert (
        "Addresses in other domains can't be aliases of mailman@example.org" in text and "x-owner@example.net" in text
    )


@pytest.mark.parametrize(
    ("free", "limit", "warned"), [(True, 1440, True), (True, 500, False), (False, 1440, False), (None, 1440, False)]
)
def test_a_limit_that_no_free_plan_has(free, limit, warned):
    item = {"address": "mailman@example.org", "limit": limit}
    warnings = report({}, {"results": [{"item": item, "settings": {"free_plan": free}, "problems": []}]}).warnings
    assert bool(warnings) == warned
    assert (
        not warned or "allow 500 recipients in 24 hours or less, but 1440 are configured. Set mail_plan" in warnings[0]
    )


def test_a_blocked_mailbox_is_not_changed_by_the_run():
    problem = {"setting": "sending_blocked", "problem": "Infomaniak has blocked it.", "fix": "Use the link."}
    result = {"item": {"address": "mailman@example.org"}, "problems": [problem]}
    assert report({}, {"results": [result]}).warnings == [
        "mailman@example.org: Infomaniak has blocked it. Use the link."
    ]

"""The modules mail_redirection and mail_redirection_info."""

from __future__ import annotations

import pytest
from ansible_collections.listkit.infomaniak.plugins.modules import mail_redirection, mail_redirection_info
from module_run import HOSTING, Failed

from infomaniak_api.account import Redirection

NEWS = {"name": "news", "targets": ["mailman@example.org"]}


@pytest.fixture
def redirections(api):
    """The redirections at the provider, by id."""
    return api.account.hostings[HOSTING].redirections


def test_a_new_one_and_a_second_run(run, redirections, api):
    result = run(mail_redirection, mail_hosting=HOSTING, redirections=[NEWS])
    assert [(each.name, list(each.targets)) for each in redirections.values()] == [("news", ["mailman@example.org"])]
    assert result["changed"] and result["redirections"][0]["pending"] == ["mailman@example.org"]
    assert result["warnings"] == [
        "news: mailman@example.org receives nothing until it follows the link in Infomaniak's message"
    ]
    again = run(mail_redirection, mail_hosting=HOSTING, redirections=[NEWS])
    assert not again["changed"] and again["requests"] == 1


def test_targets_who_agreed_stay_and_are_not_asked_again(run, redirections):
    redirections["7"] = Redirection("7", "news", {"ana@example.net": 1})
    redirections["8"] = Redirection("8", "board", {"ben@example.net": 1})
    result = run(mail_redirection, mail_hosting=HOSTING, redirections=[NEWS])
    assert redirections["7"].targets == {"ana@example.net": 1, "mailman@example.org": None}
    assert result["undeclared"] == ["board"]
    assert result["diff"]["before"]["news"] == {"targets": ["ana@example.net"], "enabled": True}


def test_other_targets_go_when_asked(run, redirections):
    redirections["7"] = Redirection("7", "news", {"ana@example.net": 1, "mailman@example.org": 1})
    result = run(mail_redirection, mail_hosting=HOSTING, redirections=[NEWS], exclusive=True)
    assert redirections["7"].targets == {"mailman@example.org": 1}
    assert result["warnings"] == []


def test_a_disabled_one_is_enabled(run, redirections):
    redirections["7"] = Redirection("7", "news", {"mailman@example.org": 1}, state="disabled")
    assert run(mail_redirection, mail_hosting=HOSTING, redirections=[NEWS])["changed"]
    assert redirections["7"].state == "enable"


def test_absent(run, redirections):
    redirections["7"] = Redirection("7", "news", {"ana@example.net": 1})
    redirections["8"] = Redirection("8", "board", {"ben@example.net": 1})
    run(mail_redirection, mail_hosting=HOSTING, redirections=[{"name": "news"}], state="absent")
    assert list(redirections) == ["8"]


def test_check_mode(run, redirections, api):
    result = run(mail_redirection, check=True, mail_hosting=HOSTING, redirections=[NEWS])
    assert result["changed"] and result["redirections"][0]["name"] == "news" and redirections == {}


def test_success_that_changed_nothing(run, api):
    api.switches.ignore_writes = True
    with pytest.raises(Failed, match="redirections to change: news"):
        run(mail_redirection, mail_hosting=HOSTING, redirections=[NEWS])


def test_changes_that_come_later(run, redirections, api):
    api.switches.writes_done_after_reads = 3
    assert run(mail_redirection, mail_hosting=HOSTING, redirections=[NEWS])["changed"]


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (
            {"name": "news@example.org", "targets": ["a@example.org"]},
            "redirections: name: 'news@example.org' is a full",
        ),
        ({"name": "news", "targets": ["ana"]}, "redirections: news: targets: 'ana' isn't a full address"),
        ({"name": "news", "targets": [f"{n}@example.org" for n in range(11)]}, "news has 11 targets; at most 10"),
        ({"name": "news", "targets": []}, "news needs a target, such as ana@example.org"),
    ],
)
def test_wrong_options(run, declared, message):
    with pytest.raises(Failed) as caught:
        run(mail_redirection, mail_hosting=HOSTING, redirections=[declared])
    assert message in caught.value.result["msg"]


def test_info(run, redirections):
    redirections["7"] = Redirection("7", "news", {"ana@example.net": None})
    assert run(mail_redirection_info, mail_hosting=HOSTING)["redirections"] == [
        {"name": "news", "targets": ["ana@example.net"], "pending": ["ana@example.net"], "enabled": True}
    ]

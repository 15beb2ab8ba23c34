"""The modules mailbox_settings and mailbox_settings_info."""

from __future__ import annotations

import pytest
from ansible_collections.listkit.infomaniak.plugins.module_utils.mailbox import FOR_PROGRAMS
from ansible_collections.listkit.infomaniak.plugins.modules import mailbox_settings, mailbox_settings_info
from module_run import HOSTING, Failed

WHERE = {"mail_hosting": HOSTING, "mailbox": "mailman"}
RIGHT = {
    "auto_reply": False,
    "forwarding": [],
    "move_spam": False,
    "mail_filtering": False,
    "promotion_filter": False,
    "external_mail_flag": False,
    "dkim": True,
}


@pytest.fixture
def all_wrong(api, mailbox):
    """A mailbox with everything that gets in the way."""
    mailbox.replies = {1: {"id": 1, "is_active": True}, 2: {"id": 2, "is_active": False}}
    mailbox.forwardings = ["ana@example.net"]
    mailbox.move_spam = mailbox.mail_filtering = mailbox.smtpban = True
    mailbox.dkim = False
    return mailbox


def test_a_healthy_mailbox_has_no_problems_and_costs_two_requests(run, api):
    api.account.hostings[HOSTING].preferences |= {
        "promotion_filter_enabled": False,
        "external_mail_flag_enabled": False,
    }
    result = run(mailbox_settings, **WHERE, **RIGHT)
    assert not result["changed"] and result["problems"] == [] and result["requests"] == 2


def test_every_problem_is_named_with_its_fix(run, all_wrong):
    problems = run(mailbox_settings_info, **WHERE)["problems"]
    assert [problem["setting"] for problem in problems] == list(FOR_PROGRAMS)
    assert all(problem["problem"].endswith(".") and problem["fix"].endswith(".") for problem in problems)


def test_everything_is_put_right_but_what_only_a_person_can(run, all_wrong, api):
    result = run(mailbox_settings, **WHERE, **RIGHT)
    assert [problem["setting"] for problem in result["problems"]] == ["sending_blocked"]
    assert result["settings"]["unblock_url"] == "https://manager.example/unblock"
    assert not all_wrong.replies_now() and all_wrong.forwardings == [] and all_wrong.dkim
    assert not all_wrong.move_spam and not all_wrong.mail_filtering
    replies = [request for request in api.requests if request.startswith("PATCH") and "/auto_reply/model/" in request]
    assert len(replies) == 1, "only the active one is changed"
    assert result["diff"]["before"]["move_spam"] is True and result["diff"]["after"]["move_spam"] is False
    assert not run(mailbox_settings, **WHERE, **RIGHT)["changed"]


def test_one_option_puts_everything_right(run, all_wrong):
    result = run(mailbox_settings, **WHERE, suit_programs=True)
    assert [problem["setting"] for problem in result["problems"]] == ["sending_blocked"]
    assert result["settings"].items() >= RIGHT.items()
    assert not run(mailbox_settings, **WHERE, suit_programs=True)["changed"]


def test_a_given_setting_overrides_what_suits_programs(run, all_wrong):
    result = run(mailbox_settings, **WHERE, suit_programs=True, forwarding=["eva@example.net"])
    assert all_wrong.forwardings == ["eva@example.net"] and result["settings"]["move_spam"] is False


def test_what_is_not_given_stays(run, all_wrong, api):
    assert not run(mailbox_settings, **WHERE)["changed"]
    run(mailbox_settings, **WHERE, move_spam=False)
    assert all_wrong.mail_filtering and all_wrong.replies_now() and all_wrong.forwardings == ["ana@example.net"]
    assert api.account.hostings[HOSTING].preferences["promotion_filter_enabled"]


def test_forwarding_is_exactly_what_is_given(run, mailbox):
    mailbox.forwardings = ["ana@example.net", "ben@example.net"]
    run(mailbox_settings, **WHERE, forwarding=["Ben@example.net", "eva@example.net"])
    assert mailbox.forwardings == ["ben@example.net", "eva@example.net"]


def test_check_mode(run, all_wrong, api):
    result = run(mailbox_settings, check=True, **WHERE, **RIGHT)
    assert result["changed"] and all_wrong.move_spam and all_wrong.replies_now()
    assert all(request.startswith("GET") for request in api.requests)


def test_the_kind_of_plan(run):
    assert run(mailbox_settings_info, **WHERE)["settings"]["free_plan"] is False
    assert run(mailbox_settings_info, **WHERE | {"mail_hosting": 1})["settings"]["free_plan"] is True


def test_success_that_changed_nothing(run, all_wrong, api):
    api.switches.ignore_writes = True
    with pytest.raises(Failed, match="settings to change: move_spam, dkim"):
        run(mailbox_settings, **WHERE, move_spam=False, dkim=True)


def test_changes_that_come_later(run, all_wrong, api):
    api.switches.writes_done_after_reads = 5
    assert run(mailbox_settings, **WHERE, move_spam=False)["changed"] and not all_wrong.move_spam


def test_a_setting_that_is_not_answered_is_not_guessed(run, api, monkeypatch):
    monkeypatch.setattr("infomaniak_api.account.ON_REQUEST", ())
    result = run(mailbox_settings_info, **WHERE)
    assert result["settings"]["move_spam"] is None
    assert [problem["setting"] for problem in result["problems"]] == ["promotion_filter", "external_mail_flag"]
    with pytest.raises(Failed, match="Infomaniak doesn't answer move_spam for this mailbox"):
        run(mailbox_settings, **WHERE, move_spam=False)


def test_a_way_to_unblock_means_blocked(run, mailbox, monkeypatch):
    monkeypatch.setattr("infomaniak_api.account.ON_REQUEST", ("smtpban_url",))
    mailbox.smtpban = True
    assert run(mailbox_settings_info, **WHERE)["settings"]["sending_blocked"] is True


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"auto_reply": True}, "auto_reply: only false is possible here"),
        ({"forwarding": ["ana"]}, "forwarding: 'ana' isn't a full address, such as ana@example.org"),
    ],
)
def test_wrong_options(run, api, options, message):
    with pytest.raises(Failed) as caught:
        run(mailbox_settings, **WHERE, **options)
    assert message in caught.value.result["msg"] and api.requests == []

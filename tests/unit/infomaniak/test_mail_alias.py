"""The modules mail_alias and mail_alias_info."""

from __future__ import annotations

import pytest
from ansible_collections.listkit.infomaniak.plugins.module_utils import aliases
from ansible_collections.listkit.infomaniak.plugins.modules import mail_alias, mail_alias_info
from module_run import HOSTING, Failed

SUFFIXES = ("", "-bounces", "-confirm", "-join", "-leave", "-owner", "-request", "-subscribe", "-unsubscribe")
WHERE = {"mail_hosting": HOSTING, "mailbox": "mailman"}


def list_aliases(*names):
    return [f"{name}{suffix}" for name in names for suffix in SUFFIXES]


FIVE_LISTS = ["postorius", *list_aliases("news", "board", "choir", "staff", "talk")]


def test_five_lists_fit_the_rate_limit_and_a_second_run_reads_once(run, api, mailbox, clock):
    assert len(FIVE_LISTS) == 46
    result = run(mail_alias, **WHERE, aliases=FIVE_LISTS)
    assert sorted(mailbox.aliases) == sorted(FIVE_LISTS) == result["aliases"]
    assert result["changed"] and result["requests"] == len(api.requests) == 48 and clock.slept == 0
    again = run(mail_alias, **WHERE, aliases=FIVE_LISTS)
    assert not again["changed"] and again["requests"] == 1


def test_others_stay_and_are_named(run, mailbox):
    mailbox.aliases = ["ana", "news"]
    result = run(mail_alias, **WHERE, aliases=["News", "board"])
    assert mailbox.aliases == ["ana", "news", "board"]
    assert (result["created"], result["undeclared"]) == (["board"], ["ana"])
    assert result["diff"] == {"before": "ana\nnews\n", "after": "ana\nboard\nnews\n"}


def test_others_go_when_asked(run, mailbox):
    mailbox.aliases = ["ana", "news"]
    result = run(mail_alias, **WHERE, aliases=["news"], exclusive=True)
    assert mailbox.aliases == ["news"] and result["removed"] == ["ana"]


def test_absent(run, mailbox, api):
    mailbox.aliases = ["ana", "news"]
    assert run(mail_alias, **WHERE, aliases=["news", "board"], state="absent")["removed"] == ["news"]
    assert mailbox.aliases == ["ana"]
    assert not run(mail_alias, **WHERE, aliases=["news", "board"], state="absent")["changed"]


def test_check_mode_writes_nothing(run, mailbox, api):
    result = run(mail_alias, check=True, **WHERE, aliases=["news"])
    assert result["changed"] and result["created"] == ["news"] and mailbox.aliases == []
    assert [request.partition(" ")[0] for request in api.requests] == ["GET"]


def test_the_whole_set_is_never_replaced(run, mailbox, api):
    mailbox.aliases = ["ana"]
    run(mail_alias, **WHERE, aliases=["news"], exclusive=True)
    run(mail_alias, **WHERE, aliases=["news"], state="absent")
    assert not [request for request in api.requests if request.startswith("PUT")]


def test_answers_with_full_addresses_are_understood(run, mailbox, api):
    api.switches.aliases_as_addresses = True
    mailbox.aliases = ["news"]
    assert not run(mail_alias, **WHERE, aliases=["news"])["changed"]


def test_too_many_aliases_say_which_lists_lack_room_and_what_helps(run, mailbox):
    names = list_aliases("news", "board", "choir", "staff", "talk", "extra")
    with pytest.raises(Failed) as caught:
        run(mail_alias, **WHERE, aliases=names)
    result = caught.value.result
    assert result["lists_without_room"] == ["extra"]
    assert len(mailbox.aliases) == 50 and result["changed"] and len(result["created"]) == 50
    assert (
        result["missing"] == ["extra-leave", "extra-owner", "extra-request", "extra-subscribe", "extra-unsubscribe"][1:]
    )
    for words in ("50 on paid plans", "-subscribe and -unsubscribe", "redirection", "second mailbox", "catch-all"):
        assert words in result["msg"]
    assert "Lists that don't fit: extra." in result["msg"] and "extra-owner" in result["msg"]


def test_an_outage_half_way_says_how_far_it_came(run, api, mailbox):
    api.switches.requests_per_minute = 3
    with pytest.raises(Failed, match=r"too many requests .* Not added: choir\.") as caught:
        run(mail_alias, **WHERE, aliases=["news", "board", "choir"], api_wait=0)
    assert caught.value.result["created"] == ["board", "news"] and mailbox.aliases == ["news", "board"]


def test_the_free_plan(run, api):
    with pytest.raises(Failed, match=r"The mailbox has 1 aliases\. Lists that don't fit: news"):
        run(mail_alias, mail_hosting=1, mailbox="mailman", aliases=list_aliases("news"))


def test_a_catch_all_takes_none(run):
    with pytest.raises(Failed, match="generic mailbox such as a catch-all can't have aliases"):
        run(mail_alias, mail_hosting=HOSTING, mailbox="catchall", aliases=["news"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"aliases": ["news@example.org"]}, "aliases: 'news@example.org' is a full address; write only"),
        ({"aliases": ["n ews"]}, "aliases: 'n ews' can't stand before an @"),
        ({"aliases": ["x" * 65]}, "can't stand before an @; write 1 to 64 letters"),
        ({"aliases": ["mailman"]}, "aliases: mailman is the mailbox's own name"),
        ({"aliases": ["news"], "mailbox": "mailman@example.org"}, "mailbox: 'mailman@example.org' is a full address"),
    ],
)
def test_wrong_names_are_refused_before_anything_is_asked(run, api, options, message):
    with pytest.raises(Failed) as caught:
        run(mail_alias, **{**WHERE, **options})
    assert message in caught.value.result["msg"] and api.requests == []


def test_an_unknown_mailbox(run):
    with pytest.raises(Failed, match="number of the Mail Service, which stands in its address in the Manager"):
        run(mail_alias, mail_hosting=HOSTING, mailbox="nobody", aliases=["news"])


def test_success_that_changed_nothing(run, api):
    api.switches.ignore_writes = True
    with pytest.raises(Failed, match=r"accepted the change and hasn't made it .* aliases to add: news"):
        run(mail_alias, **WHERE, aliases=["news"])


def test_changes_that_come_later_are_waited_for(run, api, mailbox):
    api.switches.writes_done_after_reads = 4
    assert run(mail_alias, **WHERE, aliases=["news", "board"])["created"] == ["board", "news"]
    assert sorted(mailbox.aliases) == ["board", "news"]


def test_a_removal_whose_answer_was_lost(run, api, mailbox):
    mailbox.aliases = ["news"]
    api.switches.lost_answers = 1
    assert run(mail_alias, **WHERE, aliases=["news"], state="absent")["removed"] == ["news"]


def test_lists_without_room_keeps_similar_names_apart():
    names = [*list_aliases("news", "news-extra")]
    assert aliases.lists_without_room(names, ["news-extra-owner"]) == ["news-extra"]
    assert aliases.lists_without_room(names, ["news-owner"]) == ["news"]


def test_the_token_comes_from_the_environment(run, monkeypatch):
    with pytest.raises(Failed, match="environment variable INFOMANIAK_TOKEN"):
        run(mail_alias_info, **WHERE, api_token=None)
    monkeypatch.setenv("INFOMANIAK_TOKEN", "the-stand-in's-token")
    assert run(mail_alias_info, **WHERE, api_token=None)["aliases"] == []


def test_the_token_is_never_shown(run, monkeypatch):
    monkeypatch.setenv("INFOMANIAK_TOKEN", "a-secret-token")
    with pytest.raises(Failed) as caught:
        run(mail_alias_info, **WHERE, api_token=None)
    assert "a-secret-token" not in str(caught.value.result)


def test_the_token_goes_nowhere_in_the_clear(run, api):
    with pytest.raises(Failed, match="must begin with https://"):
        run(mail_alias_info, **WHERE, api_url="http://api.example.org")
    assert api.requests == []


@pytest.mark.parametrize("token", ["with space", "with\nline", "tökén"])
def test_a_token_that_was_copied_wrongly(run, api, token):
    with pytest.raises(Failed, match="copy it again"):
        run(mail_alias_info, **WHERE, api_token=token)
    assert api.requests == []


def test_info(run, mailbox):
    mailbox.aliases = ["news", "board"]
    result = run(mail_alias_info, **WHERE)
    assert result["aliases"] == ["board", "news"] and not result["changed"] and "diff" not in result

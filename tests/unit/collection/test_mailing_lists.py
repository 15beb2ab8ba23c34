"""Domains and lists through the REST client, against a double that answers as real Mailmans were seen to."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.listkit.mailman3.plugins.module_utils import mailing_lists, rest, rest_module, rosters
from ansible_collections.listkit.mailman3.plugins.module_utils.mailing_lists import Declaration
from ansible_collections.listkit.mailman3.plugins.modules import mailing_lists as lists_module
from mailman_double import PASSWORD, MailmanDouble

DEFAULTS = {"dmarc_mitigate_action": "munge_from", "first_strip_reply_to": True}


@pytest.fixture
def mailman():
    double = MailmanDouble()
    yield double
    double.close()


@pytest.fixture
def params(mailman, tmp_path):
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    return {
        "api_url": mailman.url,
        "api_user": "restadmin",
        "api_password_file": str(tmp_path / "password"),
        "api_wait": 0,
        "domain": "example.org",
        "domains": [],
        "lists": [],
        "defaults": DEFAULTS,
        "templates": {},
        "templates_directory": str(tmp_path / "templates"),
    }


def converge(params, *lists, check=False, **more):
    module = SimpleNamespace(params={**params, "lists": list(lists), **more}, check_mode=check)
    changes, results = lists_module.converge(module, rest.Api.of(module.params))
    return [change for change in changes if change], results


def test_makes_domain_list_settings_and_people(mailman, params):
    changes, results = converge(
        params,
        {
            "name": "News",
            "owners": ["Ana@example.org"],
            "settings": {"max_message_size": 200, "acceptable_aliases": []},
        },
    )
    assert list(mailman.domains) == ["example.org"]
    config = mailman.lists["news@example.org"]
    assert (config["dmarc_mitigate_action"], config["max_message_size"]) == ("munge_from", 200)
    assert list(mailman.people["news@example.org"]) == ["owner ana@example.org"]
    assert [change.what for change in changes] == [
        "domain example.org",
        "list news@example.org",
        "owners of news@example.org",
    ]
    assert results.pop("rosters")[0]["added"] == 1
    assert results == {
        "lists": ["news@example.org"],
        "created": ["news@example.org"],
        "removed": [],
        "undeclared": [],
        "drift": [],
    }


def test_second_run_writes_nothing(mailman, params):
    declared = {"name": "news", "owners": ["ana@example.org"], "description": "News", "settings": {"advertised": "no"}}
    converge(params, declared)
    mailman.writes.clear()
    changes, results = converge(params, declared)
    assert changes == [] and results["lists"] == ["news@example.org"] and results["created"] == []
    assert mailman.writes == []


def test_the_last_owner_stays(mailman, params):
    converge(params, {"name": "news", "owners": ["ana@example.org"]})
    assert converge(params, {"name": "news", "owners": []})[0] == []
    assert list(mailman.people["news@example.org"]) == ["owner ana@example.org"]


def test_owners_have_no_guard_which_nothing_could_lift(mailman, params):
    converge(params, {"name": "news", "owners": [f"o{number}@example.org" for number in range(12)]})
    converge(params, {"name": "news", "owners": ["o1@example.org"]})
    assert list(mailman.people["news@example.org"]) == ["owner o1@example.org"]


def test_members_of_all_lists_are_planned_before_anything_is_written(mailman, params):
    members = [f"p{number}@example.com" for number in range(12)]
    converge(params, {"name": "news", "members": {"entries": members}})
    mailman.writes.clear()
    declared = {"name": "news", "members": {"state": "exact", "entries": members[:6]}, "description": "New"}
    with pytest.raises(rosters.PlanRefused, match=r"news@example.org: 6 of 12 members \(50 %\) would be removed"):
        converge(params, {"name": "press", "members": {"entries": ["ana@example.org"]}}, declared)
    assert mailman.writes == []
    declared["members"]["max_removals"] = 6
    _changes, results = converge(params, {"name": "press", "members": {"entries": ["ana@example.org"]}}, declared)
    assert [(item["list"], item["added"], item["removed"]) for item in results["rosters"]] == [
        ("press@example.org", 1, 0),
        ("news@example.org", 0, 6),
    ]
    assert mailman.lists["news@example.org"]["description"] == "New"


BANS = ["^.*@example[.]net$", "Eve@example.com"]
MATCHES = [{"header": "X-Spam-Flag", "pattern": "yes", "action": "hold"}, {"header": "Subject", "pattern": "^test"}]


def test_bans_and_header_matches_are_exactly_the_declared_ones(mailman, params):
    declared = {"name": "news", "bans": BANS, "header_matches": MATCHES}
    converge(params, declared)
    assert mailman.bans["news@example.org"] == ["^.*@example[.]net$", "eve@example.com"]
    assert mailman.header_matches["news@example.org"] == [
        {"header": "x-spam-flag", "pattern": "yes", "action": "hold"},
        {"header": "subject", "pattern": "^test"},
    ]
    mailman.writes.clear()
    assert converge(params, declared)[0] == [] and mailman.writes == []
    changes, _results = converge(params, {"name": "news", "bans": ["eve@example.com"], "header_matches": MATCHES[1:]})
    assert changes[0].before["bans"] == sorted(["eve@example.com", "^.*@example[.]net$"])
    assert mailman.bans["news@example.org"] == ["eve@example.com"]
    assert mailman.header_matches["news@example.org"] == [{"header": "subject", "pattern": "^test"}]
    assert sorted(mailman.writes) == [
        "DELETE lists/news.example.org/bans/%5E.%2A@example%5B.%5Dnet%24",
        "DELETE lists/news.example.org/header-matches/1",
        "PUT lists/news.example.org/header-matches/0",
    ]
    converge(params, {"name": "news", "bans": [], "header_matches": []})
    assert mailman.bans["news@example.org"] == mailman.header_matches["news@example.org"] == []


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"bans": ["eve"]}, "news@example.org: bans: 'eve' is neither an address nor a regular expression"),
        ({"bans": ["^("]}, "bans: '\\^\\(' is not a valid regular expression"),
        ({"bans": ["^a/b"]}, "has a slash, which Mailman's REST interface can't remove again"),
        ({"bans": ["^.*@example[.]net", "Eve@example.net"]}, "'Eve@example.net' is already banned by '.*', so"),
        ({"header_matches": [{"header": "X Y", "pattern": "a"}]}, "'X Y' is not the name of a header"),
        ({"header_matches": [{"header": "X", "pattern": "("}]}, "'\\(' is not a valid regular expression"),
        ({"header_matches": [{"header": "X", "pattern": "a"}, {"header": "x", "pattern": "a"}]}, "occurs twice"),
        ({"header_matches": [{"header": "X", "pattern": "a", "action": "keep"}]}, "action: 'keep' is not one of hold"),
        ({"members": {"entries": ["ana"]}}, r"news@example.org: members: entries\[#1\]: 'ana' is not a full"),
        (
            {"templates": {"welcome": "Hello"}},
            "news@example.org: templates: 'welcome' is not a template here; did you mean list:user:notice:welcome",
        ),
        ({"owners": ["ana"]}, r"news@example.org: owners: entries\[#1\]: 'ana' is not a full"),
    ],
)
def test_people_and_filters_that_are_not_valid_are_refused_before_anything_is_written(mailman, params, wrong, reason):
    with pytest.raises(ValueError, match=reason):
        converge(params, {"name": "press"}, {"name": "news", **wrong})
    assert mailman.writes == []


WELCOME, FOOTER = "list:user:notice:welcome", "list:member:regular:footer"


def test_templates_of_a_list_and_of_all_lists(mailman, params):
    declared = {"name": "news", "templates": {WELCOME: "Welcome to $listname\n"}}
    predicted, _results = converge(params, declared, templates={FOOTER: ""}, check=True)
    assert mailman.templates == {"": {}} and not Path(params["templates_directory"]).exists()
    changes, _results = converge(params, declared, templates={FOOTER: ""})
    assert changes == predicted
    assert (changes[0].what, changes[0].after) == ("templates of all lists", {FOOTER: ""})
    assert changes[2].after["templates"] == declared["templates"]
    uri = mailman.templates["news@example.org"][WELCOME]
    assert Path(uri.removeprefix("file://")).read_text() == "Welcome to $listname\n"
    mailman.writes.clear()
    assert converge(params, declared, templates={FOOTER: ""})[0] == [] and mailman.writes == []
    changes, _results = converge(params, {"name": "news", "templates": {WELCOME: {"state": "absent"}}})
    assert (changes[0].before, changes[0].after) == ({"templates": declared["templates"]}, {"templates": {}})


def test_a_new_list_does_not_get_the_templates_of_a_removed_one(mailman, params):
    converge(params, {"name": "news", "templates": {WELCOME: "Welcome!"}})
    converge(params, {"name": "news", "state": "absent"}, check=True)
    assert list(mailman.templates["news@example.org"]) == [WELCOME]
    converge(params, {"name": "news", "state": "absent"})
    assert mailman.templates["news@example.org"] == {}
    assert not (Path(params["templates_directory"]) / "lists/news.example.org").exists()


def test_check_mode_writes_nothing_and_says_what_it_would(mailman, params):
    changes, results = converge(params, {"name": "news", "owners": ["ana@example.org"]}, check=True)
    assert mailman.writes == []
    assert changes[2].after == {"owners": ["ana@example.org"]} and results["lists"] == ["news@example.org"]


def test_only_what_differs_is_changed_and_shown(mailman, params):
    converge(params, {"name": "news", "description": "Old", "owners": ["ana@example.org"]})
    mailman.writes.clear()
    changes, _results = converge(params, {"name": "news", "description": "New", "owners": ["ben@example.org"]})
    assert [change.before for change in changes] == [
        {"description": "Old"},
        {"owners": ["ana@example.org, regular, enabled"]},
    ]
    assert [change.after for change in changes] == [{"description": "New"}, {"owners": ["ben@example.org"]}]
    assert list(mailman.people["news@example.org"]) == ["owner ben@example.org"]


def test_what_is_not_given_is_left_alone(mailman, params):
    converge(params, {"name": "news", "description": "Theirs", "owners": ["ana@example.org"]})
    mailman.writes.clear()
    converge(params, {"name": "news"})
    assert mailman.writes == []


def test_own_settings_win_over_the_defaults(mailman, params):
    converge(params, {"name": "news", "settings": {"dmarc_mitigate_action": "wrap_message"}})
    assert mailman.lists["news@example.org"]["dmarc_mitigate_action"] == "wrap_message"


def test_undeclared_lists_are_reported_and_not_touched(mailman, params):
    converge(params, {"name": "old"})
    mailman.lists["old@example.org"]["dmarc_mitigate_action"] = "no_mitigation"
    mailman.writes.clear()
    changes, results = converge(params, {"name": "news"}, check=True)
    assert results["drift"] == [{"list": "old@example.org", "settings": {"dmarc_mitigate_action": "no_mitigation"}}]
    assert results["lists"] == ["news@example.org", "old@example.org"]
    assert results["undeclared"] == ["old@example.org"] and results["created"] == ["news@example.org"]
    assert mailman.writes == [] and [change.what for change in changes] == ["list news@example.org"]


def test_absent_removes_and_nothing_else_does(mailman, params):
    converge(params, {"name": "news"}, {"name": "press"})
    changes, results = converge(params, {"name": "press", "state": "absent"})
    assert list(mailman.lists) == ["news@example.org"] == results["lists"]
    assert changes[0].diff()["after"] == ""
    assert converge(params, {"name": "press", "state": "absent"})[0] == []


@pytest.mark.parametrize("check", [True, False])
def test_removal_shows_what_is_lost(mailman, params, check):
    converge(params, {"name": "press"})
    mailman.people["press@example.org"] = {f"member {number}@example.com": "" for number in range(3)}
    mailman.held["press@example.org"] = 2
    gone = {"name": "press", "state": "absent", "force": True}
    module = EndingModule(params={**params, "lists": [gone]}, check_mode=check)
    with pytest.raises(Ended):
        rest_module.run(module, lists_module.converge)
    lost = {"list": "press@example.org", "members": 3, "held_messages": 2}
    assert module.result["removed"] == [lost] and module.result["diff"][0]["before"] == lost
    verb = "would remove" if check else "removed"
    assert module.warning == f"list press@example.org: {verb} 3 members and 2 held messages (the archive is kept)"
    assert list(mailman.lists) == (["press@example.org"] if check else [])


@pytest.mark.parametrize("check", [True, False])
def test_a_list_that_is_not_empty_is_only_removed_by_force(mailman, params, check):
    converge(params, {"name": "press"}, {"name": "board"})
    mailman.people["press@example.org"] = {"member ana@example.com": ""}
    mailman.held["board@example.org"] = 2
    mailman.writes.clear()
    gone = [{"name": name, "state": "absent"} for name in ("press", "board")]
    with pytest.raises(mailing_lists.LossRefused) as refused:
        converge(params, {"name": "news"}, *gone, check=check)
    assert str(refused.value).splitlines() == [
        f"{name}@example.org: state: absent would remove {lost} (the archive is kept); if it is meant: force: true"
        for name, lost in [("press", "1 member and 0 held messages"), ("board", "0 members and 2 held messages")]
    ]
    assert mailman.writes == []


def test_list_of_another_domain(mailman, params):
    converge(params, {"name": "press@example.net"})
    assert sorted(mailman.domains) == ["example.net", "example.org"]
    assert list(mailman.lists) == ["press@example.net"]


def test_setting_that_an_older_mailman_lacks(mailman, params):
    mailman.version = "3.3.8"
    with pytest.raises(ValueError, match="this version of Mailman has no setting dmarc_addresses"):
        converge(params, {"name": "news", "settings": {"dmarc_addresses": ["^.*@example[.]com$"]}})


def test_unknown_setting_is_refused_before_anything_is_written(mailman, params):
    with pytest.raises(ValueError, match=r"news@example.org: settings.advertized: .*did you mean advertised\?"):
        converge(params, {"name": "news", "settings": {"advertized": True}})
    assert mailman.writes == []


def test_domain_description(mailman, params):
    api = rest.Api.of(params)
    mailing_lists.converge_domain(api, "example.org")
    change = mailing_lists.converge_domain(api, "example.org", "Ours")
    assert (change.before, change.after) == ({"description": ""}, {"description": "Ours"})
    assert not mailing_lists.converge_domain(api, "example.org", "Ours")
    assert mailing_lists.converge_domain(api, "example.org", absent=True)
    assert mailman.domains == {}


def test_owners_of_a_domain_are_exactly_the_declared_ones(mailman, params):
    domain = {"name": "Example.net", "owners": ["Ana@example.org", "ben@example.org"]}
    change, _default_domain = converge(params, domains=[domain])[0]
    assert change.after == {"domain": "example.net", "owners": ["ana@example.org", "ben@example.org"]}
    assert mailman.domain_owners["example.net"] == ["Ana@example.org", "ben@example.org"]
    mailman.writes.clear()
    other_address = {**domain, "owners": ["also-ana@example.org", "ben@example.org"]}
    assert converge(params, domains=[other_address])[0] == [] and mailman.writes == []
    fewer = {**domain, "owners": ["ben@example.org", "cem@example.org"]}
    for check in (True, False):
        (change,) = converge(params, check=check, domains=[fewer])[0]
        assert change.before["owners"] == ["ana@example.org", "ben@example.org"]
        assert change.after == {"owners": ["ben@example.org", "cem@example.org"]}
        assert len(mailman.writes) == (0 if check else 2)
    assert mailman.domain_owners["example.net"] == ["ben@example.org", "cem@example.org"]
    converge(params, domains=[{**domain, "owners": []}])
    assert mailman.domain_owners["example.net"] == []


def test_mailmans_own_words_reach_the_operator(mailman, params):
    declared = Declaration("news@nowhere.example", {})
    with pytest.raises(rest.RestError, match=r"refuses POST lists: 400 Domain does not exist: nowhere\.example"):
        mailing_lists.converge_list(rest.Api.of(params), declared, params["templates_directory"])


def test_wrong_password_is_named_and_not_shown(params, tmp_path):
    (tmp_path / "password").write_text("not-the-password")
    with pytest.raises(
        rest.RestError, match="refuses the user 'restadmin' with the password in api_password_file"
    ) as error:
        rest.Api.of(params)
    assert "not-the-password" not in str(error.value)


def test_a_mailman_that_does_not_answer_is_named_with_its_unit(mailman, params):
    mailman.close()
    with pytest.raises(
        rest.Unreachable, match=rf"answer at {re.escape(mailman.url)}: .*refused; look at systemctl status mailman3 on"
    ):
        rest.Api.of({**params, "api_wait": 0})


class Ended(Exception):
    """A module ended."""


class EndingModule(SimpleNamespace):
    """The part of AnsibleModule that rest_module uses."""

    def exit_json(self, **result):
        self.result = result
        raise Ended

    def fail_json(self, **result):
        self.exit_json(failed=True, **result)

    def warn(self, text):
        self.warning = text


@pytest.mark.parametrize("missing", ["server", "password"])
def test_fresh_host(params, mailman, missing, tmp_path):
    if missing == "server":
        mailman.close()
    else:
        (tmp_path / "password").unlink()
    params["lists"] = [{"name": "news"}]
    module = EndingModule(params=params, check_mode=True)
    with pytest.raises(Ended):
        rest_module.run(module, lists_module.converge)
    assert module.result["changed"] and module.result["lists"] == ["news@example.org"]
    assert "assumes a Mailman without lists" in module.warning
    module.check_mode = False
    with pytest.raises(Ended):
        rest_module.run(module, lists_module.converge)
    assert module.result["failed"]


def test_waits_for_a_mailman_that_is_starting(params, mailman, monkeypatch):
    answers = iter([rest.Unreachable("not yet"), rest.Unreachable("not yet"), {}])

    def get(_self, _path):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(rest.Api, "get", get)
    monkeypatch.setattr(rest, "POLL_SECONDS", 0)
    rest.Api.of({**params, "api_wait": 5})
    assert next(answers, "exhausted") == "exhausted"

"""The filters that turn the operator's variables into what the roles read."""

from __future__ import annotations

from ansible_collections.listkit.kit.plugins.filter.budget_accounts import budget_accounts
from ansible_collections.listkit.kit.plugins.filter.list_expectations import list_expectations
from ansible_collections.listkit.kit.plugins.filter.lists_left_behind import lists_left_behind

DEFAULTS = {"dmarc_mitigate_action": "munge_from", "first_strip_reply_to": True}


def test_the_budget_gets_each_lists_demand_and_no_password():
    accounts = [
        {"address": "mailman@example.org", "password": "secret", "limit": 500, "lists": ["members@example.org"]},
        {"address": "lists2@example.org", "password": "secret", "lists": ["press@example.org"]},
    ]
    assert budget_accounts(accounts, {"members@example.org": 250}, 100, 4) == [
        {
            "address": "mailman@example.org",
            "limit": 500,
            "reserve": 100,
            "strangers": 20,
            "lists": [{"address": "members@example.org", "recipients_per_day": 250}],
        },
        {
            "address": "lists2@example.org",
            "limit": 1440,
            "reserve": 100,
            "strangers": 57,
            "lists": [{"address": "press@example.org", "recipients_per_day": 0}],
        },
    ]


def test_an_account_without_lists_has_none():
    (only,) = budget_accounts([{"address": "mailman@example.org"}], {}, 100, 4)
    assert only["lists"] == []


def test_a_list_must_have_the_defaults_that_it_does_not_override():
    lists = [
        {"name": "Members", "settings": {"first_strip_reply_to": "no"}},
        {"name": "press@example.net", "settings": None},
    ]
    assert list_expectations(lists, "example.org", DEFAULTS) == {
        "members@example.org": {"dmarc_mitigate_action": "munge_from"},
        "press@example.net": DEFAULTS,
    }


def test_nothing_is_expected_of_a_list_to_remove():
    assert list_expectations([{"name": "old", "state": "absent"}], "example.org", DEFAULTS) == {}


def test_lists_of_a_domain_that_is_no_longer_named_would_stay_behind():
    previous, declared = ["members@old.example", "dev@old.example"], ["members@example.org", "news@example.org"]
    assert lists_left_behind(previous, declared, ["example.org"]) == ["members@old.example"]


def test_lists_of_a_domain_that_is_named_stay_on_purpose():
    assert lists_left_behind(["members@old.example"], ["members@example.org"], ["example.org", "old.example"]) == []

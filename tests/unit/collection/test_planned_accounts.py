"""The accounts that the roles get: the site's own first, each with its limit and lists."""

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.listkit.kit.plugins.filter.list_demand import list_demand
from ansible_collections.listkit.kit.plugins.filter.planned_accounts import planned_accounts

MAIN, SECOND = "mailman@example.org", "lists2@example.org"


def account(address: str, **more: object) -> dict[str, object]:
    return {"address": address, "password": "device-password", **more}


def lists(number: int) -> list[dict[str, str]]:
    return [{"name": f"list{index}"} for index in range(number)]


def test_one_account_takes_everything_however_many_lists():
    (only,) = planned_accounts([account(MAIN)], lists(20), MAIN, "example.org", limit=500)
    assert (only["limit"], len(only["lists"])) == (500, 20)


def test_the_sites_own_account_comes_first_and_lists_have_full_addresses():
    accounts = [account(SECOND, lists=["list0"], limit=500), account(MAIN)]
    first, second = planned_accounts(accounts, lists(2), MAIN, "example.org")
    assert (first["address"], first["limit"], first["lists"]) == (MAIN, 1440, ["list1@example.org"])
    assert (second["address"], second["limit"], second["lists"]) == (SECOND, 500, ["list0@example.org"])


def test_a_plan_that_cannot_fit_is_refused_with_what_would():
    with pytest.raises(AnsibleFilterError, match=r"mail_accounts: .*account"):
        planned_accounts([account(MAIN), account(SECOND)], lists(30), MAIN, "example.org")


def test_what_lists_need_is_members_times_posts():
    declared = [
        {"name": "members", "expected_members": 250, "posts_per_day": 0.5},
        {"name": "dev@example.net", "expected_members": 3, "posts_per_day": 0.5},
        {"name": "silent"},
        {"name": "gone", "expected_members": 10, "posts_per_day": 1, "state": "absent"},
    ]
    assert list_demand(declared, "example.org") == {"members@example.org": 125, "dev@example.net": 2}

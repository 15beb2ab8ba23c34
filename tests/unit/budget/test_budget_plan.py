"""Which list leaves through which account."""

import pytest
from ansible_collections.listkit.kit.plugins.plugin_utils.accounts import PlanError, Rules, plan, plan_of_site
from hypothesis import given
from hypothesis import strategies as st

RULES = Rules("example.org")


def account(number, **more):
    return {"address": f"mailman{number}@example.org", **more}


def lists(count, members=0, posts_per_day=0):
    return [
        {"name": f"list{number:02}", "expected_members": members, "posts_per_day": posts_per_day}
        for number in range(count)
    ]


def places(planned):
    return {address: item.address for item in planned for address in item.lists}


def test_five_lists_fit_one_mailbox():
    (only,) = plan([account(1)], lists(5), RULES)
    assert only.aliases == 46
    assert len(only.lists) == 5


def test_seven_lists_fit_without_the_synonyms():
    assert plan([account(1)], lists(7), Rules("example.org", without=("subscribe", "unsubscribe")))
    with pytest.raises(PlanError):
        plan([account(1)], lists(8), Rules("example.org", without=("subscribe", "unsubscribe")))


def test_a_sixth_list_needs_a_second_account():
    with pytest.raises(
        PlanError, match=r"no account has room for list05@example.org(.|\n)*2 accounts would be enough; there is 1"
    ):
        plan([account(1)], lists(6), RULES)


def test_ten_thousand_members_need_ten_accounts():
    planned = plan([account(number) for number in range(10)], lists(10, members=1000, posts_per_day=1), RULES)
    assert [item.needed for item in planned] == [1000] * 10
    with pytest.raises(PlanError, match="10 accounts would be enough; there are 9"):
        plan([account(number) for number in range(9)], lists(10, members=1000, posts_per_day=1), RULES)


def test_lists_stay_with_the_account_that_names_them():
    planned = plan([account(1), account(2, lists=["list00"])], lists(1), RULES)
    assert places(planned) == {"list00@example.org": "mailman2@example.org"}


def test_a_list_that_no_account_can_send_is_not_a_matter_of_accounts():
    with pytest.raises(PlanError, match="raise the limit"):
        plan([account(1), account(2)], lists(1, members=2000, posts_per_day=1), RULES)


def test_a_raised_limit_counts():
    assert plan([account(1, limit=3000)], lists(1, members=2000, posts_per_day=1), RULES)


def test_a_free_mailbox_holds_no_list():
    with pytest.raises(PlanError, match="a mailbox has 1"):
        plan([account(1)], lists(1), Rules("example.org", alias_limit=1))


@pytest.mark.parametrize(
    ("accounts", "message"),
    [
        ([account(1, lists=["dev@other.test"])], "mailman1@example.org can't have dev@other.test as an alias"),
        ([account(1), account(2)], "no account can have dev@other.test as an alias; use a mailbox in other.test"),
    ],
)
def test_a_list_is_no_alias_of_a_mailbox_in_another_domain(accounts, message):
    with pytest.raises(PlanError, match=message):
        plan(accounts, [{"name": "dev@other.test"}], RULES)


def test_a_list_goes_to_a_mailbox_of_its_domain():
    other = {"address": "mailman@other.test"}
    planned = plan([account(1), other], [{"name": "dev@other.test"}, *lists(1)], RULES)
    assert places(planned) == {"dev@other.test": "mailman@other.test", "list00@example.org": "mailman1@example.org"}


def test_a_lone_account_takes_all_lists_but_not_more_than_it_can_send():
    (only,) = plan_of_site([account(1)], lists(20), "mailman1@example.org", "example.org")
    assert len(only[1].lists) == 20
    with pytest.raises(
        PlanError,
        match=r"no account has room for list01@example.org \(800 .*(.|\n)*2 accounts would be enough; there is 1",
    ):
        plan_of_site([account(1)], lists(2, members=400, posts_per_day=2), "mailman1@example.org", "example.org")


def test_the_sites_own_account_comes_first():
    planned = plan_of_site([account(1), account(2)], lists(1), "mailman2@example.org", "example.org")
    assert [given["address"] for given, _ in planned] == ["mailman2@example.org", "mailman1@example.org"]


def test_a_synonym_of_the_domain_is_the_domain():
    rules = Rules("example.org", synonyms=("example.net",))
    assert plan([account(1, lists=["dev@example.net"])], [{"name": "dev@example.net"}], rules)


declared = st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 2)), min_size=1, max_size=20)


@given(declared, st.integers(1, 8))
def test_a_plan_fits_and_what_is_said_to_be_enough_is_enough(sizes, count):
    wanted = [
        {"name": f"list{number:02}", "expected_members": members, "posts_per_day": posts}
        for number, (members, posts) in enumerate(sizes)
    ]
    try:
        planned = plan([account(number) for number in range(count)], wanted, RULES)
    except PlanError:
        return
    assert sorted(places(planned)) == sorted(f"{item['name']}@example.org" for item in wanted)
    assert all(item.aliases <= 50 and item.needed <= item.per_day for item in planned)


@given(declared, st.integers(1, 8))
def test_a_list_at_the_end_moves_no_other(sizes, count):
    wanted = [
        {"name": f"list{number:02}", "expected_members": members, "posts_per_day": posts}
        for number, (members, posts) in enumerate(sizes)
    ]
    accounts = [account(number) for number in range(count)]
    try:
        before, after = places(plan(accounts, wanted[:-1], RULES)), places(plan(accounts, wanted, RULES))
    except PlanError:
        return
    assert before.items() <= after.items()

"""Which list leaves through which account."""

import pytest
from ansible_collections.lists.mailman3.plugins.module_utils.accounts import PlanError, Rules, describe, plan
from hypothesis import given
from hypothesis import strategies as st

RULES = Rules("example.org")


def account(number, **more):
    return {"address": f"mailman{number}@example.org", **more}


def lists(count, members=0, posts_per_day=0):
    return [{"name": f"list{number:02}", "members": members, "posts_per_day": posts_per_day} for number in range(count)]


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
        PlanError, match=r"no account has room for list05@example.org(.|\n)*2 accounts would do; there are 1"
    ):
        plan([account(1)], lists(6), RULES)


def test_ten_thousand_members_need_ten_accounts():
    planned = plan([account(number) for number in range(10)], lists(10, members=1000, posts_per_day=1), RULES)
    assert [item.needed for item in planned] == [1000] * 10
    with pytest.raises(PlanError, match="10 accounts would do; there are 9"):
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
        ([account(1, lists=["nobody"])], "mailman_lists doesn't declare"),
        ([account(1, lists=["list00"]), account(2, lists=["list00@example.org"])], "keep one"),
        ([{"address": "mailman@other.test", "lists": ["list00"]}], "its domain differs"),
        ([account(1), account(1)], "given twice"),
        ([{"address": "mailman"}], "no full address"),
    ],
)
def test_a_wrong_plan_says_what_is_wrong(accounts, message):
    with pytest.raises(PlanError, match=message):
        plan(accounts, lists(1), RULES)


def test_all_problems_are_named_at_once():
    with pytest.raises(PlanError) as caught:
        plan([account(1, lists=["x", "y"])], lists(1), RULES)
    assert len(str(caught.value).splitlines()) == 2


def test_a_synonym_of_the_domain_is_the_domain():
    rules = Rules("example.org", synonyms=("example.net",))
    assert plan([account(1, lists=["dev@example.net"])], [{"name": "dev@example.net"}], rules)


def test_the_plan_reads_as_a_plan():
    assert describe(plan([account(1)], lists(1, 200, 2), RULES)) == [
        "mailman1@example.org: 10 of 50 aliases, 400 of 1340 recipients a day",
        "  list00@example.org (400 a day)",
    ]


declared = st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 2)), min_size=1, max_size=20)


@given(declared, st.integers(1, 8))
def test_a_plan_fits_and_what_is_said_to_be_enough_is_enough(sizes, count):
    wanted = [
        {"name": f"list{number:02}", "members": members, "posts_per_day": posts}
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
        {"name": f"list{number:02}", "members": members, "posts_per_day": posts}
        for number, (members, posts) in enumerate(sizes)
    ]
    accounts = [account(number) for number in range(count)]
    try:
        before, after = places(plan(accounts, wanted[:-1], RULES)), places(plan(accounts, wanted, RULES))
    except PlanError:
        return
    assert before.items() <= after.items()

"""Addresses of lists, and the report about the aliases that they need."""

from __future__ import annotations

import pytest
from ansible_collections.listkit.kit.plugins.filter.alias_report import alias_report
from ansible_collections.listkit.mailman3.plugins.filter.sub_addresses import sub_addresses
from ansible_collections.listkit.mailman3.plugins.module_utils import addresses
from hypothesis import given
from hypothesis import strategies as st


def test_a_list_has_nine_addresses():
    assert addresses.list_addresses(addresses.list_address("News", "example.org")) == [
        "news@example.org",
        "news-bounces@example.org",
        "news-confirm@example.org",
        "news-join@example.org",
        "news-leave@example.org",
        "news-owner@example.org",
        "news-request@example.org",
        "news-subscribe@example.org",
        "news-unsubscribe@example.org",
    ]
    assert addresses.list_address("press@example.net", "example.org") == "press@example.net"


def test_templates_get_the_same_sub_addresses():
    named = [f"news-{name}@example.org" for name in sub_addresses([])]
    assert named == addresses.list_addresses("news@example.org")[1:]
    assert "join" not in sub_addresses(["join"])


@pytest.mark.parametrize("text", ["example.org", "a-b.example.org", "xn--bcher-kva.example"])
def test_domains(text):
    assert addresses.is_domain(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example",
        "192.0.2.1",
        "-a.example.org",
        "a_b.example.org",
        "exa mple.org",
        "example.org.",
        "a" * 64 + ".org",
    ],
)
def test_no_domains(text):
    assert not addresses.is_domain(text)


@pytest.mark.parametrize(
    "text", ["ana", "ana@", "@example.org", "a b@example.org", "ana@example", "a@b@example.org", "<a@example.org>"]
)
def test_no_addresses(text):
    assert not addresses.is_address(text)


def lists(count: int) -> list[str]:
    return [f"list{number}@example.org" for number in range(count)]


def report(items, **options) -> str:
    return alias_report(items, "mailman@example.org", "example.org", **options)


def test_report_is_ready_to_paste():
    text = report(["news@example.org"])
    assert text.splitlines()[0] == "mailman@example.org needs 10 aliases at the mail service (limit: 50)."
    assert "\npostorius, news, news-bounces, " in text
    assert "TOO MANY" not in text


def test_aliases_of_new_lists_come_first():
    text = report(["news@example.org", "press@example.org"], created=["press@example.org"])
    first, _, rest = text.partition("All aliases:\n")
    assert "For the lists created in this run:\npress\npress-bounces\n" in first and "news" not in first
    assert rest.startswith("postorius, news, news-bounces, ")


def test_aliases_are_shown_once_when_every_list_is_new():
    text = report(["news@example.org"], created=["news@example.org"])
    assert text.count("news-bounces") == 1


def test_five_lists_fit_and_six_do_not():
    assert "needs 46 aliases" in report(lists(5)) and "TOO MANY" not in report(lists(5))
    six = report(lists(6))
    assert "TOO MANY ALIASES: 55 needed, but mail_alias_limit is 50" in six
    assert "leave out -subscribe and -unsubscribe, which do the same as -join and -leave: 43 aliases" in six
    assert "add 1 mailbox to mail_accounts: 5 lists each, and 5 here" in six


def test_eight_lists_do_not_even_fit_without_the_synonyms():
    assert "leave out" in report(lists(7))
    assert "leave out" not in report(lists(8))


def test_free_plan_with_one_alias():
    text = report(lists(1), limit=1)
    assert "get a mail plan with more aliases: a list needs 9" in text and "mail_accounts" not in text


def test_catch_all_needs_no_aliases():
    assert "TOO MANY" not in report(lists(9), catch_all=True)
    assert "without aliases" in report(lists(9), catch_all=True)


def test_addresses_of_other_domains_are_no_aliases():
    text = report(["press@example.net"])
    assert "needs 1 alias at" in text
    assert "can't be aliases of mailman@example.org" in text and "press-owner@example.net" in text
    assert "needs 10 aliases" in report(["press@example.net"], synonyms=["example.net"])


def test_the_addresses_that_lists_do_not_send_from_are_ready_for_the_form_for_many():
    nine = report(lists(9))
    assert "make redirection addresses of the 36 that lists don't send from, which leaves 46 aliases" in nine
    rows = [line.strip() for line in nine.splitlines() if line.endswith(";1")]
    assert rows[:2] == ["list0-join;mailman@example.org;1", "list0-leave;mailman@example.org;1"] and len(rows) == 36
    assert ";1" not in report(lists(10)) and ";1" not in report(lists(5))


def test_several_mailboxes():
    accounts = {"mailman@example.org": ["list0"], "lists2@example.org": ["list1", "not-made-yet"]}
    first, second, hint = report(lists(3), accounts=accounts).split("\n\n")
    assert "`sudo listkit check --round-trip`" in hint
    assert "needs 19 aliases" in first and "list2," in first, (
        "a list that is assigned nowhere arrives in the main mailbox"
    )
    assert second.startswith("lists2@example.org") and "needs 9 aliases" in second and "not-made-yet" not in second


@given(st.integers(1, 60), st.integers(1, 100))
def test_the_verdict_is_arithmetic(count, limit):
    assert ("TOO MANY" in report(lists(count), limit=limit)) == (1 + 9 * count > limit)

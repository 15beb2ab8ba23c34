"""Addresses of lists, and the report about the aliases that they need."""

from __future__ import annotations

import csv

import pytest
from ansible_collections.listkit.kit.plugins.filter.alias_csv import alias_csv
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


def test_the_report_is_a_table_with_a_line_for_each_list():
    text = report(["news@example.org"])
    assert text.splitlines()[0] == "mailman@example.org needs 10 aliases at the mail service (limit: 50)."
    assert text.splitlines()[1].startswith("news@example.org  news, news-bounces, ")
    assert text.splitlines()[2] == "web interface     postorius"
    assert "TOO MANY" not in text


def test_aliases_of_new_lists_come_first():
    text = report(["news@example.org", "press@example.org"], created=["press@example.org"])
    first, second = text.splitlines()[1:3]
    assert first.startswith("press@example.org (new)  press, press-bounces, ")
    assert second.startswith("news@example.org         news, ")


def rows(items, **options) -> list[list[str]]:
    """The plan as CSV, read as a spreadsheet reads it."""
    return list(
        csv.reader(alias_csv(items, "mailman@example.org", "example.org", **options).splitlines(), delimiter=";")
    )


def test_the_plan_as_csv_is_whole_and_has_new_lists_first():
    header, *found = rows(["news@example.org", "press@example.org"], created=["press@example.org"])
    assert header[:4] == ["name", "password", "forwards to", "delete after forwarding"]
    assert [row[0] for row in found[:9]] == [name.partition("@")[0] for name in addresses.list_addresses("press@x")]
    assert [row[6] for row in found] == ["new"] * 9 + [""] * 10
    assert [row[0] for row in found[9:]] == [
        name.partition("@")[0] for name in [*addresses.list_addresses("news@x"), "postorius@x"]
    ]
    assert {(row[2], row[3]) for row in found} == {("mailman@example.org", "1")}


def test_only_addresses_that_lists_do_not_send_from_may_be_made_by_the_form():
    _, *found = rows(["news@example.org", "the-join@example.org"])
    assert [row[0] for row in found if row[4] == "alias or address" and row[5] == "news@example.org"] == [
        "news-join", "news-leave", "news-subscribe", "news-unsubscribe",
    ]  # fmt: skip
    assert {row[4] for row in found if row[0] in ("news", "news-bounces", "the-join", "postorius")} == {"alias"}


def test_the_passwords_in_the_csv_stay_and_are_random():
    first = alias_csv(["news@example.org"], "mailman@example.org", "example.org")
    again = rows(["news@example.org", "press@example.org"], before=first)
    assert alias_csv(["news@example.org"], "mailman@example.org", "example.org", before=first) == first
    assert [row for row in again if row[0].startswith("news")] == [
        row for row in rows(["news@example.org"], before=first) if row[0].startswith("news")
    ]
    passwords = {row[1] for row in again[1:]}
    assert len(passwords) == 19 and all(len(password) > 20 for password in passwords)


def test_the_csv_has_each_address_once_with_its_mailbox():
    accounts = {"mailman@example.org": ["news"], "lists2@example.org": ["press"]}
    _, *found = rows(["news@example.org", "press@example.org", "x@example.net"], accounts=accounts)
    assert {row[2] for row in found if row[0].startswith("press")} == {"lists2@example.org"}
    assert not [row for row in found if row[0].startswith("x")], "no alias can be in another domain"
    _, *found = rows(["news@example.org", "news@example.net"], synonyms=["example.net"])
    assert len(found) == 10


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


def test_redirection_addresses_are_a_way_out():
    text = report(lists(9))
    assert "make redirection addresses of the 36 that lists don't send from" in text and "leaves 46 aliases" in text
    assert "redirection" not in report(lists(10)) and "redirection" not in report(lists(5))


def test_the_report_names_the_file_with_the_csv():
    assert "/home/ana/aliases.csv" in report(lists(1), file="/home/ana/aliases.csv")
    assert "CSV" not in report(lists(1))


def test_several_mailboxes():
    accounts = {"mailman@example.org": ["list0"], "lists2@example.org": ["list1", "not-made-yet"]}
    first, second, hint = report(lists(3), accounts=accounts).split("\n\n")
    assert "--tags round_trip`" in hint
    assert "needs 19 aliases" in first and "list2," in first, (
        "a list that is assigned nowhere arrives in the main mailbox"
    )
    assert second.startswith("lists2@example.org") and "needs 9 aliases" in second and "not-made-yet" not in second


@given(st.integers(1, 60), st.integers(1, 100))
def test_the_verdict_is_arithmetic(count, limit):
    assert ("TOO MANY" in report(lists(count), limit=limit)) == (1 + 9 * count > limit)

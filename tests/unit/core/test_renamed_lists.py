"""A former address leads to the renamed list in Mailman's components."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from listkit.common import former_lists
from listkit.mailman.list_names import reason
from listkit.mailman.patches.former_lists import wrap_lookup, wrap_recipient, wrap_rule

OLD, NEW = "old@example.org", "letters@example.net"


@pytest.fixture(autouse=True)
def renamed(monkeypatch, tmp_path):
    monkeypatch.setattr(former_lists, "PATH", tmp_path / "former.json")
    former_lists.add(OLD, NEW)


def recipient(address: str) -> tuple:
    """Do for the addresses in these tests what Mailman's `split_recipient` does."""
    local, _at, domain = address.partition("@")
    name, _dash, subaddress = local.partition("-")
    return name, subaddress or None, domain


@pytest.mark.parametrize(
    ("address", "found"),
    [
        (OLD, ("letters", None, "example.net")),
        ("old-owner@example.org", ("letters", "owner", "example.net")),
        ("other@example.org", ("other", None, "example.org")),
    ],
)
def test_mail_to_a_former_address_is_the_lists(address, found):
    assert wrap_recipient(recipient, {NEW, "other@example.org"}.__contains__)(address) == found


@pytest.mark.parametrize("lists", [{OLD}, {OLD, NEW}, set()], ids=["not yet renamed", "another list has it", "removed"])
def test_mail_to_the_address_of_a_list_stays_that_lists(lists):
    assert wrap_recipient(recipient, lists.__contains__)(OLD) == ("old", None, "example.org")


def test_a_post_that_waited_in_a_queue_finds_its_list():
    lists = {"letters.example.net": "the list"}
    lookup = wrap_lookup(lambda _manager, list_id: lists.get(list_id))
    assert [lookup(None, one) for one in ("old.example.org", "letters.example.net", "x.example.org")] == [
        "the list",
        "the list",
        None,
    ]


@pytest.mark.parametrize(
    ("field", "address", "is_implicit"),
    [("To", "Old <OLD@example.org>", False), ("Cc", OLD, False), ("To", "ana@example.com", True)],
)
def test_a_post_to_a_former_address_is_not_held(field, address, is_implicit):
    class List:
        posting_address = NEW

    message = EmailMessage()
    message[field] = address
    assert wrap_rule(lambda *_: True)(None, List, message, {}) is is_implicit
    List.posting_address = "other@example.net"
    assert wrap_rule(lambda *_: True)(None, List, message, {})


def test_no_other_list_gets_a_former_address():
    assert reason(OLD, [], [], former_lists.read()) == (
        f"{OLD} is a former address of {NEW}; first run: listkit list forget {OLD}"
    )

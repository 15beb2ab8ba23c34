"""Where a message goes, by its header."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listkit.bridge.address import AddressBook, Kind
from listkit.bridge.routing import route
from listkit.common.message.addresses import addresses_in, envelope_address

SUFFIXES = frozenset({"bounces", "confirm", "join", "leave", "owner", "request", "subscribe", "unsubscribe"})
BOOK = AddressBook(
    lists=frozenset(
        {"news@example.org", "dev-talk@example.org", "dev@example.org", "odd-owner@example.org", "by-hand@example.edu"}
    ),
    suffixes=SUFFIXES,
    domains={"example.org": "example.org", "example.net": "example.org"},
    mailbox="mailman@example.org",
    owners=frozenset({"mailman@example.org", "postorius@example.org"}),
)
HEADERS = ("Delivered-To", "X-Original-To")


def routed(*fields: tuple[str, str]):
    return route([(name.lower(), value) for name, value in fields], BOOK, HEADERS)


@pytest.mark.parametrize(
    ("address", "kind", "recipient"),
    [
        ("news@example.org", Kind.LIST, "news@example.org"),
        ("news@example.net", Kind.LIST, "news@example.org"),
        ("news+tag@example.org", Kind.LIST, "news@example.org"),
        ("news-confirm+0123abc@example.org", Kind.LIST, "news-confirm+0123abc@example.org"),
        ("news-bounces+ana=example.com@example.net", Kind.LIST, "news-bounces+ana=example.com@example.org"),
        # Mailman reads the tags of these two only.
        ("news-owner+1@example.org", Kind.LIST, "news-owner@example.org"),
        ("news-request+x@example.net", Kind.LIST, "news-request@example.org"),
        ("dev-talk-owner@example.org", Kind.LIST, "dev-talk-owner@example.org"),
        # A list whose name looks like a sub-address is a list, as it is to Mailman.
        ("odd-owner@example.org", Kind.LIST, "odd-owner@example.org"),
        ("odd-owner-owner@example.org", Kind.LIST, "odd-owner-owner@example.org"),
        ("mailman@example.org", Kind.MAILBOX, ""),
        ("mailman+x@example.net", Kind.MAILBOX, ""),
        ("postorius@example.org", Kind.OWNER, ""),
        ("nobody@example.org", Kind.UNKNOWN, ""),
        ("news-unheardof@example.org", Kind.UNKNOWN, ""),
        ("odd@example.org", Kind.UNKNOWN, ""),
        ("-owner@example.org", Kind.UNKNOWN, ""),
        # Made in Postorius, in a domain that the inventory doesn't name.
        ("by-hand@example.edu", Kind.LIST, "by-hand@example.edu"),
        ("by-hand-confirm+0123abc@example.edu", Kind.LIST, "by-hand-confirm+0123abc@example.edu"),
        ("nobody@example.edu", Kind.FOREIGN, ""),
        ("news@example.com", Kind.FOREIGN, ""),
        ("news@sub.example.org", Kind.FOREIGN, ""),
    ],
)
def test_meaning_of_an_address(address, kind, recipient):
    found = BOOK.classify(address)
    assert (found.kind, found.recipient) == (kind, recipient)


def test_the_envelope_header_decides_and_not_the_sender():
    found = routed(("Delivered-To", "news@example.org"), ("To", "dev@example.org"), ("Cc", "dev-talk@example.org"))
    assert found.recipients == ("news@example.org",)
    assert found.via == "Delivered-To"


def test_only_the_topmost_envelope_header_counts():
    found = routed(("Delivered-To", "news@example.org"), ("Delivered-To", "dev@example.org"))
    assert found.recipients == ("news@example.org",)


def test_a_header_from_elsewhere_passes_the_word_to_the_next():
    found = routed(
        ("Delivered-To", "ana@example.com"), ("X-Original-To", "news@example.org"), ("To", "dev@example.org")
    )
    assert found.recipients == ("news@example.org",)


def test_the_case_of_an_address_means_nothing():
    assert routed(("Delivered-To", "NEWS@Example.ORG")).recipients == ("news@example.org",)
    assert routed(("Delivered-To", "Postorius@Example.NET")).to_owner


def test_the_order_of_the_headers_is_the_configurations():
    fields = [("x-original-to", "dev@example.org"), ("delivered-to", "news@example.org")]
    assert route(fields, BOOK, ("Delivered-To", "X-Original-To")).recipients == ("news@example.org",)
    assert route(fields, BOOK, ("X-Original-To", "Delivered-To")).recipients == ("dev@example.org",)


def test_mail_for_the_mailbox_itself_goes_to_every_known_list_it_names_once():
    found = routed(
        ("Delivered-To", "mailman@example.org"),
        ("To", "News <news@example.org>, stranger@example.com"),
        ("Cc", "NEWS@example.net, dev@example.org, ana@example.org"),
    )
    assert found.recipients == ("news@example.org", "dev@example.org")
    assert found.unknown == ("ana@example.org",)
    assert not found.to_owner


def test_tags_make_no_further_recipients():
    flood = ", ".join(f"news-owner+{n}@example.org" for n in range(3000))
    assert routed(("Delivered-To", "mailman@example.org"), ("To", flood)).recipients == ("news-owner@example.org",)


@pytest.mark.parametrize("name", ["To", "Cc", "Resent-To", "Resent-Cc"])
def test_each_header_of_the_sender_is_looked_at(name):
    assert routed(("Delivered-To", "mailman@example.org"), (name, "news@example.org")).recipients == (
        "news@example.org",
    )


def test_a_list_that_is_only_in_list_post_is_found():
    found = routed(("Delivered-To", "mailman@example.org"), ("List-Post", "<mailto:news@example.org>"))
    assert found.recipients == ("news@example.org",)


@pytest.mark.parametrize("name", ["From", "Reply-To", "References", "Bcc", "X-To", "Subject"])
def test_no_other_header_is_looked_at(name):
    assert not routed(("Delivered-To", "mailman@example.org"), (name, "news@example.org")).has_home


def test_a_name_or_a_comment_is_no_address():
    found = routed(("To", '"news@example.org" <ana@example.com>, ben@example.com (dev@example.org)'))
    assert not found.has_home


def test_unknown_addresses_never_reach_mailman_even_when_a_list_is_named_too():
    found = routed(("Delivered-To", "sales@example.org"), ("To", "news@example.org"))
    assert found.recipients == ()
    assert found.unknown == ("sales@example.org",)


def test_a_lost_tag_is_restored():
    confirm = "news-confirm+0123abc@example.org"
    assert routed(("Delivered-To", "news-confirm@example.org"), ("To", confirm)).recipients == (confirm,)
    assert routed(
        ("Delivered-To", "mailman@example.org"), ("To", f"{confirm}, news-confirm@example.org")
    ).recipients == (confirm,)


def test_a_tag_of_another_address_is_not_restored():
    found = routed(("Delivered-To", "news-bounces@example.org"), ("To", "dev-bounces+a=b@example.org"))
    assert found.recipients == ("news-bounces@example.org",)


def test_mail_for_the_site_goes_to_the_owner():
    assert routed(("Delivered-To", "postorius@example.org")).to_owner
    assert routed(("Delivered-To", "mailman@example.org"), ("To", "mailman@example.net")).to_owner
    both = routed(("Delivered-To", "mailman@example.org"), ("To", "mailman@example.org, news@example.org"))
    assert both.to_owner
    assert both.recipients == ("news@example.org",)


def test_what_was_blind_copied_to_the_mailbox_has_no_home():
    assert not routed(("Delivered-To", "mailman@example.org"), ("To", "undisclosed-recipients:;")).has_home
    assert not routed().has_home


addresses = st.one_of(
    st.sampled_from(sorted(BOOK.lists)),
    st.sampled_from(["mailman@example.org", "postorius@example.net", "x@example.org", "x@example.com"]),
    st.builds(
        "{}{}{}@{}".format,
        st.sampled_from(["news", "dev", "odd-owner", "x"]),
        st.sampled_from(["", *(f"-{suffix}" for suffix in sorted(SUFFIXES))]),
        st.sampled_from(["", "+tag", "+a=b.c"]),
        st.sampled_from(["example.org", "example.net", "EXAMPLE.org", "example.com"]),
    ),
    st.text(max_size=40),
)
names = st.sampled_from(["delivered-to", "x-original-to", "to", "cc", "resent-to", "list-post", "from", "subject"])


@given(st.lists(st.tuples(names, st.one_of(addresses, st.lists(addresses).map(", ".join))), max_size=8))
def test_whatever_is_in_the_header_only_known_lists_are_recipients_each_once(fields):
    found = route(fields, BOOK, HEADERS)
    untagged = []
    for recipient in found.recipients:
        local, _, domain = recipient.rpartition("@")
        assert domain in ("example.org", "example.edu")
        base = local.partition("+")[0]
        name, _, suffix = base.rpartition("-")
        known = f"{base}@{domain}" in BOOK.lists or (f"{name}@{domain}" in BOOK.lists and suffix in SUFFIXES)
        assert known, recipient
        untagged.append(base)
    assert len(set(found.recipients)) == len(found.recipients)


@given(st.text(max_size=300))
def test_any_text_is_searched_for_addresses(text):
    for address in addresses_in(text):
        assert address == address.lower()
        assert address.count("@") == 1
    assert envelope_address(text) is None or "@" in envelope_address(text)


@pytest.mark.parametrize(
    "bad", ["(" * 200_000, '"' * 200_001, "a@" * 100_000, "a" * 400_000, "a." * 200_000 + "@", '"\\' * 100_000]
)
def test_a_hostile_header_is_searched_in_linear_time(bad):
    began = time.process_time()
    addresses_in(bad)
    envelope_address(bad)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("author", ["news-owner@example.org", "news@example.net", "news-bounces+x=y@example.org"])
def test_a_lists_own_mail_that_comes_back_is_for_the_site_owner(author):
    """Without owners, a list's mail to them goes to the site owner, whose address may lead to this mailbox."""
    fields = [
        ("delivered-to", "mailman@example.org"),
        ("from", f"News via <{author}>"),
        ("to", "news-owner@example.org"),
    ]
    found = route(fields, BOOK, HEADERS)
    assert found.recipients == ()
    assert found.to_owner


def test_a_list_that_writes_to_another_one_is_like_anybody():
    fields = [
        ("delivered-to", "mailman@example.org"),
        ("from", "dev-owner@example.org"),
        ("to", "news-owner@example.org"),
    ]
    assert route(fields, BOOK, HEADERS).recipients == ("news-owner@example.org",)

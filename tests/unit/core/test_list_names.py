"""Which names no list may have."""

import pytest

from listkit.mailman.list_names import reason

LISTS = ["members@example.org", "staff-join@example.org"]
SITE = {"postorius@example.org"}


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("postorius@example.org", "site's own"),
        ("members-owner@example.org", "of the list members@example.org"),
        ("members-bounces@example.org", "of the list members@example.org"),
        ("members-subscribe@example.org", "of the list members@example.org"),
        ("staff@example.org", "staff-join@example.org has the name"),
        ("members-owner@example.com", ""),
        ("board-owner@example.org", ""),
        ("owner@example.org", ""),
        ("members@example.org", ""),
    ],
)
def test_a_reserved_name_has_a_reason(address, why):
    found = reason(address, LISTS, SITE)
    assert (why in found) if why else found == ""

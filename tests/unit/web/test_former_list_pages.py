"""Links to a renamed list's archive."""

import pytest

from listkit.web.former_lists import redirected

FORMER = {"old@example.org": "letters@example.net"}


@pytest.mark.parametrize(
    ("path", "present"),
    [
        ("/hyperkitty/list/old@example.org/thread/ABC/", "/hyperkitty/list/letters@example.net/thread/ABC/"),
        ("/hyperkitty/list/Old@example.org", "/hyperkitty/list/letters@example.net"),
        ("/postorius/lists/old.example.org/settings/", "/postorius/lists/letters.example.net/settings/"),
        ("/hyperkitty/list/letters@example.net/", None),
        ("/hyperkitty/list/threshold@example.org/", None),
        ("/hyperkitty/search?mlist=old@example.org", None),
        ("/accounts/login/", None),
    ],
)
def test_pages_of_the_former_address_are_at_the_present_one(path, present):
    assert redirected(path, FORMER) == present

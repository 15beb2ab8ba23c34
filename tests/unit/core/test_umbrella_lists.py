"""Which posts needn't name the list that they reach."""

import email
from types import SimpleNamespace

import pytest

from listkit.mailman.patches import umbrella_lists


class ImplicitDestination:
    """As much of Mailman's rule as matters here: it matches."""

    def check(self, mlist, msg, msgdata):
        return True


@pytest.mark.parametrize(
    ("mark", "matches"),
    [("X-BeenThere: all@example.org", False), ("X-BeenThere: other@example.org", True), ("X-Other: 1", True)],
)
def test_a_post_through_a_list_that_has_this_one_as_a_member_is_for_it(mark, matches):
    patched = type("Patched", (ImplicitDestination,), dict(ImplicitDestination.__dict__))
    members = {"all@example.org": "members@example.org", "other@example.org": "board@example.org"}
    umbrella_lists.wrap(patched, lambda address, member: members.get(address) == member)
    mailing_list = SimpleNamespace(posting_address="members@example.org")
    assert patched().check(mailing_list, email.message_from_string(f"{mark}\n\nHi\n"), {}) == matches

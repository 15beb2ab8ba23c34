"""Infomaniak's own lists, as the module mailing_lists_info returns them."""

from __future__ import annotations

import pytest
from ansible_collections.listkit.kit.plugins.plugin_utils.importing import infomaniak
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import Entry

LIST = {
    "name": "news",
    "address": "news@example.org",
    "info": "News",
    "being_deleted": False,
    "subscribers": ["ana@example.org", "cy@example.org"],
    "moderators": ["Ana@example.org", "ben@example.org"],
    "who_can_send": 0,
    "who_can_subscribe": 1,
    "use_reply_to": True,
    "is_reply_to_forced": False,
    "max_message_size": 10240,
    "subject": "[News]",
    "language": "fr",
    "should_send_notifications": False,
    "welcome_message": "Bonjour, 5 $\r\n",
    "goodbye_message": "",
}


def describe(**values):
    (found,) = infomaniak.describe([{**LIST, **values}])
    return found


def test_a_list():
    found = describe()
    assert found.keys == {
        "description": "News",
        "moderators": ["Ana@example.org", "ben@example.org"],
        "templates": {"list:user:notice:welcome": "Bonjour, 5 $$\n\n--\n${short_listname}-leave@$domain\n"},
    }
    assert found.settings == {
        "default_member_action": "defer",
        "default_nonmember_action": "reject",
        "accept_these_nonmembers": ["ben@example.org"],
        "subscription_policy": "moderate",
        "reply_goes_to_list": "point_to_list",
        "first_strip_reply_to": False,
        "max_message_size": 10240,
        "subject_prefix": "[News] ",
        "preferred_language": "fr",
        "send_welcome_message": False,
        "send_goodbye_message": False,
    }
    assert found.members == [Entry("ana@example.org"), Entry("cy@example.org")]
    assert [what for what, _reason in found.left_out] == ["owners"]


@pytest.mark.parametrize(
    ("who", "of_members", "of_others"),
    [
        (0, "defer", "reject"),
        (1, "hold", "reject"),
        (2, "hold", "hold"),
        (3, "hold", "reject"),
        (4, "defer", "hold"),
        (5, "defer", "defer"),
    ],
)
def test_who_can_send(who, of_members, of_others):
    found = describe(who_can_send=who)
    actions = [found.settings[f"default_{role}_action"] for role in ("member", "nonmember")]
    assert actions == [of_members, of_others]
    assert ("who_can_send" in dict(found.left_out)) == (who == 1)
    assert ("accept_these_nonmembers" in found.settings) == (who != 5)


@pytest.mark.parametrize(("who", "policy"), [(0, "confirm"), (1, "moderate"), (2, "confirm_then_moderate")])
def test_who_can_subscribe(who, policy):
    assert describe(who_can_subscribe=who).settings["subscription_policy"] == policy


def test_one_that_is_being_deleted_is_skipped():
    assert describe(being_deleted=True).skipped

"""Lists of Sympa from their directories."""

from __future__ import annotations

import pytest
from ansible_collections.listkit.kit.plugins.plugin_utils.importing import sympa
from ansible_collections.listkit.kit.plugins.plugin_utils.importing.description import CannotImport
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import Entry

# In the form of Sympa 6.2's own templates of lists.
CONFIG = """\
#  the list
subject Nouvelles de l'association

status open

visibility conceal

subscribe open_notify

unsubscribe open,notify

owner
email ana@example.org
profile privileged
gecos Ana

owner
email cy@example.org

editor
email ben@example.org

send privateoreditorkey

review private

archive
web_access private
mail_access owner

reply_to_header
value sender
apply forced

custom_subject [nouvelles]

digest 1,4 13:26

max_size 5242880

lang pt-BR

creation
date_epoch 1
email ana@example.org
"""
MEMBERS = """\
date 1270420777
email di@example.org
gecos Di Dupré
reception digestplain
visibility conceal

email eve@example.org
reception not_me

email not an address

email fay@example.org
suspend 1
"""


@pytest.fixture
def described(tmp_path):
    """Return the description of a list with this configuration and other files."""

    def described(config=CONFIG, **files):
        folder = tmp_path / "example.net" / "nouvelles"
        folder.mkdir(parents=True)
        (folder / "config").write_text(config)
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_bytes(text.encode())
        (found,) = sympa.read(tmp_path / "example.net")
        return found

    return described


def test_a_list_with_all_that_mailman_has_too(described):
    found = described(
        member__dump=MEMBERS, info="About\nus", message_footer="--\n5 $\n", owner__dump="email di@example.org\n"
    )
    assert (found.name, found.domain, found.skipped) == ("nouvelles", "example.net", "")
    assert found.keys == {
        "description": "Nouvelles de l'association",
        "owners": ["ana@example.org", "cy@example.org", "di@example.org"],
        "moderators": ["ben@example.org"],
        "templates": {"list:member:regular:footer": "--\n5 $$\n"},
    }
    assert found.settings == {
        "subscription_policy": "confirm",
        "unsubscription_policy": "confirm",
        "advertised": False,
        "member_roster_visibility": "members",
        "archive_policy": "private",
        "default_member_action": "defer",
        "default_nonmember_action": "hold",
        "max_message_size": 5120,
        "digests_enabled": True,
        "reply_goes_to_list": "no_munging",
        "first_strip_reply_to": True,
        "subject_prefix": "[nouvelles] ",
        "preferred_language": "pt_BR",
        "info": "About\nus",
    }
    assert found.members == [
        Entry("di@example.org", "Di Dupré", "plaintext_digests"),
        Entry("eve@example.org"),
        Entry("fay@example.org", None, None, "by_user"),
    ]
    assert [what for what, _reason in found.left_out] == ["member, line 10", "members' options", "members' options"]


def test_what_mailman_lacks_is_reported_and_replaced_by_something_stricter(described):
    found = described(
        "subject x\n\nsubscribe intranetorowner\n\nsend intranet\n\narchive\nweb_access owner\n\n"
        "reply_to_header\nvalue all\n\ncustom_subject [% list.sequence %]\n\nuser_data_source include2\n\n"
        "include_ldap_query\nhost ldap\nfilter (objectClass=*)\n\nmsg_topic\nname a\n\nmin_size 1\n",
        welcome__tt2="Hello [% user %]",
        message__footer="[% list %]",
    )
    assert {what for what, _reason in found.left_out} == {
        "archive", "custom_subject", "include_ldap_query", "members", "message.footer", "min_size", "msg_topic",
        "reply_to_header", "send", "subscribe", "welcome.tt2",
    }  # fmt: skip
    assert found.settings == {
        "subscription_policy": "moderate",
        "default_member_action": "hold",
        "default_nonmember_action": "hold",
        "archive_policy": "never",
        "digests_enabled": False,
        "subject_prefix": "",
    }
    assert "sympa.pl --dump_users --list=nouvelles@example.net --role=member" in dict(found.left_out)["members"]
    assert "members_from" in dict(found.left_out)["include_ldap_query"]


def test_a_list_that_only_owners_fill_is_closed(described):
    assert described("subscribe closed\n").keys == {"subscription": "closed"}


def test_an_older_form(described):
    found = described(
        "subject Stra\xdfe\n\nreply_to lists@example.org\n\nweb_archive\naccess public\n\nhost lists.example.com\n",
        subscribers="email ana@example.org\ngecos Ana\n",
    )
    assert found.settings["reply_to_address"] == "lists@example.org"
    assert (found.settings["reply_goes_to_list"], found.settings["archive_policy"]) == ("explicit_header", "public")
    assert found.domain == "lists.example.com" and found.members == [Entry("ana@example.org", "Ana")]


def test_a_closed_list_is_skipped(described):
    assert described("subject x\n\nstatus closed\n").skipped == "its status in Sympa is 'closed'"


def test_latin_1(tmp_path):
    (tmp_path / "config").write_bytes("subject Stra\xdfe\n".encode("iso-8859-1"))
    (found,) = sympa.read(tmp_path)
    assert found.keys["description"] == "Straße"


def test_a_directory_without_lists(tmp_path):
    with pytest.raises(CannotImport, match="has no file config, and no directories with one"):
        list(sympa.read(tmp_path))

"""Lists of Mailman 2.1 from their config.pck. The end-to-end tests read those that Mailman itself is tested with."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import python2_pickle
from ansible_collections.listkit.kit.plugins.plugin_utils.importing import config_pck, mailman2
from ansible_collections.listkit.kit.plugins.plugin_utils.importing.description import CannotImport
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import Entry

LIST = {
    "real_name": "News",
    "host_name": "lists.example.com",
    "owner": ["Ana@example.org"],
    "moderator": ["ben@example.org", "nobody"],
    "description": "News of  us",
    "preferred_language": "fr",
}
STANDARD_FOOTER = """\
_______________________________________________
Liste de diffusion %(real_name)s
%(real_name)s@%(host_name)s
%(web_page_url)slistinfo%(cgiext)s/%(_internal_name)s
"""


@pytest.fixture
def described(tmp_path):
    """Return the description of a list with these values, in a directory of its name."""

    def described(name="news", **values):
        folder = tmp_path / "lists" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.pck").write_bytes(python2_pickle.dumps({**LIST, **values}))
        (found,) = mailman2.read(folder)
        return found

    return described


def test_names_and_people(described):
    found = described()
    assert (found.name, found.domain) == ("news", "lists.example.com")
    assert found.keys == {
        "description": "News of us",
        "owners": ["Ana@example.org"],
        "moderators": ["ben@example.org"],
    }
    assert ("moderators", "'nobody' is not a full e-mail address (for example ana@example.org)") in found.left_out


def test_members(described):
    found = described(
        members={"ana@example.org": 0, "ben@example.org": "Ben@example.org", "bad address": 0},
        digest_members={"cy@example.org": 0, "di@example.org": 0},
        usernames={"ana@example.org": "Ana Lopez", "ben@example.org": "Ren\xe9".encode("iso-8859-1")},
        user_options={"di@example.org": 8},
        delivery_status={"ana@example.org": (2, 0.0), "cy@example.org": (4, 0.0)},
        bounce_info={"cy@example.org": python2_pickle.BounceInfo()},
    )
    assert found.members == [
        Entry("ana@example.org", "Ana Lopez", None, "by_user"),
        Entry("Ben@example.org", "René"),
        Entry("cy@example.org", None, "mime_digests", "by_bounces"),
        Entry("di@example.org", None, "plaintext_digests"),
    ]
    assert any("'bad address'" in reason for _what, reason in found.left_out)


def test_settings(described):
    found = described(
        max_message_size=0,
        subscribe_policy=3,
        unsubscribe_policy=1,
        private_roster=2,
        reply_goes_to_list=1,
        default_member_moderation=1,
        member_moderation_action=1,
        generic_nonmember_action=3,
        archive=1,
        archive_private=1,
        digest_size_threshhold=50,
        bounce_score_threshold=2.5,
        autoresponse_graceperiod=30,
        autorespond_requests=1,
        subject_prefix="  [News]",
        info="One\r\ntwo",
        acceptable_aliases="team@.*\n^other@",
        accept_these_nonmembers=["eve@example.net", "^.*@example[.]net$", "@board", "^("],
        msg_footer="x",
    ).settings
    wanted = {
        "max_message_size": 0,
        "subscription_policy": "confirm_then_moderate",
        "unsubscription_policy": "moderate",
        "member_roster_visibility": "moderators",
        "reply_goes_to_list": "point_to_list",
        "default_member_action": "reject",
        "default_nonmember_action": "discard",
        "archive_policy": "private",
        "digest_size_threshold": 50,
        "bounce_score_threshold": 2,
        "autoresponse_grace_period": "30d",
        "autorespond_requests": "respond_and_discard",
        "subject_prefix": "[News] ",
        "info": "One\ntwo",
        "acceptable_aliases": ["^news@", "^team@.*", "^other@"],
        "accept_these_nonmembers": ["eve@example.net", "^.*@example[.]net$"],
        "preferred_language": "fr",
    }
    assert {name: found.get(name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("archive", "private", "policy"), [(0, 0, "never"), (1, 0, "public"), (1, 1, "private"), (1, None, "private")]
)
def test_an_archive_whose_readers_are_unknown_is_private(described, archive, private, policy):
    assert described(archive=archive, archive_private=private).settings["archive_policy"] == policy


def test_the_kits_measures_for_mail_that_arrives_are_never_imported(described):
    found = described(from_is_list=0, dmarc_moderation_action=1, respond_to_post_requests=1)
    assert not {name for name in found.settings if "dmarc" in name or name == "respond_to_post_requests"}
    assert {"dmarc_moderation_action", "respond_to_post_requests"} <= {what for what, _reason in found.left_out}


def test_bans_and_header_rules(described):
    found = described(
        ban_list=["eve@example.net", "mallory@example.com", "^.*@example[.]net$", "^("],
        header_filter_rules=[
            ("Subject: viagra\nX-Spam-Flag:YES\n", 3, False),
            ("^precedence: bulk", 7, False),
            ("viagra", 3, False),
            ("Subject: x", 4, False),
        ],
    )
    assert found.keys["bans"] == ["^.*@example[.]net$", "mallory@example.com"]
    assert found.keys["header_matches"] == [
        {"header": "subject", "pattern": "viagra", "action": "discard"},
        {"header": "x-spam-flag", "pattern": "YES", "action": "discard"},
        {"header": "precedence", "pattern": "bulk", "action": "hold"},
    ]
    assert [what for what, _reason in found.left_out if what in ("bans", "header_filter_rules")] == [
        "bans",
        "bans",
        "header_filter_rules",
        "header_filter_rules",
    ]


def test_texts_get_the_placeholders_of_mailman_3(described):
    found = described(
        msg_footer=STANDARD_FOOTER,
        digest_footer="%(real_name)s costs $5, 100%%\n%(web_page_url)slistinfo\n%(unknown)s",
        goodbye_msg="",
        welcome_msg="Hello %(user_name)s",
    )
    assert found.keys["templates"] == {
        "list:member:digest:footer": "$display_name costs $$5, 100%\n\n",
        "list:user:notice:welcome": "$listname\n\nHello $user_name\n\n--\n${short_listname}-leave@$domain\n",
    }
    assert [what for what, _reason in found.left_out].count("digest_footer") == 2


def test_what_only_some_members_have_is_imported_or_reported(described):
    members = {"ana@example.org": 0, "ben@example.org": 0}
    found = described(
        members=members,
        user_options={"ana@example.org": 128 + 16, "ben@example.org": 2},
        language={"ana@example.org": "de", "ben@example.org": "fr"},
        topics_enabled=1,
    )
    assert [entry.moderation_action for entry in found.members] == ["hold", None]
    told = dict(found.left_out)
    assert "Mailman 3 has no topics" in told["topics_enabled"]
    assert [reason[0] for what, reason in found.left_out if what == "members' options"] == ["1", "1", "1"]
    announcements = described(
        members=members,
        default_member_moderation=1,
        member_moderation_action=2,
        user_options={"ana@example.org": 128},
    )
    assert announcements.settings["default_member_action"] == "discard"
    assert [entry.moderation_action for entry in announcements.members] == [None, "defer"]


def test_a_tree_with_the_archives(described, tmp_path):
    archive = tmp_path / "archives" / "private" / "news.mbox" / "news.mbox"
    archive.parent.mkdir(parents=True)
    archive.write_text("")
    described("mailman")
    described("news")
    site, news = mailman2.read(tmp_path / "lists")
    assert site.skipped and not news.skipped and news.archives == [archive]


class Runs:
    """When it is read by an ordinary reader, it makes a file."""

    def __init__(self, file: Path):
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def test_a_file_that_names_code_is_refused_and_the_code_does_not_run(tmp_path):
    trace = tmp_path / "trace"
    evil = pickle.dumps({b"real_name": b"News", b"owner": [Runs(trace)]}, protocol=2)
    pickle.loads(evil)  # noqa: S301 -- to see that it would
    trace.unlink()
    with pytest.raises(CannotImport, match=r"names the code .*, which is not Mailman's; don't trust the file"):
        config_pck.Config.read(evil, "config.pck")
    assert not trace.exists()


@pytest.mark.parametrize(
    "code",
    [
        b"cos\nsystem\n(U\x04trueE",
        b"(U\x04trueios\nsystem\n.",
        b"c__builtin__\neval\n.",
        b"ccopy_reg\n_reconstructor\n.",
    ],
)
def test_no_class_or_function_is_loaded_in_any_way(code):
    with pytest.raises(CannotImport, match=r"names the code|damaged"):
        config_pck.Config.read(code, "config.pck")


@pytest.mark.parametrize(
    "data",
    [b"", b"notes", b"}.", b"N.", b"]\x94.", python2_pickle.dumps(LIST)[:-20], b"U\xffabc", b"I99999999999x\n."],
)
def test_what_is_no_config_pck_is_refused_by_its_name(data):
    with pytest.raises(CannotImport, match=r"^old/config\.pck: is not a config\.pck of Mailman 2\.1"):
        config_pck.Config.read(data, "old/config.pck")


def test_values_of_other_types_count_as_missing(described):
    found = described(
        members=7, usernames=[], max_message_size="x", header_filter_rules=[1, ()], ban_list={}, info=None
    )
    assert found.members == [] and found.settings["max_message_size"] == 0


def test_a_directory_without_lists(tmp_path):
    with pytest.raises(CannotImport, match=r"has no config\.pck, and no directories with one"):
        list(mailman2.read(tmp_path))

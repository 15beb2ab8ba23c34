"""The table of list settings, against what Mailman 3.3.8 and 3.3.10 answered."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.listkit.mailman3.plugins.module_utils import list_settings
from mailman_double import recorded_config

KIT = Path(__file__).resolve().parents[3]
READ_ONLY = {
    "bounces_address", "created_at", "digest_last_sent_at", "fqdn_listname", "http_etag", "join_address",
    "last_post_at", "leave_address", "list_name", "mail_host", "next_digest_number", "no_reply_address",
    "owner_address", "post_id", "posting_address", "request_address", "usenet_watermark", "volume",
}  # fmt: skip


@pytest.mark.parametrize(("version", "lacks"), [("3.3.8", {"dmarc_addresses"}), ("3.3.10", set())])
def test_every_writable_setting_is_known(version, lacks):
    known = set(list_settings.SETTINGS) | set(list_settings.NOT_DECLARABLE)
    assert set(recorded_config(version)) - READ_ONLY == known - lacks


@pytest.mark.parametrize("version", ["3.3.8", "3.3.10"])
def test_mailmans_own_values_are_right_and_equal_themselves(version):
    for name, value in recorded_config(version).items():
        if name in list_settings.SETTINGS:
            assert list_settings.problem(name, value) is None, name
            assert not list_settings.differ(name, value, value), name


@pytest.mark.parametrize(
    ("name", "declared", "actual"),
    [
        ("advertised", "yes", True),
        ("max_message_size", "200", 200),
        ("digest_size_threshold", 30, 30.0),
        ("autoresponse_grace_period", "1w1d", "8d"),
        ("autoresponse_grace_period", "90m", "0d5400.0s"),
        ("accept_these_nonmembers", ["b@x.org", "a@x.org"], ["a@x.org", "b@x.org"]),
        ("subject_prefix", 42, "42"),
    ],
)
def test_other_spellings_of_the_same_value(name, declared, actual):
    assert list_settings.problem(name, declared) is None
    assert not list_settings.differ(name, declared, actual)


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("advertised", "maybe", "must be true or false, not 'maybe'"),
        ("max_message_size", -1, "must be a whole number, 0 or more, not -1"),
        ("max_message_size", True, "must be a whole number, 0 or more, not True"),
        ("digest_size_threshold", "nan", "must be a number, 0 or more, not 'nan'"),
        (
            "dmarc_mitigate_action",
            "munge",
            "must be one of munge_from, wrap_message, reject, discard, no_mitigation, not 'munge'",
        ),
        ("accept_these_nonmembers", "a@x.org", "must be a list of texts"),
        ("bounce_info_stale_after", "a week", "must be numbers, each with a unit, in the order w, d,"),
        ("bounce_info_stale_after", "1d1w", "must be numbers, each with a unit, in the order"),
        ("bounce_info_stale_after", "", "must be numbers, each with a unit, in the order"),
        ("description", "two\nlines", "must be a single line"),
        ("dmarc_mitigate_actoin", "munge_from", "did you mean dmarc_mitigate_action?"),
        ("moderator_password", "x", "can't be declared"),
        ("default_action", "hold", "did you mean default_member_action, filter_action, default_nonmember_action?"),
        ("archive", "x", "did you mean archive_policy, archive_rendering_mode?"),
        ("xyz", "x", "is not a Mailman setting; Mailman's REST documentation"),
        ("preferred_language", "german", "must be one of en, ar, ast, bg"),
        ("hold_these_nonmembers", ["ana"], "'ana' is neither an address nor a regular expression that starts with ^"),
        ("hold_these_nonmembers", ["@news@example.org"], "'@news@example.org' is neither an address"),
        ("accept_these_nonmembers", ["^(.*"], "'^(.*' is neither an address"),
    ],
)
def test_wrong_values_are_explained(name, value, wrong):
    assert wrong in list_settings.problem(name, value)[0]


def test_every_settings_example_is_right():
    for name, setting in list_settings.SETTINGS.items():
        assert list_settings.problem(name, yaml.safe_load(setting.example)) is None, name


def test_the_members_of_a_list_can_be_accepted():
    assert list_settings.problem("accept_these_nonmembers", ["@news@example.org", "^.*@example[.]net$"]) is None


def test_an_empty_list_can_be_sent():
    assert list_settings.encode({"acceptable_aliases": [], "advertised": "no"}) == {
        "acceptable_aliases": "",
        "advertised": "False",
    }


def test_the_settings_that_every_list_gets_are_mailmans():
    defaults = yaml.safe_load((KIT / "roles/site/vars/main.yml").read_text())["_site_list_defaults"]
    assert defaults["dmarc_mitigate_action"] == "munge_from"
    for name, value in defaults.items():
        assert list_settings.problem(name, value) is None, name

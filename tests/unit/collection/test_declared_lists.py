"""What the operator declares of lists: members and their source, how people subscribe, bans and header matches."""

from __future__ import annotations

import sys

import pytest
from ansible_collections.listkit.kit.plugins.plugin_utils import operator_rules
from ansible_collections.listkit.kit.plugins.plugin_utils.declared_lists import (
    CommandFailed,
    member_syncs,
    module_options,
)
from ansible_collections.listkit.mailman3.plugins.module_utils.mailing_lists import Declaration


def problems(*lists) -> list[str]:
    return [str(problem) for problem in operator_rules.problems_of({"mailman_lists": list(lists)})]


def test_a_full_declaration_is_right(tmp_path):
    (tmp_path / "members.csv").write_text("address\nana@example.org\n")
    inline = {"name": "board", "members": ["Ana <ana@example.org>"], "members_state": "exact", "max_removals": 61}
    filters = {"bans": ["^.*@example[.]net$"], "header_matches": [{"header": "X-Spam", "pattern": "yes"}]}
    from_file = {"name": "news", "members_from": {"file": str(tmp_path / "members.csv")}, "subscription": "closed"}
    texts = {"name": "press", "templates": {"list:user:notice:welcome": "Welcome!"}}
    nobody = {"name": "old", "members": [], "members_state": "exact", "allow_empty": True}
    assert problems({**inline, **filters}, from_file, texts, nobody) == []


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"members": ["ana@example.org", "ben"]}, "members[#2]: 'ben' is not a full e-mail address (for example ana@"),
        (
            {"members": [{"address": "ana@example.org", "mode": "x"}]},
            "members[#1]: 'mode' is unknown; known are address",
        ),
        (
            {"members": [], "members_state": "exact"},
            "members: names no member, so all would be removed; if it is meant",
        ),
        ({"members": [], "members_from": {"command": ["a"]}}, "members_from: is set, and members too"),
        ({"max_removals": 3}, "max_removals: has no effect without members"),
        ({"members_from": {}}, "members_from: must have either a file or a command"),
        ({"members_from": {"file": "/a", "command": ["a"]}}, "members_from: must have either a file or a command"),
        ({"members_from": {"command": []}}, "members_from.command: is empty"),
        ({"members_from": {"file": "a.csv"}}, "members_from.file: 'a.csv' is not an absolute path"),
        (
            {"members_from": {"file": "/nowhere.csv"}},
            "members_from.file: there is no file '/nowhere.csv' on this machine",
        ),
        ({"bans": ["eve"]}, "bans: 'eve' is neither an address nor a regular expression"),
        ({"header_matches": [{"header": "X:", "pattern": "a"}]}, "header_matches: 'X:' is not the name of a header"),
        (
            {"templates": {"list:user:notice:hello": "a"}},
            "templates: 'list:user:notice:hello' is not a template here; ",
        ),
        (
            {"templates": {"list:user:notice:welcome": None}},
            "templates: list:user:notice:welcome: must be a text, {uri:",
        ),
        (
            {"subscription": "open", "settings": {"subscription_policy": "confirm"}},
            "settings.subscription_policy: is set, and subscription too; they are the same (for example",
        ),
    ],
)
def test_what_is_wrong_is_named(keys, message):
    (found,) = problems({"name": "news", **keys})
    assert found.startswith(f"mailman_lists[#1].{message}")


def test_the_default_texts_are_checked_and_are_not_settings():
    def found(templates):
        defaults = {"mailman_list_defaults": {"templates": templates, "advertised": False}}
        return [str(problem) for problem in operator_rules.problems_of(defaults)]

    assert found({"domain:admin:notice:new-list": "There is a new list."}) == []
    assert found("a")[0].startswith(
        "mailman_list_defaults.templates: must be a dictionary with a text for each name (for"
    )


@pytest.mark.parametrize(
    ("content", "state", "message"),
    [
        ("address\nana@example.org\nben\n", "present", "members.csv, line 3: 'ben' is not a full e-mail address (for"),
        ("", "exact", "mailman_lists[#1].members_from.file: names no member, so all would be removed"),
    ],
)
def test_a_file_is_read_before_anything_changes(tmp_path, content, state, message):
    (tmp_path / "members.csv").write_text(content)
    source = {"file": str(tmp_path / "members.csv")}
    (found,) = problems({"name": "news", "members_from": source, "members_state": state})
    assert message in found


def test_the_modules_options_of_inline_members():
    declared = {
        "name": "news",
        "owners": ["ana@example.org"],
        "members": ["ben@example.org"],
        "members_state": "exact",
        "allow_empty": False,
        "max_removals": 3,
        "members_welcome": True,
        "settings": {"advertised": False},
        "subscription": "closed",
    }
    assert module_options(declared, 1440) == {
        "name": "news",
        "owners": ["ana@example.org"],
        "members": {
            "entries": ["ben@example.org"],
            "state": "exact",
            "allow_empty": False,
            "max_removals": 3,
            "welcome": True,
            "daily_limit": 1440,
        },
        "settings": {"advertised": False, "subscription_policy": "moderate"},
    }
    assert module_options({"name": "news"}) == {"name": "news"}


def test_members_from_a_file_and_from_a_command(tmp_path):
    (tmp_path / "members.csv").write_text("\ufeffaddress\nana@example.org\n", encoding="utf-8")
    source = {"file": str(tmp_path / "members.csv"), "format": "csv"}
    options = module_options({"name": "news", "members_from": source, "members_state": "exact"})
    assert options["members"] == {"state": "exact", "content": "address\nana@example.org\n", "format": "csv"}
    command = [sys.executable, "-c", "print('Zoë <zoe@example.org>')"]
    options = module_options({"name": "news", "members_from": {"command": command}})
    (roster,) = Declaration.of(options, "example.org", {}).rosters
    assert [(one.address, one.display_name) for one in roster.entries] == [("zoe@example.org", "Zoë")]


def test_members_that_a_timer_brings_are_the_hosts_affair():
    source = {"file": "/srv/only-on-the-host.csv", "format": "csv", "every": "weekly"}
    declared = {
        "name": "News",
        "members_from": source,
        "members_state": "exact",
        "max_removals": 3,
        "members_welcome": True,
    }
    assert problems(declared) == []
    assert module_options(declared) == {"name": "News"}
    gone = {**declared, "name": "old", "state": "absent"}
    here = {"name": "here", "members_from": {"command": ["crm"]}}
    assert member_syncs([declared, gone, here, {"name": "plain"}], "example.org") == [
        {"list": "news@example.org", "exact": True, "max_removals": 3, "welcome": True, **source}
    ]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ([sys.executable, "-c", "import sys; sys.exit('no database')"], "python.* ended with 1: no database"),
        (["/nowhere/crm"], "No such file or directory: '/nowhere/crm'"),
    ],
)
def test_a_command_that_fails(command, message):
    with pytest.raises(CommandFailed, match=rf"^news: members_from.command: .*{message}"):
        module_options({"name": "news", "members_from": {"command": command}})


def test_through_ansible(playbooks):
    lists = [{"name": "news", "members_from": {"command": ["echo", "ana@example.org"]}, "members_welcome": True}]
    accounts = [{"address": "mailman@example.org", "limit": 60, "lists": ["news@example.org"]}]
    options = "domain='example.org', daily_limits=accounts | listkit.kit.daily_limits(3600)"
    shown = {"ansible.builtin.debug": {"msg": f"{{{{ lookup('listkit.kit.mailing_lists', lists, {options}) }}}}"}}
    output = playbooks.run([shown], variables={"lists": lists, "accounts": accounts}).output
    assert "ana@example.org" in output and "daily_limit: 1440" in output, output
    lists[0]["members_from"]["command"] = ["false"]
    assert (
        "news: members_from.command: false ended with 1"
        in playbooks.run([shown], variables={"lists": lists, "accounts": accounts}).output
    )

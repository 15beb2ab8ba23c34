"""Lists are exported as declarations, and applying these changes nothing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import yaml
from ansible_collections.listkit.kit.plugins.plugin_utils import exported_lists, operator_rules
from ansible_collections.listkit.kit.plugins.plugin_utils.declared_lists import module_options
from ansible_collections.listkit.mailman3.plugins.module_utils import list_settings, rest
from ansible_collections.listkit.mailman3.plugins.module_utils.initial_settings import initial_settings
from ansible_collections.listkit.mailman3.plugins.modules import mailing_lists, mailing_lists_info
from mailman_double import PASSWORD, MailmanDouble, recorded_config

NEWS, PRESS = "news@example.org", "press@example.net"
DEFAULTS = {"dmarc_mitigate_action": "munge_from", "description": "A list"}
WELCOME = "list:user:notice:welcome"


@pytest.fixture(params=["3.3.8", "3.3.10"])
def mailman(request):
    """Two lists that someone made in the web interface: one as Mailman makes them, one with every kind of property."""
    double = MailmanDouble(request.param)
    config = recorded_config(request.param)
    for address in (NEWS, PRESS):
        new = {name: value for name, value in initial_settings(address).items() if name in config}
        double.lists[address] = {**config, **new, **DEFAULTS}
        double.domains[address.partition("@")[2]] = {}
    double.lists[NEWS].update(
        description="",
        max_message_size=200,
        advertised=False,
        subscription_policy="open",
        autoresponse_grace_period="0d5400.0s",
        accept_these_nonmembers=["^.*@example[.]com$"],
        info="Two\nlines with {{ braces }}: yes\n",
        subject_prefix="",
        preferred_language="no",
    )
    double.people[NEWS] = {
        "owner ana@example.org": {},
        "moderator ben@example.org": {},
        "member cem@example.org": {},
        "member dora@example.org": {"display_name": "Dora {% if %}", "delivery_mode": "mime_digests"},
    }
    double.bans[NEWS] = ["^.*@example[.]net$"]
    double.header_matches[NEWS] = [
        {"header": "x-spam", "pattern": "yes", "action": "hold"},
        {"header": "a", "pattern": "1"},
    ]
    double.templates[NEWS] = {WELCOME: "http://127.0.0.1:8000/postorius/api/templates/list/news/welcome"}
    yield double
    double.close()


@pytest.fixture
def run(mailman, tmp_path):
    """Run the function of a module; return what it returns."""
    api = rest.Api(mailman.url, "restadmin", PASSWORD)

    def run(function, **params):
        directory = {"templates_directory": str(tmp_path / "templates")}
        return function(SimpleNamespace(params={**directory, **params}, check_mode=False), api)

    return run


def export(run, declared=(), members=True) -> tuple[list[dict], str]:
    """Return the exported lists and their YAML."""
    _changes, found = run(mailing_lists_info.look_up, defaults=DEFAULTS, members=members)
    lists = exported_lists.entries(found["lists"], declared, "example.org")
    return lists, exported_lists.as_yaml(lists, found["left_out"])


def apply(run, lists) -> list:
    """Declare the lists; return the changes."""
    options = {"domain": "example.org", "domains": [], "defaults": DEFAULTS, "templates": {}}
    changes, _results = run(mailing_lists.converge, lists=[module_options(item) for item in lists], **options)
    return [change for change in changes if change]


class Loader(yaml.SafeLoader):
    """Reads the tag that keeps Ansible from evaluating a text."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def test_what_is_exported(run):
    lists, _text = export(run)
    assert lists == [
        {
            "name": "news",
            "description": "",
            "owners": ["ana@example.org"],
            "moderators": ["ben@example.org"],
            "members": [
                "cem@example.org",
                {"address": "dora@example.org", "display_name": "Dora {% if %}", "delivery_mode": "mime_digests"},
            ],
            "bans": ["^.*@example[.]net$"],
            "header_matches": [
                {"header": "x-spam", "pattern": "yes", "action": "hold"},
                {"header": "a", "pattern": "1", "action": None},
            ],
            "templates": {WELCOME: {"uri": "http://127.0.0.1:8000/postorius/api/templates/list/news/welcome"}},
            "subscription": "open",
            "settings": {
                "accept_these_nonmembers": ["^.*@example[.]com$"],
                "advertised": False,
                "autoresponse_grace_period": "0d5400.0s",
                "info": "Two\nlines with {{ braces }}: yes\n",
                "max_message_size": 200,
                "preferred_language": "no",
                "subject_prefix": "",
            },
        },
        {"name": PRESS},
    ]


def test_applying_it_changes_nothing(mailman, run):
    lists, text = export(run)
    read = yaml.load(text, Loader=Loader)["mailman_lists"]  # noqa: S506 -- a subclass of SafeLoader
    assert read == lists
    assert [str(problem) for problem in operator_rules.problems_of({"mailman_lists": read})] == []
    mailman.writes.clear()
    assert apply(run, read) == [] and mailman.writes == []


def test_applying_it_elsewhere_makes_the_same_list(mailman, run):
    news = export(run)[0][0]
    people, matches = set(mailman.people[NEWS]), list(mailman.header_matches[NEWS])
    for kept in (mailman.lists, mailman.people, mailman.bans, mailman.header_matches, mailman.templates):
        kept.clear()
    mailman.new_list = {
        name: value for name, value in initial_settings(NEWS).items() if name in recorded_config(mailman.version)
    }
    apply(run, [news])
    assert export(run)[0] == [news]
    assert set(mailman.people[NEWS]) == people and mailman.header_matches[NEWS] == matches


def test_declared_texts_are_exported_as_texts(mailman, run):
    declared = [{"name": "news", "templates": {WELCOME: "Welcome,\n{{ you }}\n"}}]
    apply(run, declared)
    (news, _press), text = export(run)
    assert news["templates"] == declared[0]["templates"]
    assert "list:user:notice:welcome: !unsafe |\n        Welcome,\n        {{ you }}\n" in text
    mailman.writes.clear()
    assert apply(run, [news]) == [] and mailman.writes == []


def test_members_are_exported_only_if_asked_for(run):
    assert "members" not in export(run, members=False)[0][0]


def test_what_only_the_inventory_knows_is_kept(mailman, run):
    source = {"members_from": {"command": ["crm"]}, "members_state": "exact", "max_removals": 3}
    numbers = {"expected_members": 250, "posts_per_day": 0.5, "hold_spam": False, "archive_keep": "1y"}
    mailman.lists[NEWS]["subscription_policy"] = "moderate"
    declared = [{"name": "News", "subscription": "closed", "settings": {"advertised": True}, **source, **numbers}]
    news = export(run, declared, members=False)[0][0]
    assert news.items() >= {**source, **numbers, "subscription": "closed"}.items()
    assert news["settings"]["advertised"] is False
    with_members = export(run, declared)[0][0]
    assert with_members.items() >= {**numbers, "subscription": "closed"}.items()
    assert not set(source) & set(with_members)


def test_a_policy_without_a_word_of_its_own_is_a_setting(mailman, run):
    mailman.lists[NEWS]["subscription_policy"] = "confirm_then_moderate"
    news = export(run)[0][0]
    assert "subscription" not in news and news["settings"]["subscription_policy"] == "confirm_then_moderate"


def test_what_can_not_be_declared_is_left_out_and_named(mailman, run):
    mailman.bans[NEWS] = ["^a/b"]
    mailman.lists[PRESS]["archive_policy"] = None
    mailman.people[NEWS]["member née@example.org"] = {}
    mailman.people[PRESS] = {"owner root@localhost": {}}
    (news, press), text = export(run)
    assert "bans" not in news and len(news["members"]) == 2 and press == {"name": PRESS}
    assert "# Not here: news@example.org: bans: '^a/b' has a slash, which Mailman" in text
    assert "# Not here: news@example.org: members: 'née@example.org' is not a full e-mail address" in text
    assert (
        "# Not here: press@example.net: settings.archive_policy: must be one of public, private, never, not None"
        in text
    )
    assert "# Not here: press@example.net: owners: 'root@localhost' is not a full address\n" in text
    mailman.writes.clear()
    assert apply(run, [news, press]) == [] and mailman.writes == []


def test_the_settings_of_a_new_list_are_all_settings():
    assert set(initial_settings(NEWS)) == set(list_settings.SETTINGS)
    assert initial_settings(NEWS)["subject_prefix"] == "[News] "
    for name, value in initial_settings(NEWS).items():
        assert list_settings.problem(name, value) is None, name


def test_ansible_reads_the_texts_as_they_are(run, playbooks):
    _lists, text = export(run)
    (playbooks.folder / "lists.yml").write_text(text)
    shown = {"ansible.builtin.copy": {"content": "{{ lookup('listkit.kit.mailing_lists', mailman_lists) | to_json }}"}}
    shown["ansible.builtin.copy"].update(dest=str(playbooks.target / "read.json"), mode="0600")
    output = playbooks.run([shown], "-e", f"@{playbooks.folder / 'lists.yml'}").output
    assert "failed=0" in output, output
    news = yaml.safe_load((playbooks.target / "read.json").read_text())[0]
    assert news["settings"]["info"] == "Two\nlines with {{ braces }}: yes\n", output
    assert news["members"]["entries"][1]["display_name"] == "Dora {% if %}"

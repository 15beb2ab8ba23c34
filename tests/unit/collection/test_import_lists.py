"""Imported lists are declarations, which the next run leaves unchanged."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import yaml
from ansible_collections.listkit.kit.plugins.plugin_utils import exported_lists, operator_rules
from ansible_collections.listkit.kit.plugins.plugin_utils.declared_lists import module_options
from ansible_collections.listkit.kit.plugins.plugin_utils.importing import declaring, reading
from ansible_collections.listkit.kit.plugins.plugin_utils.importing.description import CannotImport, Description
from ansible_collections.listkit.mailman3.plugins.module_utils import rest
from ansible_collections.listkit.mailman3.plugins.module_utils.initial_settings import initial_settings
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import Entry
from ansible_collections.listkit.mailman3.plugins.modules import mailing_lists, mailing_lists_info
from ansible_run import ansible_playbook
from mailman_double import PASSWORD, MailmanDouble, recorded_config

NEWS = "news@example.org"
DEFAULTS = {"dmarc_mitigate_action": "munge_from", "reply_goes_to_list": "point_to_list"}
ANA, BEN, CY = "ana@example.org", "ben@example.org", "cy@example.org"


def description(**values) -> Description:
    """A list of another system."""
    usual = {
        "name": "news",
        "origin": "old/news",
        "domain": "lists.example.com",
        "keys": {"description": "News", "owners": [ANA], "bans": ["eve@example.net"]},
        "settings": {
            "acceptable_aliases": ["^news@"],
            "max_message_size": 200,
            "reply_goes_to_list": "no_munging",
            "subject_prefix": "[News] ",
            "subscription_policy": "moderate",
        },
        "members": [Entry(BEN, "Ben"), Entry(CY, None, "mime_digests")],
    }
    return Description(**{**usual, **values})


@pytest.fixture
def mailman():
    """A Mailman without lists."""
    double = MailmanDouble()
    config = recorded_config(double.version)
    double.new_list = {name: value for name, value in initial_settings(NEWS).items() if name in config}
    yield double
    double.close()


@pytest.fixture
def run(mailman, tmp_path):
    """Run the function of a module; return what it returns."""
    api = rest.Api(mailman.url, "restadmin", PASSWORD)

    def run(function, check=False, **params):
        directory = {"templates_directory": str(tmp_path / "templates")}
        return function(SimpleNamespace(params={**directory, **params}, check_mode=check), api)

    return run


@pytest.fixture
def apply(run):
    """Apply entries of mailman_lists; return the changes."""

    def apply(entries, check=False):
        options = {"domain": "example.org", "domains": [], "defaults": DEFAULTS, "templates": {}}
        changes, _results = run(
            mailing_lists.converge, check, lists=[module_options(one) for one in entries], **options
        )
        return [change for change in changes if change]

    return apply


@pytest.fixture
def live(run):
    """Return the lists in Mailman."""
    return lambda: run(mailing_lists_info.look_up, defaults=DEFAULTS, members=True)[1]["lists"]


def imported(described=None, **options) -> declaring.Imported:
    """Import one list."""
    (one,) = declaring.imported([described or description()], "example.org", DEFAULTS, **options)
    return one


def left_out(one: declaring.Imported) -> dict[str, str]:
    """What the report says is left out."""
    return dict(one.description.left_out)


def test_what_is_imported_is_declared_and_the_next_run_changes_nothing(mailman, apply, live):
    one = imported()
    assert apply([one.declaration()], check=True) and not mailman.lists
    apply([one.declaration()])
    assert mailman.lists[NEWS]["dmarc_mitigate_action"] == "munge_from"
    assert mailman.lists[NEWS]["reply_goes_to_list"] == "no_munging"
    assert set(mailman.people[NEWS]) == {f"owner {ANA}", f"member {BEN}", f"member {CY}"}
    assert mailman.bans[NEWS] == ["eve@example.net"]
    text = exported_lists.as_yaml(declaring.mailman_lists([one], [], "example.org"), head=declaring.HEAD)
    declared = yaml.safe_load(text)["mailman_lists"]
    assert declared == [
        {
            "name": "news",
            "description": "News",
            "owners": [ANA],
            "bans": ["eve@example.net"],
            "subscription": "moderate",
            "settings": {
                "acceptable_aliases": ["^news@"],
                "max_message_size": 200,
                "reply_goes_to_list": "no_munging",
            },
        }
    ]
    assert operator_rules.problems_of({"mailman_lists": declared, "mailman_domain": "example.org"}) == []
    assert apply(declared) == []
    again = imported(declared=declared, live=live(), earlier={NEWS: one.members})
    assert apply([again.declaration()]) == [] and left_out(again) == {}


def test_the_inventory_wins_so_that_its_next_run_removes_no_one(mailman, apply):
    declared = [
        {
            "name": "news@example.org",
            "owners": [CY],
            "subscription": "closed",
            "settings": {"max_message_size": 50, "advertised": False},
            "templates": {"list:user:notice:welcome": "ours"},
            "expected_members": 3,
            "posts_per_day": 1,
        },
        {"name": "press", "owners": [ANA]},
    ]
    described = description(
        keys={"owners": [ANA], "templates": {"list:user:notice:welcome": "x", "list:user:notice:goodbye": "y"}}
    )
    one = imported(described, declared=declared)
    apply([one.declaration()])
    assert mailman.lists[NEWS]["max_message_size"] == 50
    assert set(mailman.people[NEWS]) == {f"owner {CY}", f"member {BEN}", f"member {CY}"}
    assert apply([{key: declared[0][key] for key in ("name", "owners", "subscription", "settings")}]) == []
    assert set(left_out(one)) == {
        "owners",
        "settings.max_message_size",
        "settings.reply_goes_to_list",
        "templates.list:user:notice:welcome",
    }
    merged = declaring.mailman_lists([one], declared, "example.org")
    assert merged[1] == declared[1] and merged[0]["name"] == NEWS and merged[0]["expected_members"] == 3
    assert merged[0]["templates"] == {"list:user:notice:welcome": "ours", "list:user:notice:goodbye": "y"}


@pytest.mark.parametrize("source", [{"members": [ANA]}, {"members_from": {"command": ["crm"]}}])
def test_declared_members_are_all(source):
    one = imported(declared=[{"name": "news", **source, "members_state": "exact"}])
    assert one.joining == [] and "members" not in one.declaration() and "members_from" not in one.declaration()
    assert left_out(one)["members"] == "the inventory declares them"


def test_a_second_import_keeps_what_people_did_meanwhile(mailman, apply, live):
    first = imported()
    apply([first.declaration()])
    del mailman.people[NEWS][f"member {BEN}"]
    mailman.people[NEWS][f"owner {CY}"] = {}
    mailman.bans[NEWS].append("mallory@example.net")
    newer = description(members=[Entry(BEN), Entry(CY), Entry("di@example.org")])
    second = imported(newer, live=live(), earlier={NEWS: first.members})
    apply([second.declaration()])
    assert set(mailman.people[NEWS]) == {
        f"owner {ANA}",
        f"owner {CY}",
        f"member {CY}",
        "member di@example.org",
    }
    assert mailman.bans[NEWS] == ["eve@example.net", "mallory@example.net"]
    assert left_out(second) == {BEN: "has left the list since the last import"}


def test_whom_mailman_refuses_is_left_out(mailman, apply):
    keys = {"bans": ["^.*@spam[.]example$", "Eve@example.net"]}
    people = [Entry("a@spam.example"), Entry("eve@example.net"), Entry("News@example.org"), Entry(BEN)]
    one = imported(description(keys=keys, members=people))
    assert [entry.address for entry in one.joining] == [BEN]
    assert set(left_out(one)) == {"a@spam.example", "eve@example.net", "News@example.org"}
    assert apply([one.declaration()])


def test_only_another_address_than_the_old_one_needs_an_alias():
    assert "acceptable_aliases" not in imported(description(domain="example.org")).entry["settings"]
    renamed = imported(description(name="press", domain="example.org"))
    assert renamed.entry["settings"]["acceptable_aliases"] == ["^news@"]


def test_the_aliases_of_all_lists_stay():
    defaults = {**DEFAULTS, "acceptable_aliases": ["^[^@]+@example[.]net$"]}
    (one,) = declaring.imported([description()], "example.org", defaults)
    assert one.entry["settings"]["acceptable_aliases"] == ["^[^@]+@example[.]net$", "^news@"]


def test_a_list_declared_as_absent_is_not_made():
    declared = [{"name": "news", "state": "absent"}]
    one = imported(declared=declared)
    assert list(one.lines()) == [f"{NEWS}: not imported: the inventory declares it with state: absent"]
    assert declaring.mailman_lists([one], declared, "example.org") == declared


def test_the_action_returns_declarations_files_and_a_report(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "news.csv").write_text(f"address,name\n{BEN},{{{{ 7 * 7 }}}}\n")
    (source / "other.csv").write_text("address\n")
    action = {
        "source": "csv",
        "paths": [str(source)],
        "only": ["news"],
        "domain": "example.org",
        "directory": str(tmp_path / "imported"),
    }
    wanted = {
        "mailman_lists": [{"name": "news"}],
        "declarations": [{"name": "news", "members": [{"address": BEN, "display_name": "NAME"}]}],
    }
    # Texts of the other system that look like templates aren't evaluated.
    name = "'{' ~ '{ 7 * 7 }' ~ '}'"
    conditions = [
        "found is not changed",
        *(f"found.{key} == {value!r}".replace("'NAME'", name) for key, value in wanted.items()),
        f"found.files | map(attribute='path') | map('replace', '{tmp_path}/imported/', '') | list"
        " == ['lists.yml', 'report.txt', 'members/news@example.org.csv']",
        f"found.report[0] == 'news@example.org, from {source}/news.csv: 1 members'",
    ]
    bad = {**action, "only": [], "name": "news"}
    tasks = [
        {"listkit.kit.imported_lists": action, "register": "found"},
        {"ansible.builtin.assert": {"that": conditions}},
        {"listkit.kit.imported_lists": bad, "register": "refused", "ignore_errors": True},
        {
            "ansible.builtin.assert": {
                "that": "refused is failed and 'import_list: is the name of one list' in refused.msg"
            }
        },
    ]
    (tmp_path / "play.yml").write_text(
        json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}])
    )
    run = ansible_playbook(tmp_path, "play.yml")
    assert run.returncode == 0, run.output
    assert not (tmp_path / "imported").exists()


def test_the_files_of_an_import_are_read_by_the_next(tmp_path):
    one = imported()
    for path, text in reading.texts([one], [one.entry], one.lines(), tmp_path).items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert reading.earlier_members(tmp_path) == {NEWS: one.members}
    assert "# Not here" not in (tmp_path / "lists.yml").read_text()
    assert (tmp_path / "report.txt").read_text().startswith(f"{NEWS}, from old/news: 2 members, 1 owners, 1 bans")


@pytest.mark.parametrize(
    ("files", "options", "reason"),
    [
        (["news"], {"only": ["press"]}, "import_only: there is no list press in the source; found: news"),
        (["a", "b"], {"name": "news"}, "import_list: is the name of one list, and the source has 2"),
        (["news", "NEWS"], {}, "are both called news"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(tmp_path, files, options, reason):
    for name in files:
        (tmp_path / f"{name}.csv").write_text("address\n")
    with pytest.raises(CannotImport, match=reason):
        reading.descriptions("csv", [str(tmp_path)], **options)


def test_one_of_several_gets_another_name(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("address\n")
    (found,) = reading.descriptions("csv", [str(tmp_path)], name="news", only=["B"])
    assert (found.name, found.origin) == ("news", f"{tmp_path}/b.csv")

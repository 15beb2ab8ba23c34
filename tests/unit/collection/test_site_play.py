"""The plays: nothing is done before the variables are checked, and every role gets what the operator meant."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from ansible_collections.listkit.kit.plugins.plugin_utils import spec_check
from ansible_run import KIT, Run, ansible_playbook

GUIDE = """\
fqdn=lists.example.org
mail_host=mail.infomaniak.com
mail_account=mailman@example.org
mail_password="the-device-password"
mailman_user=admin
mailman_password="the-web-password"
mailman_domain=example.org
mailman_email=admin@example.org
"""
PLAYS = yaml.safe_load((KIT / "playbooks/site.yml").read_text())
# What the plays set: each name belongs to one role, so they can stand side by side.
WIRING = {name: value for play in PLAYS for name, value in play.get("vars", {}).items()}


def options(role: str) -> dict:
    """The specs of a role's variables, by name."""
    (spec,) = yaml.safe_load((KIT / "roles" / role / "meta/argument_specs.yml").read_text())["argument_specs"].values()
    return spec["options"]


OPERATORS = options("site")
ROLES = {name: option for path in KIT.glob("roles/*") for name, option in options(path.name).items()}


class Inventory:
    """An INI inventory with one host, whose ssh only notes that it was called."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._called = folder / "called"
        self._ssh = folder / "ssh"
        self._ssh.write_text(f"#!/bin/sh\ntouch {self._called}\nexit 255\n")
        self._ssh.chmod(0o755)

    @property
    def host_was_called(self) -> bool:
        """Whether anything connected to the host."""
        return self._called.exists()

    def run(
        self,
        playbook: Path,
        *arguments: str,
        settings: str = "",
        host: str = "mailman",
        environment: dict[str, str] | None = None,
    ) -> Run:
        """Run a playbook; `settings` come after the guide's in `[all:vars]`."""
        inventory = self._folder / "inventory"
        connection = f"ansible_host=192.0.2.1 ansible_ssh_executable={self._ssh}"
        inventory.write_text(f"{host} {connection}\n[all:vars]\n{GUIDE}{settings}\n")
        return ansible_playbook(KIT, "-i", str(inventory), str(playbook), *arguments, environment=environment)

    def given(self, *names: str, settings: str = "", arguments: Iterable[str] = ()) -> dict:
        """Return the values that the plays give to these variables of the roles, or to all that aren't private."""
        playbook = self._folder / "play.yml"
        private = [yaml.safe_load(path.read_text()) for path in KIT.glob("roles/*/vars/main.yml")]
        wanted = list(names) or [name for name in WIRING if name[0] != "_"]
        content = f"<{{{{ dict({wanted} | zip([{', '.join(wanted)}])) | to_json | b64encode }}}}>"
        play = {
            "hosts": "mailman",
            "gather_facts": False,
            "vars": {name: value for part in [*private, WIRING] for name, value in part.items()},
            # It has no tasks. Another role must not stand here: it would deploy this machine.
            "roles": ["site"],
            "tasks": [{"ansible.builtin.debug": {"msg": content}}],
        }
        playbook.write_text(yaml.safe_dump([play]))
        # Without the callback that hides secrets, which evaluates every variable first.
        run = self.run(
            playbook,
            *arguments,
            settings=settings,
            environment={"ANSIBLE_CALLBACKS_ENABLED": "listkit.kit.inventory_errors"},
        )
        assert run.returncode == 0, run.output
        (answer,) = re.findall(r"<([\w+/=]+)>", run.output)
        return json.loads(base64.b64decode(answer))


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """The guide's inventory."""
    return Inventory(tmp_path)


@pytest.mark.parametrize("arguments", [[], ["--check", "--tags", "check"]])
def test_a_wrong_value_stops_the_run_before_a_host_is_called(inventory, arguments):
    run = inventory.run(KIT / "playbook.yml", *arguments, settings="mailman_domain=example")
    assert run.returncode == 2, run.output
    assert "1 problem in the inventory; nothing was changed:" in run.output
    assert not inventory.host_was_called


def test_values_that_an_ini_inventory_changes_are_reported(inventory):
    settings = """\
mail_password=12345678901
mailman_password=the-web-password-1
mailman_user=12e3
fqdn=Lists.Example.org
database_host=db.example.org
database_password=98765#x
bridge_delete_processed=false
base_unattended_upgrades=no
mailman_lists=[{'name': 2025}]
"""
    run = inventory.run(KIT / "playbook.yml", "-e", "relay_queue_days=3", settings=settings)
    for line in (
        "mail_password: is read as a number: quote it",
        "mailman_user: is read as a number: quote it",
        "database_password: is read as a number: quote it",
        "fqdn: 'Lists.Example.org' must be written in lower case",
        "bridge_delete_processed: is text: in YAML write false, in an INI inventory False, with -e '{",
        "base_unattended_upgrades: is text: in YAML write false, in an INI inventory False",
        "relay_queue_days: is text: in YAML write 3, in an INI inventory 3, with -e '{\"relay_queue_days\": 3}'",
        "mailman_lists[#1].name: is read as a number: quote it",
    ):
        assert line in run.output, run.output
    assert "8 problems" in run.output
    assert "12345678901" not in run.output and "98765" not in run.output


def test_passwords_that_stay_text_are_right_and_the_run_gets_to_the_host(inventory):
    settings = """\
mail_password="12345678901"
mailman_password="12345#67890"
database_host=db.example.org
database_password=01234567
"""
    run = inventory.run(KIT / "playbook.yml", settings=settings)
    assert run.returncode == 4 and inventory.host_was_called, run.output


def test_a_name_that_the_plays_set_is_no_operators(inventory):
    names = [name for name in WIRING if name in ROLES]
    run = inventory.run(KIT / "playbook.yml", settings="\n".join(f"{name}=x" for name in names))
    told = run.output.replace("\n", " ")
    for name in names:
        assert f" {name}: is set " in told, name
    for name, source in (
        ("relay_port", "mail_port"),
        ("certificate_key_file", "tls_key_file"),
        ("core_verp_probes", "mail_verp"),
        ("relay_list_demand", "mailman_domain and mailman_lists"),
    ):
        assert f" {name}: is set by the kit from {source}; set that instead" in told, name


@pytest.mark.parametrize(
    ("playbook", "own"),
    [
        ("probe", "probe_alias=news@example.org"),
        ("export_lists", "export_file=lists.yml"),
        ("import_lists", "import_from=csv import_paths=."),
    ],
)
def test_another_playbooks_own_settings_are_accepted_after_the_check(inventory, playbook, own):
    run = inventory.run(KIT / f"playbooks/{playbook}.yml", "-e", own)
    assert run.returncode == 4 and inventory.host_was_called, run.output
    run = inventory.run(KIT / f"playbooks/{playbook}.yml", "-e", own, settings="mailman_domain=example")
    assert run.returncode == 2 and "1 problem in the inventory; nothing was changed:" in run.output


def test_a_list_in_capitals_stops_an_import_before_a_host_is_called(inventory):
    options = ("-e", "import_list=Members@example.org", "-e", "import_paths=nowhere.mbox")
    run = inventory.run(KIT / "playbooks/import_archive.yml", *options)
    assert run.returncode == 2 and not inventory.host_was_called
    assert "'Members@example.org' is not a list's address in lower case (for example members@example.org)" in run.output
    assert "import_paths: not on this machine: nowhere.mbox" in run.output


def test_a_wrong_source_stops_an_import_of_lists_before_a_host_is_called(inventory):
    run = inventory.run(KIT / "playbooks/import_lists.yml", "-e", "import_from=majordomo", "-e", "import_paths=nowhere")
    assert run.returncode == 2 and not inventory.host_was_called
    assert "import_from: 'majordomo' is not one of csv, google, infomaniak, mailman2, sympa" in run.output
    assert "/nowhere (for example /srv/old/lists)" in run.output
    run = inventory.run(KIT / "playbooks/import_lists.yml", "-e", "import_from=infomaniak", "-e", "import_list=News")
    assert run.returncode == 2 and not inventory.host_was_called
    assert "infomaniak_token: is missing" in run.output and "'News' is not a list's name" in run.output


def test_a_misspelling_is_no_hint_at_a_name_that_the_plays_set(inventory):
    run = inventory.run(KIT / "playbook.yml", settings="relay_prot=465")
    assert "relay_prot: is unknown" in run.output and "relay_port" not in run.output


def test_an_inventory_without_the_host_is_named(inventory):
    run = inventory.run(KIT / "playbook.yml", "--tags", "web", host="lists")
    assert run.returncode == 2 and "The inventory has no host called mailman" in run.output


# Everything that isn't text, as an INI inventory or `-e` brings it.
WORDS = {
    "mail_port": "465",
    "mail_alias_limit": "20",
    "mail_account_limit": "500",
    "mail_budget_window": "3600",
    "mail_budget_reserve": "20",
    "mail_budget_strangers": "5",
    "mail_budget_answers_per_recipient": "3",
    "mail_budget_answers_per_hour": "6",
    "mail_recipients_per_message": "50",
    "mail_catch_all": "no",
    "mail_verp": "false",
    "mailman_web_signup": "false",
    "mailman_hold_spam": "no",
    "mailman_web_password_force": "no",
    "mailman_report_mail": "no",
    "database_port": "5433",
    "backup_restore_replace": "no",
    "backup_restore_merge_addresses": "no",
    "infomaniak_mail_hosting": "123456",
    "infomaniak_undeclared_lists": "no",
    "infomaniak_fix": "no",
    "mail_dns_check": "no",
    "canary_interval": "30",
    "status_page": "yes",
}
MEANT = {
    "relay_port": 465,
    "relay_budget_window": 3600,
    "relay_budget_reserve": 20,
    "relay_budget_strangers": 5,
    "relay_budget_answers_per_recipient": 3,
    "relay_budget_answers_per_hour": 6,
    "relay_recipients_per_message": 50,
    "core_max_recipients": 50,
    "relay_verp": False,
    "core_verp_probes": False,
    "core_verp_delivery_interval": 0,
    "web_signup": False,
    "core_hold_spam": False,
    "report_mail": False,
    "web_superuser_password_force": False,
    "web_database_port": 5433,
    "backup_database_port": 5433,
    "mailbox_suit_lists": False,
    "dns_move_hosts": False,
    "web_status_page": True,
    "alert_status_page": True,
    "alert_has_core": True,
}


def test_every_switch_and_number_is_tried():
    kinds = {name: option["type"] for name, option in OPERATORS.items()}
    assert sorted(WORDS) == sorted(name for name, kind in kinds.items() if kind in ("bool", "int", "float"))


@pytest.mark.parametrize("on_the_command_line", [False, True])
def test_words_are_what_they_spell(inventory, on_the_command_line):
    words = [f"{name}={word}" for name, word in WORDS.items()]
    found = (
        inventory.given(arguments=[part for word in words for part in ("-e", word)])
        if on_the_command_line
        else inventory.given(settings="\n".join(words))
    )
    assert {name: found[name] for name in MEANT} == MEANT
    assert found["relay_accounts"][0]["limit"] == 500
    assert [*map(str, wrong_types(found))] == []


def wrong_types(found: dict) -> list:
    """What the roles get of another type than they ask for."""
    return [
        problem for name, value in found.items() for problem in spec_check.check(name, value, ROLES[name], literal=True)
    ]


def test_a_switch_that_is_on_is_on(inventory):
    names = ("mail_catch_all", "mail_verp", "mailman_web_signup", "mailman_web_password_force")
    wanted = ("relay_verp", "core_verp_probes", "web_signup", "web_superuser_password_force")
    settings = "\n".join(["mail_plan=my_ksuite", *(f"{name}=yes" for name in names)])
    others = ("core_verp_delivery_interval", "relay_accounts", "site_mail_plan_assumed")
    found = inventory.given(*wanted, *others, settings=settings)
    assert found["relay_accounts"][0]["limit"] == 500 and found["site_mail_plan_assumed"] is False
    assert [found[name] for name in wanted] == [True] * 4
    assert found["core_verp_delivery_interval"] == 1


def test_what_the_probe_found_is_the_default_and_the_operator_has_the_last_word(inventory, tmp_path):
    name = "relay_verp"
    found = inventory.given(name, "relay_accounts", "site_mail_plan_assumed")
    assert not found[name]
    assert found["site_mail_plan_assumed"] is True and found["relay_accounts"][0]["limit"] == 1440
    (tmp_path / "mail-probe.json").write_text('{"verp": true}')
    assert inventory.given(name)[name] and not inventory.given(name, settings="mail_verp=false")[name]


def test_a_list_may_accept_what_others_hold_as_spam(inventory):
    lists = [{"name": "Dev", "hold_spam": "no"}, {"name": "b@example.net", "hold_spam": True}, {"name": "c"}]
    found = inventory.given("core_hold_spam_lists", "lists_declared", settings=f"mailman_lists={lists}")
    assert found["core_hold_spam_lists"] == {"dev@example.org": False, "b@example.net": True}
    assert all("hold_spam" not in entry for entry in found["lists_declared"])


def test_a_list_may_keep_its_archive_for_another_time(inventory):
    lists = [{"name": "Dev", "archive_keep": "1y"}, {"name": "b@example.net", "archive_keep": ""}, {"name": "c"}]
    wanted = ("web_archive_keep", "web_archive_keep_lists", "lists_declared")
    found = inventory.given(*wanted, settings=f"archive_keep=5y\nmailman_lists={lists}")
    assert found["web_archive_keep"] == "5y"
    assert found["web_archive_keep_lists"] == {"dev@example.org": "1y", "b@example.net": ""}
    assert all("archive_keep" not in entry for entry in found["lists_declared"])


def test_the_check_and_the_plan_reserve_the_same(inventory):
    lists = "mailman_lists=[{'name': 'members', 'expected_members': 1400, 'posts_per_day': 1}]"
    assert inventory.given("relay_accounts", settings=f"{lists}\nmail_budget_reserve=20")["relay_accounts"]


def test_mail_to_a_mailbox_itself_is_for_the_sites_owner(inventory):
    accounts = [{"address": f"{name}@example.org", "password": "pw"} for name in ("Lists", "lists2")]
    settings = f"mail_account=Lists@example.org\nmail_accounts={accounts}\nbridge_owner_local_parts=['postorius']"
    found = inventory.given("_bridge_owner_local_parts", settings=settings)
    assert found["_bridge_owner_local_parts"] == ["postorius", "lists", "lists2"]


def test_every_domain_with_lists_is_the_bridges(inventory):
    lists = [{"name": "members"}, {"name": "Press@Example.com"}]
    settings = f"mail_domain_synonyms=['example.net']\nmailman_lists={lists}"
    found = inventory.given("bridge_domains", "web_domains", settings=settings)
    assert found["bridge_domains"] == {"example.org": ["example.net"], "example.com": []}
    assert found["web_domains"] == {"example.org": "lists.example.org", "example.com": "lists.example.org"}


def test_the_operators_list_defaults_override_the_kits(inventory):
    defaults = {"dmarc_mitigate_action": "wrap_message", "default_nonmember_action": "hold"}
    texts = {"templates": {"list:member:regular:footer": ""}}
    lists = [{"name": "members", "settings": {"first_strip_reply_to": False}}]
    settings = f"mailman_list_defaults={defaults | texts}\nmailman_lists={lists}\nmail_domain_synonyms=['example.net']"
    found = inventory.given(settings=settings)
    for name in ("core_list_defaults", "lists_defaults"):
        assert found[name].items() >= defaults.items() and found[name]["reply_goes_to_list"] == "point_to_list", name
        assert found[name]["acceptable_aliases"] and "templates" not in found[name], name
    assert found["lists_templates"] == texts["templates"]
    expected = found["lists_expected"]["members@example.org"]
    assert expected == {
        "dmarc_mitigate_unconditionally": True,
        "reply_goes_to_list": "point_to_list",
        "respond_to_post_requests": False,
    }


def test_a_host_that_is_the_whole_site_stops_the_tunnels_of_an_earlier_one(inventory):
    found = inventory.given("base_retired_units", "base_leftovers", "base_packages")
    not_wanted = {"listkit-backup.timer", "listkit-backup-drill.timer", "listkit-canary.timer", "listkit-alert.timer"}
    assert set(found["base_retired_units"]) == {"listkit-tunnel.service", *not_wanted}
    assert {"/etc/listkit/tunnel.*", "/etc/listkit/check.d/tunnel.json"} <= set(found["base_leftovers"])
    assert {"postfix", "postgresql", "openssl"} <= set(found["base_packages"])


def test_a_host_that_only_has_mailman_stops_what_moved_to_other_hosts(inventory):
    split = "[mailman_web]\nweb private_address=192.0.2.2\n[mailman]\nmailman"
    found = inventory.given("base_retired_units", settings=split)
    retired = {"mailman3-web.service", "listkit-certificate.timer", "listkit-web-job@hourly.timer"}
    assert retired <= set(found["base_retired_units"])
    assert not {"listkit-tunnel.service", "nginx.service", "postgresql.service"} & set(found["base_retired_units"])


REST_SERVER = "rest:https://backup.example.org/listkit/"
BACKUP = f"backup_repository={REST_SERVER}\nbackup_password=the-repository-password"


def test_a_login_for_the_backup_is_only_in_the_file_that_restic_reads(inventory):
    login = "backup_user=me@example.org\nbackup_user_password='a/secret:@'"
    found = inventory.given("_backup_url", "_backup_kind", "site_roles", settings=f"{BACKUP}\n{login}")
    assert found["_backup_url"] == "rest:https://me%40example.org:a%2Fsecret%3A%40@backup.example.org/listkit/"
    assert found["_backup_kind"] == "rest" and "backup" in found["site_roles"]
    assert inventory.given("_backup_url", settings=BACKUP)["_backup_url"] == REST_SERVER


def test_a_host_without_a_repository_stops_the_backups_of_an_earlier_one(inventory):
    found = inventory.given("site_roles", "base_retired_units", "base_leftovers")
    assert "backup" not in found["site_roles"]
    assert "listkit-backup.timer" in found["base_retired_units"]
    assert "/etc/listkit/secrets/backup_password" in found["base_leftovers"]
    assert "listkit-backup.timer" not in inventory.given("base_retired_units", settings=BACKUP)["base_retired_units"]


def test_a_backup_of_a_site_with_several_hosts_reaches_both_databases_with_one_login(inventory):
    split = "[database]\ndb private_address=192.0.2.2\n[mailman]\nmailman"
    # What the role `site` knows of itself.
    settings = f"{BACKUP}\nrole_path={KIT / 'roles/site'}\n{split}"
    found = inventory.given(
        "backup_database_host", "backup_database_port", "_backup_web_login", "database_core_is_web", settings=settings
    )
    assert found == {
        "backup_database_host": "127.0.0.1",
        "backup_database_port": 5432,
        "_backup_web_login": "user=list options='-c role=www-data'",
        "database_core_is_web": True,
    }
    assert inventory.given("database_core_is_web", settings=split)["database_core_is_web"] is False


def test_a_backup_becomes_the_owner_of_a_database_that_is_on_its_host(inventory):
    split = "[mailman_web]\nweb private_address=192.0.2.2\n[mailman]\nmailman"
    found = inventory.given("backup_database_host", "backup_web_host", settings=f"{BACKUP}\n{split}")
    assert found == {"backup_database_host": "", "backup_web_host": "web"}


def test_the_status_page_is_on_the_web_host_and_every_host_runs_the_checks(inventory):
    names = ("site_roles", "base_retired_units", "alert_status_page", "alert_has_core", "web_status_page")
    found = inventory.given(*names, settings="status_page=yes")
    assert "alert" in found["site_roles"] and "listkit-alert.timer" not in found["base_retired_units"]
    assert [found[name] for name in names[2:]] == [True] * 3
    split = "[mailman_web]\nweb private_address=192.0.2.2\n[mailman]\nmailman"
    found = inventory.given(*names, settings=f"status_page=yes\n{split}")
    assert "alert" in found["site_roles"] and found["alert_status_page"] is False
    assert inventory.given("alert_status_page")["alert_status_page"] is False


def test_the_host_of_the_core_checks_the_dns_unless_the_names_are_private(inventory, tmp_path):
    names = ("site_roles", "base_leftovers", "dns_domains", "dns_signs", "dns_canary", "dns_selector")
    found = inventory.given(*names, settings="canary_interval=30")
    assert "dns" in found["site_roles"] and "/etc/listkit/check.d/dns.json" not in found["base_leftovers"]
    assert [found[name] for name in names[2:]] == [["example.org"], "example.org", True, ""]
    (tmp_path / "probe.json").write_text('{"dkim": {"selector": "20251103"}}')
    probed = inventory.given(*names[4:], arguments=["-e", f"site_probe_file={tmp_path}/probe.json"])
    assert probed == {"dns_canary": False, "dns_selector": "20251103"}
    private = inventory.given(*names, settings="mail_dns_check=no")
    assert "dns" not in private["site_roles"] and "/etc/listkit/dns.json" in private["base_leftovers"]
    assert "/etc/listkit/check.d/dns.json" in private["base_leftovers"]
    web = "[mailman_web]\nmailman private_address=192.0.2.2\n[mailman]\ncore private_address=192.0.2.3"
    assert "dns" not in inventory.given("site_roles", settings=web)["site_roles"]

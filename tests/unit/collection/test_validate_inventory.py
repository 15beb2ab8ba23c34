"""The operator's contract: what is wrong with an inventory is said before anything happens, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.listkit.kit.plugins.plugin_utils import operator_rules, spec_check
from ansible_collections.listkit.kit.plugins.plugin_utils.accounts import Rules

KIT = Path(__file__).resolve().parents[3]
SPEC = yaml.safe_load((KIT / "roles/site/meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
DEFAULTS = yaml.safe_load((KIT / "roles/site/defaults/main.yml").read_text())
CONSTANTS = {name: value for name, value in DEFAULTS.items() if "{{" not in str(value)}
CHECK = [{"name": "Check", "listkit.kit.validate_inventory": {}}]
GUIDE = {
    "fqdn": "lists.example.org",
    "mail_host": "mail.infomaniak.com",
    "mail_account": "mailman@example.org",
    "mail_password": "the-device-password",
    "mailman_user": "admin",
    "mailman_password": "the-web-password",
    "mailman_domain": "example.org",
    "mailman_email": "admin@example.org",
}


def problems(**changes) -> list[str]:
    values = {name: value for name, value in {**GUIDE, **changes}.items() if value is not ...}
    found = [problem for name, value in values.items() for problem in spec_check.check(name, value, SPEC[name])]
    wrong = {problem.variable for problem in found}
    good = {name: value for name, value in {**CONSTANTS, **values}.items() if name not in wrong}
    return list(map(str, [*found, *operator_rules.problems_of(good)]))


def test_the_guides_inventory_is_right():
    assert problems() == []


def test_everything_that_the_readme_may_show_is_right(tmp_path):
    pem = tmp_path / "x.pem"
    pem.write_text("-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n")
    assert (
        problems(
            mailman_lists=[
                {
                    "name": "members",
                    "description": "News",
                    "owners": ["ana@example.org"],
                    "settings": {"default_member_action": "hold", "max_message_size": 200},
                    "expected_members": 250,
                    "posts_per_day": 0.5,
                },
                {"name": "press@example.net", "state": "absent"},
            ],
            mail_port=465,
            mail_accounts=[
                {"address": "mailman@example.org", "password": "one", "lists": ["members"]},
                {"address": "lists2@example.org", "password": "two", "limit": 500},
            ],
            mail_domain_synonyms=["example.com"],
            mailman_web_hosts={"example.com": "lists.example.com"},
            tls_mode="files",
            tls_certificate_file=str(pem),
            tls_key_file=str(pem),
            database_host="db.example.org",
            database_password="pw",
        )
        == []
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"mail_account": "mailman"},
            "mail_account: 'mailman' has no @: a full e-mail address is needed (for example mailman@ex",
        ),
        ({"mail_password": ""}, "mail_password: is empty"),
        ({"mailman_password": "  "}, "mailman_password: is empty"),
        ({"mail_password": "pasted "}, "mail_password: begins or ends with a space"),
        (
            {"mailman_domain": "example"},
            "mailman_domain: 'example' is not a fully qualified domain name (for example example.org)",
        ),
        ({"mailman_domain": "https://example.org"}, "mailman_domain: 'https://example.org' is not"),
        ({"mailman_domain": "Example.org"}, "mailman_domain: 'Example.org' has capitals"),
        ({"fqdn": "Lists.Example.org"}, "written in small letters (for example lists.example.org)"),
        ({"fqdn": "lists.example.o"}, "fqdn: 'lists.example.o' is not"),
        ({"fqdn": "lists"}, "fqdn: 'lists' is not a fully qualified domain name (for example lists.example.org)"),
        ({"mail_host": "192.0.2.1"}, "mail_host: '192.0.2.1' is not"),
        ({"mail_port": 25}, "mail_port: must be one of 587, 465, not 25 (for example 587)"),
        ({"mailman_user": "Ana B"}, "mailman_user: 'Ana B' is not a login"),
        ({"mailman_email": "admin@host"}, "mailman_email: 'admin@host' is not a full e-mail address"),
        ({"tls_mode": "file"}, "tls_mode: must be one of letsencrypt, selfsigned, files, not 'file'"),
        ({"tls_mode": "files"}, "tls_key_file: is needed with tls_mode: files"),
        ({"tls_certificate_file": "/c.pem"}, "tls_certificate_file: is given, but tls_mode is letsencrypt"),
        ({"mail_ca_file": "ca.pem"}, "mail_ca_file: 'ca.pem' is not an absolute path"),
        ({"mail_ca_file": "/no/such.pem"}, "mail_ca_file: there is no file '/no/such.pem' on this machine"),
        ({"mail_ca_file": "/etc/hostname"}, "mail_ca_file: '/etc/hostname' holds no certificate in PEM"),
        ({"acme_directory_url": "http://acme"}, "acme_directory_url: 'http://acme' is not an https address"),
        ({"database_host": "db.example.org"}, "database_password: is needed with database_host"),
        ({"database_port": 0}, "database_port: 0 is no port"),
        ({"mail_alias_limit": 0}, "mail_alias_limit: must be at least 1"),
        ({"mail_account_limit": 199}, "mail_account_limit: is 199; posts would wait for ever below 200"),
        ({"mail_budget_reserve": -200}, "mail_budget_reserve: must be at least 0, not -200"),
        ({"mail_recipients_per_message": 0}, "mail_recipients_per_message: must be at least 1, not 0"),
        ({"mail_accounts": [{"address": "a@x.org", "limit": -5}]}, "mail_accounts[#1].limit: is -5; posts would wait"),
        ({"mail_account_limit": "1e3"}, "mail_account_limit: must be a whole number, not '1e3'"),
        ({"mail_alias_limit": "many"}, "mail_alias_limit: must be a whole number, not 'many'"),
        ({"mail_catch_all": "perhaps"}, "mail_catch_all: must be true or false"),
        ({"mail_catch_all": "y"}, "mail_catch_all: must be true or false, not 'y'"),
        ({"mailman_password": 12345678901}, "mailman_password: is read as a number: put it in quotes"),
        ({"mailman_web_hosts": {"net": "lists.example.net"}}, "mailman_web_hosts: 'net' is not a mail domain"),
        ({"mailman_web_hosts": {"example.net": "lists"}}, "mailman_web_hosts[example.net]: 'lists' is not a fully"),
        ({"mailman_web_hosts": {"example.net": "Lists.example.net"}}, "'Lists.example.net' has capitals"),
        ({"mailman_web_hosts": {"Example.net": "lists.example.net"}}, "'Example.net' has capitals"),
        (
            {"mailman_web_hosts": {"example.org": "www.example.org"}},
            "mailman_web_hosts[example.org]: is mailman_domain, whose web host is fqdn (for exa",
        ),
        ({"mail_domain_synonyms": ["x"]}, "mail_domain_synonyms[#1]: 'x' is not a domain"),
        ({"mail_domain_synonyms": ["Example.net"]}, "mail_domain_synonyms[#1]: 'Example.net' has capitals"),
        ({"mailman_lists": [{"name": 2025}]}, "mailman_lists[#1].name: is read as a number: put it in quotes"),
        ({"mailman_lists": "members"}, "mailman_lists: must be a list, not 'members'"),
        ({"mailman_lists": ["members"]}, "mailman_lists[#1]: must be a dictionary, not 'members'"),
        ({"mailman_lists": [{"owners": []}]}, "mailman_lists[#1].name: is missing"),
        ({"mailman_lists": [{"name": "a b"}]}, "mailman_lists[#1].name: 'a b' may have letters, digits"),
        ({"mailman_lists": [{"name": "a@b"}]}, "mailman_lists[#1].name: 'b' is not a domain"),
        (
            {"mail_domain_synonyms": ["example.net"], "mailman_lists": [{"name": "news@Example.net"}]},
            "mailman_lists[#1].name: Example.net is in mail_domain_synonyms: mailman_domain's lists get its mail",
        ),
        ({"mailman_lists": [{"name": "news-owner"}]}, "'news-owner' ends like the address of another list's owner"),
        ({"mailman_lists": [{"name": "postorius"}]}, "is the address that the web interface writes from"),
        ({"mailman_lists": [{"name": "Mailman"}]}, "is a mailbox's own address"),
        (
            {
                "mailman_lists": [{"name": "lists2"}],
                "mail_accounts": [{"address": "Lists2@example.org", "password": "p"}],
            },
            "mailman_lists[#1].name: 'lists2' is a mailbox's own address",
        ),
        (
            {"mailman_lists": [{"name": "News"}, {"name": "news@example.org"}]},
            "mailman_lists[#2].name: news@example.org is declared already, as mailman_lists[#1]",
        ),
        ({"mailman_lists": [{"name": "a", "owner": []}]}, "mailman_lists[#1].owner: is unknown; did you mean owners?"),
        (
            {"mailman_lists": [{"name": "a", "owners": ["ana"]}]},
            "mailman_lists[#1].owners[#1]: 'ana' is not an e-mail address",
        ),
        ({"mailman_lists": [{"name": "a", "owners": "x@y.org"}]}, "mailman_lists[#1].owners: must be a list"),
        (
            {"mailman_lists": [{"name": "a", "description": "x\ny"}]},
            "mailman_lists[#1].description: must be a single line",
        ),
        (
            {"mailman_lists": [{"name": "a", "settings": {"advertized": True}}]},
            "mailman_lists[#1].settings.advertized: is no setting of Mailman, did you mean advertised?",
        ),
        (
            {"mailman_list_defaults": {"archive_policy": "secret"}},
            "mailman_list_defaults.archive_policy: must be one of public, private, never (for example archive_po",
        ),
        (
            {"mailman_lists": [{"name": "a", "state": "gone"}]},
            "mailman_lists[#1].state: must be one of present, absent",
        ),
        (
            {"mailman_lists": [{"name": "a", "expected_members": "many", "posts_per_day": 1}]},
            "mailman_lists[#1].expected_members: must be a whole number, not 'many' (for example 250)",
        ),
        (
            {"mailman_lists": [{"name": "a", "expected_members": 2, "posts_per_day": True}]},
            "mailman_lists[#1].posts_per_day: must be a number, not True (for example 0.5)",
        ),
        (
            {"mailman_lists": [{"name": "a", "expected_members": -1, "posts_per_day": 1}]},
            "mailman_lists[#1].expected_members: must be 0 or more, not -1 (for example 250)",
        ),
        (
            {"mailman_lists": [{"name": "a", "expected_members": 250}]},
            "mailman_lists[#1].posts_per_day: is missing: expected_members alone says nothing (for example 0.5)",
        ),
        ({"mail_accounts": [{"address": "x@example.org", "password": "p"}]}, "mail_accounts: lacks mail_account"),
        ({"mail_accounts": [{"address": "x", "password": "p"}]}, "mail_accounts[#1].address: 'x' has no @"),
        ({"mail_accounts": [{"address": "x@example.org", "password": ""}]}, "mail_accounts[#1].password: is empty"),
        (
            {"mail_accounts": [{"address": "mailman@example.org", "password": "p", "lists": ["nowhere"]}]},
            "mail_accounts[#1].lists[#1]: there is no list nowhere@example.org in mailman_lists",
        ),
        (
            {
                "mailman_lists": [{"name": "a"}],
                "mail_accounts": [
                    {"address": "mailman@example.org", "password": "p", "lists": ["a"]},
                    {"address": "mailman@example.org", "password": "p", "lists": ["a"]},
                ],
            },
            "mail_accounts[#2].lists[#1]: a@example.org has an account already, mail_accounts[#1]",
        ),
    ],
)
def test_wrong_values(changes, message):
    assert message in "\n".join(problems(**changes))


def test_a_plan_that_cannot_fit_says_what_would():
    lists = [{"name": name, "expected_members": 800, "posts_per_day": 1} for name in "abc"]
    found = operator_rules.plan_problems({**DEFAULTS, **GUIDE, "mailman_lists": lists})
    assert list(map(str, found))[-1] == (
        "mail_accounts: 3 accounts would do; there is 1 (for example […, {address: lists2@example.org, password: …}])"
    )
    accounts = [{"address": f"{name}@example.org", "password": "p"} for name in ("mailman", "lists2", "lists3")]
    values = {**DEFAULTS, **GUIDE, "mailman_lists": lists, "mail_accounts": accounts}
    assert operator_rules.plan_problems(values) == []
    assert operator_rules.plan_problems({**values, "mail_budget_reserve": 700}) != []


def test_the_smallest_limit_is_the_relays_reserve_and_one_message_of_its_size():
    values = {**CONSTANTS, "mail_account_limit": 250}
    assert operator_rules.problems_of(values) == []
    (found,) = operator_rules.problems_of({**values, "mail_budget_reserve": 200})
    assert "posts would wait for ever below 300" in str(found)


def test_the_plan_reserves_what_the_site_does():
    assert Rules.reserve == DEFAULTS["mail_budget_reserve"]


def test_every_problem_has_an_example():
    for name, option in SPEC.items():
        assert spec_check.example(option), name


def test_examples_of_the_spec_pass_the_rules():
    given = {name: spec_check.example(SPEC[name]) for name in GUIDE}
    assert problems(**given) == []


def test_a_secret_of_the_wrong_type_is_not_shown():
    assert "hunter" not in str(spec_check.check("mail_password", ["hunter2hunter"], SPEC["mail_password"])[0])
    accounts = [{"address": "x@example.org", "password": {"hunter": 1}}]
    found = spec_check.check("mail_accounts", accounts, SPEC["mail_accounts"])
    assert found and "hunter" not in "".join(map(str, found))
    for number in (12345678901, 12e34):
        (found,) = spec_check.check("mail_password", number, SPEC["mail_password"])
        assert "in quotes" in found.wrong and str(number) not in str(found)


@pytest.mark.parametrize(
    ("kind", "value", "right"),
    [
        ("bool", "no", """in YAML write false, in an INI inventory False, with -e '{"x": false}'"""),
        ("int", "3", """in YAML write 3, in an INI inventory 3, with -e '{"x": 3}'"""),
        ("bool", 1, "must be true or false, not 1"),
    ],
)
def test_text_is_no_switch_and_no_number_of_a_role(kind, value, right):
    (found,) = spec_check.check("x", value, {"type": kind}, literal=True)
    assert right in found.wrong


@pytest.mark.parametrize("value", [True, False, 1, 0, "yes", "no", "on", "off", "true", "False", "YES", "1", "0"])
def test_a_switch_of_the_operators_may_be_a_word(value):
    assert problems(mail_catch_all=value) == []


def test_through_ansible_right(playbooks):
    run = playbooks.run(CHECK, "-C", variables={**GUIDE, "my_own_variable": 1, "relay_queue_days": 1})
    assert run.returncode == 0, run.output


def test_through_ansible_all_problems_at_once(playbooks):
    variables = {
        **GUIDE,
        "mail_hots": "x",
        "mailman_password": "{{ vault_web_password }}",
        "relay_prot": 1,
        "mailman_lists": [{"name": "a b"}],
    }
    del variables["mailman_user"], variables["mail_host"]
    run = playbooks.run(CHECK, variables=variables)
    assert run.returncode == 2
    assert "6 values are not right; nothing was changed:" in run.output
    for line in (
        "mail_hots: is unknown; did you mean mail_host? (for example mail_host: mail.infomaniak.com)",
        "relay_prot: is unknown; did you mean relay_port?",
        "mail_host: is missing (for example mail.infomaniak.com)",
        "mailman_user: is missing (for example admin)",
        "mailman_password: cannot be worked out: 'vault_web_password' is undefined",
        "mailman_lists[#1].name: 'a b' may have",
    ):
        assert line in run.output


def test_through_ansible_a_plan_that_cannot_fit(playbooks):
    variables = {**GUIDE, "mailman_lists": [{"name": "news", "expected_members": 9000, "posts_per_day": 1}]}
    run = playbooks.run(CHECK, variables=variables)
    assert run.returncode == 2
    assert "nothing was changed:" in run.output
    assert "no account has room for news@example.org (9000 recipients a day)" in run.output
    assert "a list can't be spread over accounts" in run.output


def test_through_ansible_from_the_environment(playbooks):
    variables = {**GUIDE, "mail_password": "{{ lookup('env', 'PLANTED_PASSWORD') }}"}
    assert playbooks.run(CHECK, variables=variables, environment={"PLANTED_PASSWORD": "planted"}).returncode == 0
    run = playbooks.run(CHECK, variables=variables)
    assert "mail_password: is empty: the variable or vault that it comes from holds nothing" in run.output


def test_an_unknown_role_is_named(playbooks):
    run = playbooks.run([{"name": "Check", "listkit.kit.validate_inventory": {"operator": "nowhere"}}], variables=GUIDE)
    assert "there is no role nowhere with meta/argument_specs.yml; found are" in run.output

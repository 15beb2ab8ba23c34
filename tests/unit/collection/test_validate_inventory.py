"""The operator's contract: what is wrong with an inventory is said before anything happens, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.listkit.kit.plugins.plugin_utils import (
    mail_plans,
    operator_rules,
    spec_check,
    topology,
    variable_names,
)
from ansible_collections.listkit.kit.plugins.plugin_utils.accounts import Rules
from ansible_run import GUIDE, ansible_playbook

KIT = Path(__file__).resolve().parents[3]
SPECS = [
    entry
    for path in KIT.glob("roles/*/meta/argument_specs.yml")
    for entry in yaml.safe_load(path.read_text())["argument_specs"].items()
]
SPEC = dict(SPECS)["inventory"]["options"]
DEFAULTS = yaml.safe_load((KIT / "roles/site/defaults/main.yml").read_text())
CONSTANTS = {name: value for name, value in DEFAULTS.items() if "{{" not in str(value)}
CHECK = [{"name": "Check", "listkit.kit.validate_inventory": {}}]


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
                    "archive_keep": "1y6m",
                },
                {"name": "press@example.net", "state": "absent", "archive_keep": ""},
            ],
            mail_port=465,
            mail_accounts=[
                {"address": "mailman@example.org", "password": "password-1", "lists": ["members"]},
                {"address": "lists2@example.org", "password": "password-2", "limit": 500},
            ],
            mail_domain_synonyms=["example.com"],
            mailman_web_hosts={"example.com": "lists.example.com"},
            tls_mode="files",
            tls_certificate_file=str(pem),
            tls_key_file=str(pem),
            database_host="db.example.org",
            database_password="password",
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
        (
            {"mailman_password": ""},
            """has no value (for example "{{ lookup('env', 'MAILMAN_PASSWORD') }}", with that variable exported)""",
        ),
        ({"mailman_password": "a"}, "mailman_password: must have at least 10 characters"),
        ({"mail_password": "a1b2c"}, "mail_password: must have at least 6 characters"),
        ({"fqdn": "lists.bücher.example"}, "each label in its xn-- form (for example lists.xn--bcher-kva.example)"),
        ({"mailman_domain": "Straße.example"}, "(for example xn--strae-oqa.example)"),
        ({"mail_account": "mailman@bücher.example"}, "in its xn-- form (for example mailman@xn--bcher-kva.example)"),
        ({"mail_password": "pasted "}, "mail_password: begins or ends with a space"),
        (
            {"mailman_domain": "example"},
            "mailman_domain: 'example' is not a fully qualified domain name (for example example.org)",
        ),
        ({"mailman_domain": "https://example.org"}, "mailman_domain: 'https://example.org' is not"),
        (
            {"mailman_domain": "Example.org"},
            "mailman_domain: 'Example.org' must be written in lower case (for example example.org)",
        ),
        ({"fqdn": "Lists.Example.org"}, "must be written in lower case (for example lists.example.org)"),
        ({"fqdn": "lists.example.o"}, "fqdn: 'lists.example.o' is not"),
        ({"fqdn": "lists"}, "fqdn: 'lists' is not a fully qualified domain name (for example lists.example.org)"),
        ({"mail_host": "192.0.2.1"}, "mail_host: '192.0.2.1' is not"),
        ({"mail_port": 25}, "mail_port: must be one of 587, 465, not 25 (for example 587)"),
        ({"mailman_user": "Ana B"}, "mailman_user: 'Ana B' is not a valid login"),
        ({"mailman_email": "admin@host"}, "mailman_email: 'admin@host' is not a full e-mail address"),
        ({"tls_mode": "file"}, "tls_mode: must be one of letsencrypt, selfsigned, files, not 'file'"),
        ({"tls_mode": "files"}, "tls_key_file: is required with tls_mode: files"),
        ({"tls_certificate_file": "/c.pem"}, "tls_certificate_file: is set, but tls_mode is letsencrypt"),
        ({"mail_ca_file": "ca.pem"}, "mail_ca_file: 'ca.pem' is not an absolute path"),
        ({"mail_ca_file": "/no/such.pem"}, "mail_ca_file: there is no file '/no/such.pem' on this machine"),
        ({"mail_ca_file": "/etc/hostname"}, "mail_ca_file: '/etc/hostname' has no certificate in PEM format"),
        ({"mail_alias_csv": "a.csv"}, "mail_alias_csv: 'a.csv' is not an absolute path"),
        ({"mail_alias_csv": "/etc"}, "mail_alias_csv: '/etc' is a folder"),
        (
            {"mail_alias_csv": "/no/a.csv"},
            "mail_alias_csv: there is no folder '/no' on this machine (for example /home",
        ),
        ({"alert_to": "http://x.test/SECRET"}, "alert_to: is neither an https URL nor an SMTP account with login"),
        ({"alert_to": "https://x.test"}, "alert_to: is neither an https URL nor an SMTP account with login"),
        ({"alert_to": "smtps://smtp.x.test/ana@x.test"}, "alert_to: is neither an https URL nor an SMTP account"),
        ({"alert_to": "smtps://alerts@x.test@smtp.x.test/ana@x.test"}, "alert_password: is required with an SMTP"),
        ({"alert_password": "password"}, "alert_password: has no effect unless alert_to is an SMTP account"),
        (
            {"alert_to": "smtp://alerts@x.test@smtp.x.test:99999/ana@x.test"},
            "alert_to: 99999 is not a valid port (1–65535) (for example smtps://alerts@example.net@smtp.example.net",
        ),
        (
            {"alert_to": "smtps://Mailman%40example.org@mail.infomaniak.com/ana@x.test"},
            "alert_to: mailman@example.org is a mailbox of the lists: its mail stops with theirs, and with it",
        ),
        (
            {
                "alert_to": "smtps://lists2@example.org@mail.infomaniak.com/ana@x.test",
                "mail_accounts": [{"address": "Lists2@example.org", "password": "password"}],
            },
            "alert_to: lists2@example.org is a mailbox of the lists",
        ),
        (
            {"alert_to": "smtp://alerts@x.test@lists.example.org/ana@x.test"},
            "alert_to: lists.example.org is the relay of the lists, which the alerts are about",
        ),
        (
            {"alert_to": "smtps://alerts@x.test@smtp.x.test/admin@example.org"},
            "alert_to: admin@example.org is in a domain of the lists, whose mail the alerts are about",
        ),
        (
            {
                "alert_to": "smtps://alerts@x.test@smtp.x.test/ana@Example.com",
                "mailman_lists": [{"name": "news@example.com"}],
            },
            "alert_to: ana@example.com is in a domain of the lists",
        ),
        ({"alert_heartbeat": "https://x.test/ping"}, "alert_heartbeat: has no effect without alert_to or status_page"),
        ({"canary_interval": -1}, "canary_interval: -1 is not a number of minutes, or 0 for none (for example 30)"),
        (
            {"canary_interval": 30, "mailman_lists": [{"name": "Canary"}]},
            "mailman_lists[#1].name: 'canary' is the list of canary_interval (for example birds)",
        ),
        ({"acme_directory_url": "http://acme"}, "acme_directory_url: 'http://acme' is not an https URL"),
        ({"database_host": "db.example.org"}, "database_password: is required with database_host"),
        ({"database_port": 0}, "database_port: 0 is not a valid port (1–65535)"),
        (
            {"infomaniak_token": "a-token-of-mine"},
            "infomaniak_mail_hosting: is required with infomaniak_token: the number in the Mail Service's address",
        ),
        ({"infomaniak_token": "short", "infomaniak_mail_hosting": 1}, "infomaniak_token: must have at least 6"),
        ({"infomaniak_fix": "yes"}, "infomaniak_fix: has no effect without infomaniak_token"),
        ({"infomaniak_zone": "example.org"}, "infomaniak_zone: has no effect without infomaniak_token"),
        (
            {"infomaniak_zone": "example.net", "infomaniak_token": "a-token-of-mine", "infomaniak_mail_hosting": 1},
            "infomaniak_zone: example.net has neither fqdn nor mailman_domain in it",
        ),
        ({"infomaniak_zone": "example"}, "infomaniak_zone: 'example' is not a fully qualified domain name"),
        ({"fqdn_addresses": ["198.51.100.300"]}, "fqdn_addresses[#1]: '198.51.100.300' is not an IP address"),
        ({"mail_alias_limit": 0}, "mail_alias_limit: must be at least 1"),
        (
            {"mail_account_limit": 199},
            "mail_account_limit: is 199; with less than 200, the reserve and one full message, no post",
        ),
        (
            {"mail_plan": "premium"},
            "mail_plan: must be one of paid, ksuite_one_user, my_ksuite, starter, not 'premium'",
        ),
        (
            {"mail_plan": "ksuite_one_user"},
            "(for example mail_budget_reserve: 20 and mail_recipients_per_message: 50)",
        ),
        ({"mail_budget_strangers": 0}, "mail_budget_strangers: 0 is not a percentage from 1 to 100"),
        ({"mail_budget_strangers": 101}, "mail_budget_strangers: 101 is not a percentage from 1 to 100"),
        ({"mail_budget_answers_per_hour": 0}, "mail_budget_answers_per_hour: must be at least 1, not 0"),
        ({"mail_budget_reserve": -200}, "mail_budget_reserve: must be at least 0, not -200"),
        ({"mail_recipients_per_message": 0}, "mail_recipients_per_message: must be at least 1, not 0"),
        ({"mail_accounts": [{"address": "a@x.org", "limit": -5}]}, "mail_accounts[#1].limit: is -5; with less than"),
        ({"mail_account_limit": "1e3"}, "mail_account_limit: must be a whole number, not '1e3'"),
        ({"mail_alias_limit": "many"}, "mail_alias_limit: must be a whole number, not 'many'"),
        ({"mail_catch_all": "perhaps"}, "mail_catch_all: must be true or false"),
        ({"mail_catch_all": "y"}, "mail_catch_all: must be true or false, not 'y'"),
        ({"mailman_password": 12345678901}, "mailman_password: is read as a number: quote it"),
        (
            {"mailman_web_hosts": {"net": "lists.example.net"}},
            "mailman_web_hosts: 'net' is not a fully qualified domain name",
        ),
        ({"mailman_web_hosts": {"example.net": "lists"}}, "mailman_web_hosts[example.net]: 'lists' is not a fully"),
        (
            {"mailman_web_hosts": {"example.net": "Lists.example.net"}},
            "'Lists.example.net' must be written in lower case",
        ),
        ({"mailman_web_hosts": {"Example.net": "lists.example.net"}}, "'Example.net' must be written in lower case"),
        ({"fqdn_former": ["lists"]}, "fqdn_former[#1]: 'lists' is not a fully qualified domain name"),
        ({"fqdn_former": ["lists.example.org"]}, "fqdn_former[#1]: lists.example.org is still in use"),
        (
            {"mailman_web_hosts": {"example.org": "www.example.org"}},
            "mailman_web_hosts[example.org]: is mailman_domain, whose web host is fqdn (for exa",
        ),
        ({"mail_domain_synonyms": ["x"]}, "mail_domain_synonyms[#1]: 'x' is not a fully qualified domain name"),
        (
            {"mail_domain_synonyms": ["Example.net"]},
            "mail_domain_synonyms[#1]: 'Example.net' must be written in lower case",
        ),
        ({"mailman_lists": [{"name": 2025}]}, "mailman_lists[#1].name: is read as a number: quote it"),
        ({"mailman_lists": "members"}, "mailman_lists: must be a list, not 'members'"),
        ({"mailman_lists": ["members"]}, "mailman_lists[#1]: must be a dictionary, not 'members'"),
        ({"mailman_lists": [{"owners": []}]}, "mailman_lists[#1].name: is missing"),
        ({"mailman_lists": [{"name": "a b"}]}, "mailman_lists[#1].name: 'a b' may only have letters, digits"),
        ({"mailman_lists": [{"name": "a@b"}]}, "mailman_lists[#1].name: 'b' is not a fully qualified domain name"),
        (
            {"mail_domain_synonyms": ["example.net"], "mailman_lists": [{"name": "news@Example.net"}]},
            "mailman_lists[#1].name: Example.net is in mail_domain_synonyms: its mail goes to mailman_domain's lists",
        ),
        (
            {"mailman_lists": [{"name": "news-owner"}]},
            "'news-owner' ends like a sub-address: mail to it could be for another list's owner",
        ),
        ({"mailman_lists": [{"name": "postorius"}]}, "is the web interface's sender address"),
        ({"mailman_lists": [{"name": "Mailman"}]}, "is a mailbox's own address"),
        (
            {
                "mailman_lists": [{"name": "lists2"}],
                "mail_accounts": [{"address": "Lists2@example.org", "password": "password"}],
            },
            "mailman_lists[#1].name: 'lists2' is a mailbox's own address",
        ),
        (
            {"mailman_lists": [{"name": "News"}, {"name": "news@example.org"}]},
            "mailman_lists[#2].name: news@example.org is already declared, as mailman_lists[#1]",
        ),
        ({"mailman_lists": [{"name": "a", "owner": []}]}, "mailman_lists[#1].owner: is unknown; did you mean owners?"),
        (
            {"mailman_lists": [{"name": "a", "owners": ["ana"]}]},
            "mailman_lists[#1].owners[#1]: 'ana' is not a full e-mail address",
        ),
        ({"mailman_lists": [{"name": "a", "owners": "x@y.org"}]}, "mailman_lists[#1].owners: must be a list"),
        (
            {"mailman_lists": [{"name": "a", "description": "x\ny"}]},
            "mailman_lists[#1].description: must be a single line",
        ),
        (
            {"mailman_lists": [{"name": "a", "settings": {"advertized": True}}]},
            "mailman_lists[#1].settings.advertized: is not a Mailman setting; did you mean advertised?",
        ),
        (
            {"mailman_list_defaults": {"archive_policy": "secret"}},
            "mailman_list_defaults.archive_policy: must be one of public, private, never, not 'secret' (for example a",
        ),
        (
            {"mailman_lists": [{"name": "a", "state": "gone"}]},
            "mailman_lists[#1].state: must be one of present, absent",
        ),
        (
            {"mailman_admins": [{"user": "admin", "address": "ben@example.org"}]},
            "mailman_admins[#1].user: admin is already that of mailman_user (for example one entry for each person)",
        ),
        (
            {"mailman_admins": [{"user": "ben", "address": "b@x.org"}, {"user": "cleo", "address": "B@x.org"}]},
            "mailman_admins[#2].address: b@x.org is already that of mailman_admins[#1]",
        ),
        ({"mailman_admins": [{"user": "b n", "address": "b@x.org"}]}, "mailman_admins[#1].user: 'b n' is not a valid"),
        ({"mailman_admins": [{"user": "ben", "address": "ben"}]}, "mailman_admins[#1].address: 'ben' has no @"),
        (
            {"mailman_admins": [{"user": "ben", "address": "b@x.org", "password": "short"}]},
            "mailman_admins[#1].password: must have at least 10 characters",
        ),
        (
            {"mailman_admins": [{"user": "ben", "address": "b@x.org", "password": ""}]},
            "mailman_admins[#1].password: is empty",
        ),
        (
            {"mailman_domains": [{"name": "example.com"}, {"name": "example.com"}]},
            "mailman_domains[#2].name: example.com is already declared",
        ),
        (
            {"mailman_domains": [{"name": "example.org", "owners": ["ana"]}]},
            "mailman_domains[#1].owners[#1]: 'ana' has no @",
        ),
        (
            {"mailman_domains": [{"name": "example.net"}], "mail_domain_synonyms": ["example.net"]},
            "mailman_domains[#1].name: example.net is in mail_domain_synonyms: Mailman doesn't know it",
        ),
        (
            {"mailman_lists": [{"name": "a", "force": True}]},
            "mailman_lists[#1].force: has no effect without state: absent (for example state: absent)",
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
            {"archive_keep": "5 years"},
            "archive_keep: '5 years' is not a duration in years, months and days (for example 5y)",
        ),
        (
            {"mailman_lists": [{"name": "a", "archive_keep": "0d"}]},
            "mailman_lists[#1].archive_keep: '0d' is not a duration in years, months and days (for example 5y)",
        ),
        (
            {"mailman_lists": [{"name": "a", "expected_members": 250}]},
            "mailman_lists[#1].posts_per_day: is required with expected_members (for example 0.5)",
        ),
        (
            {"mail_accounts": [{"address": "x@example.org", "password": "password"}]},
            "mail_accounts: lacks mail_account",
        ),
        ({"mail_accounts": [{"address": "x", "password": "password"}]}, "mail_accounts[#1].address: 'x' has no @"),
        ({"mail_accounts": [{"address": "x@example.org", "password": ""}]}, "mail_accounts[#1].password: is empty"),
        ({"mail_accounts": [{"address": "x@example.org", "password": ""}]}, "'MAIL_ACCOUNTS_1_PASSWORD'"),
        (
            {"mail_accounts": [{"address": "mailman@example.org", "password": "password", "lists": ["nowhere"]}]},
            "mail_accounts[#1].lists[#1]: there is no list nowhere@example.org in mailman_lists",
        ),
        (
            {
                "mailman_lists": [{"name": "a"}],
                "mail_accounts": [
                    {"address": "mailman@example.org", "password": "password", "lists": ["a"]},
                    {"address": "mailman@example.org", "password": "password", "lists": ["a"]},
                ],
            },
            "mail_accounts[#2].lists[#1]: a@example.org already has an account, mail_accounts[#1]",
        ),
    ],
)
def test_wrong_values(changes, message):
    assert message in "\n".join(problems(**changes))


@pytest.mark.parametrize(
    "target",
    [
        "smtps://alerts@x.test@smtp.x.test/ana@x.test",
        "smtp://alerts%40x.test@smtp.x.test:2525/ana@y.test",
        # Another account at the provider is the operator's choice.
        "smtps://alerts@x.test@mail.infomaniak.com/ana@x.test",
    ],
)
def test_alerts_may_travel_by_another_mail_account(target):
    assert problems(alert_to=target, alert_password="the-password") == []


def test_a_plan_that_cannot_fit_says_what_would():
    lists = [{"name": name, "expected_members": 800, "posts_per_day": 1} for name in "abc"]
    found = operator_rules.plan_problems({**CONSTANTS, **GUIDE, "mailman_lists": lists})
    assert str(found[-1]).startswith(
        "mail_accounts: 3 accounts would be enough; there is 1 (for example […, {address: "
    )
    accounts = [{"address": f"{name}@example.org", "password": "password"} for name in ("mailman", "lists2", "lists3")]
    values = {**CONSTANTS, **GUIDE, "mailman_lists": lists, "mail_accounts": accounts}
    assert operator_rules.plan_problems(values) == []
    assert operator_rules.plan_problems({**values, "mail_budget_reserve": 700}) != []


def test_the_smallest_limit_is_the_relays_reserve_and_one_message_of_its_size():
    values = {**CONSTANTS, "mail_account_limit": 250}
    assert operator_rules.problems_of(values) == []
    (found,) = operator_rules.problems_of({**values, "mail_budget_reserve": 200})
    assert "with less than 300" in str(found)


def test_the_limit_is_that_of_the_mail_plan():
    shares = {"mail_budget_reserve": 20, "mail_recipients_per_message": 50}
    assert problems(mail_plan="ksuite_one_user", **shares) == []
    lists = [{"name": "members", "expected_members": 81, "posts_per_day": 1}]
    values = {**CONSTANTS, **GUIDE, **shares, "mailman_lists": lists}
    assert operator_rules.plan_problems(values) == []
    values["mail_plan"] = "ksuite_one_user"
    assert operator_rules.plan_problems(values) != []
    assert operator_rules.plan_problems({**values, "mail_account_limit": 101}) == []


def test_the_roles_defaults_are_those_of_the_mail_plan():
    assert {name: DEFAULTS[name] for name in mail_plans.VARIABLES} == {
        name: f"{{{{ (mail_plan | listkit.kit.mail_plan).{limit} }}}}" for name, limit in mail_plans.VARIABLES.items()
    }
    assert SPEC["mail_plan"]["choices"] == list(mail_plans.PLANS)
    assert SPEC["mail_plan"]["default"] == mail_plans.ASSUMED


def test_the_page_has_the_numbers_of_the_mail_plans():
    page = (KIT / "docs/runbooks/outbound.md").read_text()
    for name, plan in mail_plans.PLANS.items():
        assert f"| `{name}` | {plan.recipients} | {plan.aliases} |" in page


def test_the_plan_reserves_what_the_site_does():
    assert Rules.reserve == DEFAULTS["mail_budget_reserve"]


def test_every_problem_has_an_example():
    for name, option in SPEC.items():
        assert spec_check.example(name, option), name


def test_examples_of_the_spec_pass_the_rules():
    given = {name: spec_check.example(name, SPEC[name]) for name in GUIDE}
    assert problems(**given) == []


def test_a_secret_of_the_wrong_type_is_not_shown():
    assert "hunter" not in str(spec_check.check("mail_password", ["hunter2hunter"], SPEC["mail_password"])[0])
    accounts = [{"address": "x@example.org", "password": {"hunter": 1}}]
    found = spec_check.check("mail_accounts", accounts, SPEC["mail_accounts"])
    assert found and "hunter" not in "".join(map(str, found))
    for number in (12345678901, 12e34):
        (found,) = spec_check.check("mail_password", number, SPEC["mail_password"])
        assert "quote it" in found.wrong and "without !unsafe" in found.wrong and str(number) not in str(found)


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


def test_the_administrators_password_is_as_long_as_everybodys():
    web = yaml.safe_load((KIT / "roles/web/defaults/main.yml").read_text())
    assert web[operator_rules.WEB_PASSWORD_LENGTH] == operator_rules.WEB_PASSWORD_LENGTH_DEFAULT
    values = {"mailman_password": "the-web-password", operator_rules.WEB_PASSWORD_LENGTH: 20}
    assert "must have at least 20 characters" in str(operator_rules.problems_of(values)[0])


def test_no_two_secrets_have_the_same_example():
    secrets = [name for name, option in SPEC.items() if option.get("no_log")]
    assert len({spec_check.example(name, SPEC[name]) for name in secrets}) == len(secrets) == 9


ROLES = {"web_time_zone": {}, "web_language": {}, "relay_port": {"type": "int"}, "relay_queue_days": {"type": "int"}}


def unknown(*names: str, given: tuple[str, ...] = ()) -> list[str]:
    found = variable_names.problems([*names, *given], SPEC, ROLES, ("relay_", "web_"))
    return list(map(str, found))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("smtp_host", "smtp_host: is unknown; set mail_host (for example mail_host: mail.infomaniak.com)"),
        ("smtp_port", "set mail_port (for example mail_port: 587)"),
        ("admin_password", "set mailman_password (for example mailman_password: \"{{ lookup('env', "),
        ("site_name", "set organisation_name (for example organisation_name: Example Society)"),
        ("timezone", "set web_time_zone (for the pages; the host keeps its own)"),
        ("language", "set web_language (for the pages, and core_default_language for the lists)"),
        ("mailman_domian", "did you mean mailman_domain?"),
        ("relay_prot", "did you mean relay_port?"),
        ("mailman_whatever", "is unknown; docs/reference/variables.md has all names"),
    ],
)
def test_an_unknown_name_leads_to_the_operators(name, hint):
    (found,) = unknown(name)
    assert hint in found


def test_a_roles_own_name_is_not_suggested_for_another():
    assert unknown("queue_days", "port", "my_own_variable") == []


def test_an_own_variable_that_a_variable_of_the_kit_is_made_from_is_accepted():
    assert unknown("domain", given=("mailman_domain",)) == []
    assert len(unknown("domain")) == 1


def test_every_synonym_stands_for_a_variable():
    names = {name for _, spec in SPECS for name in spec.get("options", {})}
    assert set(variable_names.SYNONYMS) | set(variable_names.NOTES) <= names
    assert not {synonym for synonyms in variable_names.SYNONYMS.values() for synonym in synonyms} & names


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
    assert "6 problems in the inventory; nothing was changed:" in run.output
    for line in (
        "mail_hots: is unknown; did you mean mail_host? (for example mail_host: mail.infomaniak.com)",
        "relay_prot: is unknown; did you mean relay_port?",
        "mail_host: is missing (for example mail.infomaniak.com)",
        "mailman_user: is missing (for example admin)",
        "mailman_password: cannot be evaluated: 'vault_web_password' is undefined",
        "mailman_lists[#1].name: 'a b' may only have",
    ):
        assert line in run.output


def test_through_ansible_a_plan_that_cannot_fit(playbooks):
    variables = {**GUIDE, "mailman_lists": [{"name": "news", "expected_members": 9000, "posts_per_day": 1}]}
    run = playbooks.run(CHECK, variables=variables)
    assert run.returncode == 2
    assert "nothing was changed:" in run.output
    assert "no account has room for news@example.org (9000 recipients a day)" in run.output
    assert "a list can't use several accounts" in run.output


def test_through_ansible_from_the_environment(playbooks):
    variables = {**GUIDE, "mail_password": "{{ lookup('env', 'PLANTED_PASSWORD') }}"}
    assert playbooks.run(CHECK, variables=variables, environment={"PLANTED_PASSWORD": "planted"}).returncode == 0
    run = playbooks.run(CHECK, variables=variables)
    assert "mail_password: is empty: its environment variable or vault has no value" in run.output


TEMPLATE_LOST = "contains {#, which starts a comment in Ansible; write it as {{ '{#' }}"
TEMPLATE_WRONG = "is not a valid template; write a literal {{ as {{ '{{' }}"


@pytest.mark.parametrize(
    ("password", "wrong"),
    [
        ("abc{#def#}ghijkl", TEMPLATE_LOST),
        ("hunter2{{def", TEMPLATE_WRONG),
        ("hunter2{#def", TEMPLATE_LOST),
        ("hunter2{{ }}x", TEMPLATE_WRONG),
    ],
)
def test_through_ansible_a_password_that_is_read_as_a_template(playbooks, password, wrong):
    run = playbooks.run(CHECK, variables={**GUIDE, "mail_password": password})
    assert run.returncode == 2 and f"mail_password: {wrong}" in run.output, run.output
    assert "hunter2" not in run.output


def test_through_ansible_braces_can_be_written(playbooks):
    variables = {**GUIDE, "mail_password": "{{ '{{' }}abc{{ '{#' }}"}
    show = {"name": "Show", "ansible.builtin.debug": {"msg": "{{ mail_password | length }} characters"}}
    run = playbooks.run([*CHECK, show], variables=variables)
    assert run.returncode == 0 and "7 characters" in run.output, run.output


VAULTED = """\
mail_password: !vault |
  $ANSIBLE_VAULT;1.1;AES256
  62313365396662343061393464336163383764373764613633653634306231386433626436623361
  6134333665353966363534333632666535333761666131620a663537646436643839616531643561
  63396265333963386166373835303366303536386265313830383666313666643463376337643561
  3338363031323562300a383363336366393334363763653331383131303166313130616338663938
  6534
"""


@pytest.mark.parametrize("vault_password", ["missing", "wrong"])
def test_through_ansible_a_vault_that_cannot_be_decrypted(playbooks, vault_password):
    (playbooks.folder / "group_vars").mkdir()
    (playbooks.folder / "group_vars/all.yml").write_text(VAULTED)
    (playbooks.folder / "vault").write_text("not it")
    arguments = ["--vault-password-file", "vault"] if vault_password == "wrong" else []
    variables = {name: value for name, value in GUIDE.items() if name != "mail_password"}
    run = playbooks.run(CHECK, *arguments, variables=variables)
    assert run.returncode == 2
    assert "mail_password: cannot be decrypted: the vault password is missing or wrong" in run.output, run.output
    assert "1 problem in the inventory" in run.output


def test_two_hosts_must_not_fetch_from_one_mailbox():
    mailboxes = {
        "mail1": {"mail_account": ["Mailman@example.org"]},
        "mail2": {"mail_account": ["lists@example.org"], "mail_accounts": ["lists@example.org", "mailman@example.org"]},
    }
    (found,) = topology.shared_mailboxes(mailboxes)
    assert found.variable == "mail_accounts"
    assert "mailman@example.org is the mailbox of both mail1 and mail2" in found.wrong
    assert list(topology.shared_mailboxes({"mail1": mailboxes["mail1"]})) == []


def test_through_ansible_two_hosts_with_one_mailbox(tmp_path):
    lines = [f"{name}={value}" for name, value in GUIDE.items()]
    hosts = [f"mail{number} ansible_connection=local" for number in (1, 2)]
    (tmp_path / "inventory").write_text("\n".join(["[mailman]", *hosts, "[all:vars]", *lines]))
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "mailman", "gather_facts": False, "tasks": CHECK}]))
    run = ansible_playbook(tmp_path, "-i", "inventory", "play.yml")
    assert run.returncode == 2
    assert "mail_account: mailman@example.org is the mailbox of both mail1 and mail2" in run.output, run.output


def test_an_unknown_role_is_named(playbooks):
    run = playbooks.run([{"name": "Check", "listkit.kit.validate_inventory": {"operator": "nowhere"}}], variables=GUIDE)
    assert "there is no role nowhere with meta/argument_specs.yml; found:" in run.output

# SPDX-License-Identifier: MIT
"""Rules for the operator's variables that an argument spec can't express.

Each rule gets the values of the right types, by name, and yields the problems. Rules ignore missing variables: the spec
says which are required.
"""

from __future__ import annotations

import ipaddress
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.listkit.host.plugins.plugin_utils.redaction import SHORTEST
from ansible_collections.listkit.kit.plugins.plugin_utils import backup_rules, mail_plans
from ansible_collections.listkit.kit.plugins.plugin_utils.accounts import PlanError, plan_of_site
from ansible_collections.listkit.kit.plugins.plugin_utils.declared_lists import (
    EVERY,
    MEMBERS_FROM,
    ROSTER_KEYS,
    SUBSCRIPTION,
)
from ansible_collections.listkit.kit.plugins.plugin_utils.problem import Problem, secret_example
from ansible_collections.listkit.mailman3.plugins.module_utils import list_filters, list_settings, templates
from ansible_collections.listkit.mailman3.plugins.module_utils.addresses import (
    SITE_LOCAL_PART,
    SUB_ADDRESSES,
    is_address,
    is_domain,
    list_address,
)
from ansible_collections.listkit.mailman3.plugins.module_utils.membership import files as member_files
from ansible_collections.listkit.mailman3.plugins.module_utils.membership.entries import (
    ADDRESS_EXAMPLE,
    BadEntries,
    Entry,
    parse,
)

Values = Mapping[str, Any]
Problems = Iterator[Problem]

HOST_NAMES = {
    "fqdn": "lists.example.org",
    "mailman_domain": "example.org",
    "mail_host": "mail.infomaniak.com",
    "mail_imap_host": "mail.infomaniak.com",
    "database_host": "db.example.org",
    "infomaniak_zone": "example.org",
}
HOST_NAME_LISTS = {
    "fqdn_former": "mail.example.org",
    "mail_domain_synonyms": "example.net",
    "mailman_domain_former": "example.com",
}
MAY_BE_EMPTY = {
    "alert_password",
    "backup_password",
    "backup_user_password",
    "database_host",
    "database_password",
    "infomaniak_token",
    "infomaniak_zone",
}
ADDRESSES = {
    "mail_account": "mailman@example.org",
    "mailman_email": "admin@example.org",
    "tls_email": "admin@example.org",
}
SECRETS = (
    "alert_password",
    "mail_password",
    "mailman_password",
    "database_password",
    "backup_password",
    "backup_user_password",
    "infomaniak_token",
)
FILES = {
    "mail_ca_file": "CERTIFICATE",
    "tls_certificate_file": "CERTIFICATE",
    "tls_key_file": "PRIVATE KEY",
    "acme_ca_file": "CERTIFICATE",
    "database_ca_file": "CERTIFICATE",
    "backup_ssh_key_file": "PRIVATE KEY",
}
LOWER_CASE = ("fqdn", "mailman_domain", "infomaniak_zone")
WEB_PASSWORD_LENGTH = "web_password_length"  # noqa: S105 -- a variable's name
WEB_PASSWORD_LENGTH_DEFAULT = 10
AT_LEAST_ONE = {
    "mail_alias_limit": 50,
    "mail_account_limit": 1440,
    "mail_budget_window": 86400,
    "mail_recipients_per_message": 100,
    "mail_budget_answers_per_recipient": 2,
    "mail_budget_answers_per_hour": 10,
}
TEMPLATES = "templates"
ARCHIVE_KEEP = re.compile(r"(?:[1-9][0-9]*[ymd])+")
DEMAND = {"expected_members": "250", "posts_per_day": "0.5"}
PLAN = {
    "domain": "mailman_domain",
    "limit": "mail_account_limit",
    "window": "mail_budget_window",
    "alias_limit": "mail_alias_limit",
    "synonyms": "mail_domain_synonyms",
    "reserve": "mail_budget_reserve",
}

# Mailman's own rule for names, `listname_chars`.
_LIST_NAME = re.compile(r"[a-z0-9][-_.a-z0-9]*", re.IGNORECASE)
_LOGIN = re.compile(r"[\w.@+-]{1,150}")
_HTTPS_URL = r"https://[^/\s@]+/\S+"
_SMTP_ACCOUNT = re.compile(
    r"smtps?://(?P<login>[^\s/:]+(?:@|%40)[^\s/:@]+)@(?P<host>[^\s/:@]+)(?::(?P<port>\d{1,9}))?"
    r"/(?P<recipient>[^\s/]+(?:@|%40)[^\s/]+)"
)
_SMTP_EXAMPLE = "smtps://alerts@example.net@smtp.example.net/admin@example.net"


def problems_of(values: Values) -> list[Problem]:
    """Return all problems of the operator's `values`."""
    complete = _with_plan(values)
    return [problem for rule in RULES for problem in rule(complete)]


def _with_plan(values: Values) -> Values:
    """Return the values with the limits of the mail plan that the operator didn't set."""
    plan = mail_plans.PLANS.get(str(values.get("mail_plan")))
    limits = {name: getattr(plan, limit) for name, limit in mail_plans.VARIABLES.items()} if plan else {}
    return {**limits, **values}


def _given(values: Values, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    return ((name, str(values[name])) for name in names if name in values)


def plan_problems(values: Values) -> list[Problem]:
    """Return why the declared lists don't fit the accounts; `values` must be complete and valid."""
    complete = _with_plan(values)
    settings = {name: complete[variable] for name, variable in PLAN.items() if variable in complete}
    accounts = values["mail_accounts"] or [{"address": values["mail_account"]}]
    try:
        plan_of_site(accounts, values["mailman_lists"], values["mail_account"], **settings)
    except PlanError as error:
        example = f"[…, {{address: lists2@{values['mailman_domain']}, password: …}}]"
        return [Problem("mail_accounts", reason, example) for reason in error.reasons]
    return []


def host_names(values: Values) -> Problems:
    """Names of hosts and domains are fully qualified, and not IP addresses."""
    for name, text in _given(values, HOST_NAMES):
        if text or name not in MAY_BE_EMPTY:
            yield from _bad_domain(name, text, HOST_NAMES[name], lower_case=name in LOWER_CASE)
    for name, example in HOST_NAME_LISTS.items():
        for number, text in enumerate(values.get(name, []), start=1):
            yield from _bad_domain(f"{name}[#{number}]", str(text), example)


def _bad_domain(where: str, text: str, example: str, *, lower_case: bool = True) -> Problems:
    """Yield the problem of a domain. `lower_case`: Mailman would treat another spelling as another domain."""
    if not text.isascii():
        yield Problem(where, f"{text!r} must be written in ASCII, each label in its xn-- form", _ascii_domain(text))
    elif not is_domain(text):
        yield Problem(where, f"{text!r} is not a fully qualified domain name", example)
    elif lower_case and text != text.lower():
        yield Problem(where, f"{text!r} must be written in lower case", text.lower())


def _ascii_domain(text: str) -> str:
    """Return the ASCII form of an internationalised domain name (RFC 5890)."""
    labels = unicodedata.normalize("NFC", text).lower().split(".")
    return ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels)


def web_hosts(values: Values) -> Problems:
    """Each mail domain has one web host; that of `mailman_domain` is `fqdn`."""
    example = "{example.net: lists.example.net}"
    for domain, host in values.get("mailman_web_hosts", {}).items():
        where = f"mailman_web_hosts[{domain}]"
        yield from _bad_domain("mailman_web_hosts", str(domain), example)
        yield from _bad_domain(where, str(host), example)
        if domain == values.get("mailman_domain") and host != values.get("fqdn"):
            yield Problem(where, "is mailman_domain, whose web host is fqdn", f"fqdn: {host}")


def mail_domains(values: Values) -> Problems:
    """Domains are ones that Mailman knows, each declared once, with addresses as owners."""
    synonyms = {str(domain).lower() for domain in values.get("mail_domain_synonyms", [])}
    names: set[str] = set()
    entries = [entry for entry in values.get("mailman_domains", []) if isinstance(entry, Mapping)]
    for number, entry in enumerate(entries, start=1):
        where, name = f"mailman_domains[#{number}]", str(entry.get("name", ""))
        yield from _bad_domain(f"{where}.name", name, "example.org")
        if name in synonyms:
            reason = f"{name} is in mail_domain_synonyms: Mailman doesn't know it"
            yield Problem(f"{where}.name", reason, str(values.get("mailman_domain", "example.org")))
        if name in names:
            yield Problem(f"{where}.name", f"{name} is already declared", "one entry with all its keys")
        names.add(name)
        if "\n" in str(entry.get("description", "")):
            yield Problem(f"{where}.description", "must be a single line", "The association's lists")
        for place, text in enumerate(_items(entry, "owners"), start=1):
            if not is_address(str(text)):
                yield _bad_address(f"{where}.owners[#{place}]", str(text), "ana@example.org")


def former_names(values: Values) -> Problems:
    """A name that redirects isn't one that serves pages."""
    serving = {values.get("fqdn"), *values.get("mailman_web_hosts", {}).values()}
    for number, name in enumerate(values.get("fqdn_former", []), start=1):
        if name in serving:
            yield Problem(
                f"fqdn_former[#{number}]",
                f"{name} is still in use: a redirect would lead to itself",
                "[mail.example.org]",
            )


def addresses(values: Values) -> Problems:
    """Addresses are full ones."""
    for name, text in _given(values, ADDRESSES):
        if not is_address(text):
            yield _bad_address(name, text, ADDRESSES[name])


def _bad_address(name: str, text: str, example: str) -> Problem:
    local, _, domain = text.rpartition("@")
    if local and not domain.isascii():
        wrong = f"{text!r} must have its domain in ASCII, each label in its xn-- form"
        return Problem(name, wrong, f"{local}@{_ascii_domain(domain)}")
    wrong = "is not a full e-mail address" if "@" in text else "has no @: a full e-mail address is needed"
    return Problem(name, f"{text!r} {wrong}", example)


def secrets(values: Values) -> Problems:
    """Secrets are one line, long enough, and without the spaces that copying can add."""
    length = int(values.get(WEB_PASSWORD_LENGTH, WEB_PASSWORD_LENGTH_DEFAULT))
    for name, text in _given(values, SECRETS):
        if text or name not in MAY_BE_EMPTY:
            yield from _bad_secret(name, text, length if name == "mailman_password" else SHORTEST)


def _bad_secret(name: str, text: str, least: int = SHORTEST) -> Problems:
    """Yield the problem of a secret. Ansible's output can't hide one with fewer than SHORTEST characters."""
    if not text.strip():
        yield Problem(name, "is empty: its environment variable or vault has no value", secret_example(name))
    elif text != text.strip() or "\n" in text:
        yield Problem(name, "begins or ends with a space or has several lines", secret_example(name))
    elif len(text) < least:
        yield Problem(name, f"must have at least {least} characters", secret_example(name))


def administrator(values: Values) -> Problems:
    """The first administrator's login is one that Django accepts."""
    for name, text in _given(values, ("mailman_user",)):
        yield from _bad_login(name, text, "admin")


def _bad_login(where: str, text: str, example: str) -> Problems:
    if not _LOGIN.fullmatch(text):
        yield Problem(where, f"{text!r} is not a valid login: only letters, digits and @ . + - _, at most 150", example)


def administrators(values: Values) -> Problems:
    """Further administrators have logins and addresses of their own; a password is as good as the first one's."""
    length = int(values.get(WEB_PASSWORD_LENGTH, WEB_PASSWORD_LENGTH_DEFAULT))
    logins = {str(values.get("mailman_user")): "mailman_user"}
    mailboxes = {str(values.get("mailman_email")).lower(): "mailman_email"}
    entries = [entry for entry in values.get("mailman_admins", []) if isinstance(entry, Mapping)]
    for number, entry in enumerate(entries, start=1):
        where = f"mailman_admins[#{number}]"
        login, address = str(entry.get("user", "")), str(entry.get("address", ""))
        yield from _bad_login(f"{where}.user", login, "ben")
        if not is_address(address):
            yield _bad_address(f"{where}.address", address, "ben@example.org")
        for key, value, others in (("user", login, logins), ("address", address.lower(), mailboxes)):
            if value in others:
                yield Problem(
                    f"{where}.{key}", f"{value} is already that of {others[value]}", "one entry for each person"
                )
            others.setdefault(value, where)
        if entry.get("password") is not None:
            yield from _bad_secret(f"{where}.password", str(entry["password"]), length)


def numbers(values: Values) -> Problems:
    """Limits leave room for at least one message."""
    for name, example in AT_LEAST_ONE.items():
        if name in values and int(values[name]) < 1:
            yield Problem(name, f"must be at least 1, not {values[name]}", str(example))
    if int(values.get("mail_budget_reserve", 0)) < 0:
        yield Problem("mail_budget_reserve", f"must be at least 0, not {values['mail_budget_reserve']}", "100")
    if not 1 <= int(values.get("mail_budget_strangers", 4)) <= 100:
        reason = f"{values['mail_budget_strangers']} is not a percentage from 1 to 100"
        yield Problem("mail_budget_strangers", reason, "4")
    if int(values.get("mail_account_limit", 0)) >= 1:
        yield from _bad_limit("mail_account_limit", values["mail_account_limit"], values)
    if not 1 <= int(values.get("database_port", 5432)) <= 65535:
        yield Problem("database_port", f"{values['database_port']} is not a valid port (1–65535)", "5432")


def _bad_limit(where: str, limit: Any, values: Values) -> Problems:
    smallest = sum(max(0, int(values.get(name, 0))) for name in ("mail_budget_reserve", "mail_recipients_per_message"))
    if int(limit) < smallest:
        reason = f"is {limit}; with less than {smallest}, the reserve and one full message, no post can ever be sent"
        yield Problem(where, reason, _smaller_shares(int(limit)))


def _smaller_shares(limit: int) -> str:
    """Return values of the variables that leave room for posts within a small limit."""
    if limit < 10:
        return str(mail_plans.PLANS[mail_plans.ASSUMED].recipients)
    return f"mail_budget_reserve: {limit // 5} and mail_recipients_per_message: {limit // 2}"


def certificate(values: Values) -> Problems:
    """The two files of a certificate are given if, and only if, `tls_mode` is `files`."""
    own = values.get("tls_mode") == "files"
    for name, text in _given(values, ("tls_certificate_file", "tls_key_file")):
        given = bool(text)
        if own and not given:
            yield Problem(name, "is required with tls_mode: files", f"/home/ana/lists/{name}.pem")
        if given and not own:
            yield Problem(name, f"is set, but tls_mode is {values.get('tls_mode', 'letsencrypt')}", "tls_mode: files")


def files(values: Values) -> Problems:
    """Files on this machine exist and have the right content."""
    for name, content in FILES.items():
        path = Path(str(values.get(name, "")))
        if str(path) == ".":
            continue
        example = f"/home/ana/lists/{name}.pem"
        if not path.is_absolute():
            yield Problem(name, f"{str(path)!r} is not an absolute path", example)
        elif not path.is_file():
            yield Problem(name, f"there is no file {str(path)!r} on this machine", example)
        elif f"{content}-----" not in path.read_text(errors="replace"):
            yield Problem(name, f"{str(path)!r} has no {content.lower()} in PEM format", example)


def written_files(values: Values) -> Problems:
    """Files that the run writes on this machine have a folder."""
    text = str(values.get("mail_alias_csv") or "")
    path, example = Path(text), "/home/ana/lists/aliases.csv"
    if text and not path.is_absolute():
        yield Problem("mail_alias_csv", f"{text!r} is not an absolute path", example)
    elif text and path.is_dir():
        yield Problem("mail_alias_csv", f"{text!r} is a folder", example)
    elif text and not path.parent.is_dir():
        yield Problem("mail_alias_csv", f"there is no folder {str(path.parent)!r} on this machine", example)


def acme(values: Values) -> Problems:
    """The ACME server speaks HTTPS."""
    for name, text in _given(values, ("acme_directory_url",)):
        if text and not text.startswith("https://"):
            yield Problem(name, f"{text!r} is not an https URL", "https://acme-v02.api.letsencrypt.org/directory")


def database(values: Values) -> Problems:
    """A managed database needs a password."""
    if values.get("database_host") and values.get("database_password") == "":
        yield Problem("database_password", "is required with database_host", secret_example("database_password"))


def infomaniak(values: Values) -> Problems:
    """The provider's API needs the number of the Mail Service, and the switches need the API."""
    if values.get("infomaniak_token"):
        if int(values.get("infomaniak_mail_hosting") or 0) < 1:
            wrong = "is required with infomaniak_token: the number in the Mail Service's address in the Manager"
            yield Problem("infomaniak_mail_hosting", wrong, "123456")
        return
    for name in ("infomaniak_fix", "infomaniak_undeclared_lists", "infomaniak_zone"):
        is_on = bool(values.get(name)) if name == "infomaniak_zone" else boolean(values.get(name, False), strict=False)
        if is_on:
            yield Problem(name, "has no effect without infomaniak_token", secret_example("infomaniak_token"))


def dns_names(values: Values) -> Problems:
    """The zone has one of the site's names, and the web interface's addresses are addresses."""
    zone = str(values.get("infomaniak_zone", ""))
    names = [str(values[name]) for name in ("fqdn", "mailman_domain") if name in values]
    if zone and names and not any(name == zone or name.endswith(f".{zone}") for name in names):
        wrong = f"{zone} has neither fqdn nor mailman_domain in it"
        yield Problem("infomaniak_zone", wrong, str(values.get("mailman_domain", "example.org")))
    for number, text in enumerate(_items(values, "fqdn_addresses"), start=1):
        try:
            ipaddress.ip_address(str(text))
        except ValueError:
            yield Problem(f"fqdn_addresses[#{number}]", f"{text!r} is not an IP address", "[198.51.100.1]")


def alerts(values: Values) -> Problems:
    """Alerts don't travel by the way that they watch. A URL may contain a token, so it isn't shown."""
    target, heartbeat = str(values.get("alert_to", "")), str(values.get("alert_heartbeat", ""))
    account = _SMTP_ACCOUNT.fullmatch(target)
    if account:
        yield from _alerts_by_mail(account, values)
    elif target and not re.fullmatch(r"(ntfy\+)?" + _HTTPS_URL, target):
        wrong = "is neither an https URL nor an SMTP account with login, host and recipient"
        yield Problem("alert_to", wrong, f"ntfy+https://ntfy.example.org/TOPIC, or {_SMTP_EXAMPLE}")
    if values.get("alert_password") and not account:
        yield Problem(
            "alert_password", "has no effect unless alert_to is an SMTP account", f"alert_to: {_SMTP_EXAMPLE}"
        )
    if heartbeat and not re.fullmatch(_HTTPS_URL, heartbeat):
        yield Problem("alert_heartbeat", "is not an https URL", "https://hc.example.org/ping/TOKEN")
    if heartbeat and not target and not boolean(values.get("status_page", False), strict=False):
        yield Problem("alert_heartbeat", "has no effect without alert_to or status_page", "status_page: true")


def _alerts_by_mail(account: re.Match[str], values: Values) -> Problems:
    """Another account sends them, to an address whose mail doesn't depend on the lists' mailboxes."""
    login, recipient = unquote(account["login"]).lower(), unquote(account["recipient"]).lower()
    host, port = account["host"].lower(), int(account["port"] or 465)
    mailboxes = {str(values.get("mail_account")).lower(), *(_address(entry) for entry in _accounts(values))}
    lists = {list_address(item["name"], str(values.get("mailman_domain"))) for _where, item in _lists(values)}
    domains = {address.rpartition("@")[2] for address in lists}
    domains |= {values.get("mailman_domain"), *_items(values, "mail_domain_synonyms")}
    if not 1 <= port <= 65535:
        yield Problem("alert_to", f"{port} is not a valid port (1–65535)", _SMTP_EXAMPLE)
    if login in mailboxes:
        wrong = f"{login} is a mailbox of the lists: its mail stops with theirs, and with it the alerts"
        yield Problem("alert_to", wrong, _SMTP_EXAMPLE)
    if host in ("localhost", "127.0.0.1", values.get("fqdn")):
        yield Problem("alert_to", f"{host} is the relay of the lists, which the alerts are about", _SMTP_EXAMPLE)
    if recipient.rpartition("@")[2] in domains:
        wrong = f"{recipient} is in a domain of the lists, whose mail the alerts are about"
        yield Problem("alert_to", wrong, _SMTP_EXAMPLE)
    if not values.get("alert_password"):
        wrong = "is required with an SMTP account in alert_to"
        yield Problem("alert_password", wrong, secret_example("alert_password"))


def canary(values: Values) -> Problems:
    """The canary has a list of its own."""
    minutes = int(values.get("canary_interval") or 0)
    if minutes < 0:
        yield Problem("canary_interval", f"{minutes} is not a number of minutes, or 0 for none", "30")
    for where, item in _lists(values) if minutes else ():
        if str(item["name"]).lower() == "canary" and item.get("state", "present") == "present":
            yield Problem(f"{where}.name", "'canary' is the list of canary_interval", "birds")


def _lists(values: Values) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, item in enumerate(values.get("mailman_lists", []), start=1):
        if isinstance(item, Mapping) and isinstance(item.get("name"), str):
            yield f"mailman_lists[#{number}]", item


def _items(entry: Mapping[str, Any], key: str) -> list[Any]:
    """Return the list at `key`; an empty one if it is missing or not a list, which the spec reports."""
    items = entry.get(key)
    return items if isinstance(items, list) else []


def list_names(values: Values) -> Problems:
    """Names of lists are valid in Mailman, and their addresses aren't in use."""
    mailboxes = {str(values.get("mail_account")).lower(), *(_address(entry) for entry in _accounts(values))}
    synonyms = {str(domain).lower() for domain in values.get("mail_domain_synonyms", [])}
    for where, item in _lists(values):
        name = item["name"]
        local, at, domain = name.partition("@")
        if not _LIST_NAME.fullmatch(local):
            yield Problem(f"{where}.name", f"{name!r} may only have letters, digits and - _ . before the @", "members")
        elif at and not is_domain(domain):
            yield from _bad_domain(f"{where}.name", domain, "members@example.org")
        elif domain.lower() in synonyms:
            yield Problem(
                f"{where}.name", f"{domain} is in mail_domain_synonyms: its mail goes to mailman_domain's lists", local
            )
        elif local.lower() == SITE_LOCAL_PART:
            yield Problem(f"{where}.name", f"{name!r} is the web interface's sender address", "members")
        elif list_address(name, str(values.get("mailman_domain"))) in mailboxes:
            yield Problem(f"{where}.name", f"{name!r} is a mailbox's own address", "members")
        elif any(local.lower().endswith(f"-{sub}") for sub in SUB_ADDRESSES):
            yield Problem(
                f"{where}.name",
                f"{name!r} ends like a sub-address: mail to it could be for another list's {local.rpartition('-')[2]}",
                "members",
            )


def list_duplicates(values: Values) -> Problems:
    """A list is declared once."""
    first: dict[str, str] = {}
    for where, item in _lists(values):
        address = list_address(item["name"], str(values.get("mailman_domain", "")))
        if address in first:
            yield Problem(
                f"{where}.name", f"{address} is already declared, as {first[address]}", "one entry with all its keys"
            )
        first.setdefault(address, where)


def list_removals(values: Values) -> Problems:
    """`force` is only for a list to remove: left in the inventory, it would allow the next removal too."""
    for where, item in _lists(values):
        if boolean(item.get("force", False), strict=False) and item.get("state") != "absent":
            yield Problem(f"{where}.force", "has no effect without state: absent", "state: absent")


def list_people(values: Values) -> Problems:
    """Owners and moderators are addresses."""
    for where, item in _lists(values):
        for key in ("owners", "moderators"):
            for number, text in enumerate(_items(item, key), start=1):
                if not is_address(str(text)):
                    yield Problem(
                        f"{where}.{key}[#{number}]", f"{text!r} is not a full e-mail address", "ana@example.org"
                    )


def list_members(values: Values) -> Problems:
    """Members are valid, and come from one place; removing them all is said."""
    for where, item in _lists(values):
        given = [key for key in ("members", MEMBERS_FROM) if key in item]
        if len(given) == 2:
            yield Problem(f"{where}.{MEMBERS_FROM}", "is set, and members too; one of them is enough", "members: […]")
        idle = [key for key in ROSTER_KEYS if key in item] if not given else []
        if idle:
            yield Problem(f"{where}.{idle[0]}", "has no effect without members", f"members: [{ADDRESS_EXAMPLE}]")
        yield from _bad_members(f"{where}.members", item)
        if isinstance(item.get(MEMBERS_FROM), Mapping):
            yield from _bad_member_source(f"{where}.{MEMBERS_FROM}", item, item[MEMBERS_FROM])


def _bad_members(where: str, item: Mapping[str, Any]) -> Problems:
    if not isinstance(item.get("members"), list):
        return
    try:
        people = parse((f"{where}[#{number}]", one) for number, one in enumerate(item["members"], start=1))
    except BadEntries as error:
        for problem in error.problems:
            place, _colon, reason = problem.partition(": ")
            yield Problem(place, _without_example(reason), ADDRESS_EXAMPLE)
    else:
        yield from _emptied(where, item, people)


def _bad_member_source(where: str, item: Mapping[str, Any], source: Mapping[str, Any]) -> Problems:
    example = "{file: /home/ana/members.csv}"
    if len({"file", "command"} & set(source)) != 1:
        yield Problem(where, "must have either a file or a command", example)
    elif source.get("command") == []:
        yield Problem(f"{where}.command", "is empty", "[/usr/local/bin/crm, members]")
    elif "file" in source:
        path = Path(str(source["file"]))
        if not path.is_absolute():
            yield Problem(f"{where}.file", f"{str(path)!r} is not an absolute path", "/home/ana/members.csv")
        elif EVERY in source:
            return  # the file is on the host
        elif not path.is_file():
            yield Problem(f"{where}.file", f"there is no file {str(path)!r} on this machine", "/home/ana/members.csv")
        else:
            yield from _bad_member_file(f"{where}.file", item, path, source.get("format", member_files.DETECT))


def _bad_member_file(where: str, item: Mapping[str, Any], path: Path, form: str) -> Problems:
    if form not in (member_files.DETECT, *member_files.FORMATS):
        return
    try:
        people = member_files.read(path.read_bytes(), form)
    except BadEntries as error:
        for problem in error.problems:
            yield Problem(where, f"{path}, {_without_example(problem)}", ADDRESS_EXAMPLE)
    else:
        yield from _emptied(where, item, people)


def _without_example(reason: str) -> str:
    return reason.removesuffix(f" (for example {ADDRESS_EXAMPLE})")


def _emptied(where: str, item: Mapping[str, Any], people: list[Entry]) -> Problems:
    if not people and item.get("members_state") == "exact" and not item.get("allow_empty"):
        yield Problem(where, "names no member, so all would be removed; if it is meant, allow it", "allow_empty: true")


def list_filters_and_subscription(values: Values) -> Problems:
    """Bans and header matches are ones that Mailman accepts; how people subscribe is said once."""
    checks = {"bans": list_filters.ban_problem, "header_matches": list_filters.header_match_problem}
    for where, item in _lists(values):
        for key, check in checks.items():
            found = check(_items(item, key))
            if found:
                yield Problem(f"{where}.{key}", *found)
        settings = item.get("settings")
        if SUBSCRIPTION in item and isinstance(settings, Mapping) and "subscription_policy" in settings:
            wrong = f"is set, and {SUBSCRIPTION} too; they are the same"
            yield Problem(f"{where}.settings.subscription_policy", wrong, f"{SUBSCRIPTION}: {item[SUBSCRIPTION]}")


def demand(values: Values) -> Problems:
    """`expected_members` and `posts_per_day` are given together, and not negative."""
    for where, item in _lists(values):
        given = {key: item[key] for key in DEMAND if item.get(key) is not None}
        for key, value in given.items():
            if not _is_amount(value):
                yield Problem(f"{where}.{key}", f"must be 0 or more, not {value}", DEMAND[key])
        for key in DEMAND.keys() - given.keys() if given else ():
            yield Problem(f"{where}.{key}", f"is required with {next(iter(given))}", DEMAND[key])


def archives(values: Values) -> Problems:
    """Posts are kept for a duration, or indefinitely."""
    for name, value in [("archive_keep", values.get("archive_keep"))] + [
        (f"{where}.archive_keep", item.get("archive_keep")) for where, item in _lists(values)
    ]:
        if value not in (None, "") and not ARCHIVE_KEEP.fullmatch(str(value)):
            yield Problem(name, f"{value!r} is not a duration in years, months and days", "5y")


def _is_amount(value: Any) -> bool:
    """Return whether a number is 0 or more; the spec reports other types."""
    try:
        return 0 <= float(value) < math.inf
    except (TypeError, ValueError):
        return True


def settings_of_lists(values: Values) -> Problems:
    """Settings are Mailman's, with values that it accepts."""
    defaults = values.get("mailman_list_defaults")
    if isinstance(defaults, Mapping):
        settings = {name: value for name, value in defaults.items() if name != TEMPLATES}
        yield from _bad_settings("mailman_list_defaults", settings)
    for where, item in _lists(values):
        yield from _bad_settings(f"{where}.settings", item.get("settings"))
        if "\n" in str(item.get("description", "")):
            yield Problem(f"{where}.description", "must be a single line", "News for our members")


def templates_of_lists(values: Values) -> Problems:
    """Templates are Mailman's, with texts or places."""
    defaults = values.get("mailman_list_defaults")
    if isinstance(defaults, Mapping):
        yield from _bad_templates(f"mailman_list_defaults.{TEMPLATES}", defaults.get(TEMPLATES), templates.NAMES)
    for where, item in _lists(values):
        yield from _bad_templates(f"{where}.{TEMPLATES}", item.get(TEMPLATES), templates.LIST_NAMES)


def _bad_templates(where: str, declared: Any, names: tuple[str, ...]) -> Problems:
    found = None if declared is None else templates.problem(declared, names)
    if found:
        yield Problem(where, *found)


def _bad_settings(where: str, settings: Any) -> Problems:
    for name, value in settings.items() if isinstance(settings, Mapping) else ():
        found = list_settings.problem(str(name), value)
        if found:
            yield Problem(f"{where}.{name}", *found)


def _accounts(values: Values) -> list[Mapping[str, Any]]:
    return [entry for entry in values.get("mail_accounts", []) if isinstance(entry, Mapping)]


def _address(entry: Mapping[str, Any]) -> str:
    return str(entry.get("address", "")).lower()


def accounts(values: Values) -> Problems:
    """Each account occurs once, has lists of its own, and one of them is `mail_account`."""
    entries = _accounts(values)
    addresses_seen: set[str] = set()
    assigned: dict[str, str] = {}
    for number, entry in enumerate(entries, start=1):
        where, address = f"mail_accounts[#{number}]", _address(entry)
        if not is_address(address):
            yield _bad_address(f"{where}.address", address, "lists2@example.org")
        if address in addresses_seen:
            yield Problem(f"{where}.address", f"{address} is already declared", "lists2@example.org")
        addresses_seen.add(address)
        yield from _bad_secret(f"{where}.password", str(entry.get("password", "")))
        if re.fullmatch(r"-?\d+", str(entry.get("limit", ""))):
            yield from _bad_limit(f"{where}.limit", entry["limit"], values)
        yield from _bad_assignments(where, entry, assigned, values)
    main = str(values.get("mail_account", "")).lower()
    if entries and main and main not in addresses_seen:
        yield Problem(
            "mail_accounts",
            f"lacks mail_account, {main}, which sends the web interface's mail",
            f"[{{address: {main}, …}}]",
        )


def _bad_assignments(where: str, entry: Mapping[str, Any], assigned: dict[str, str], values: Values) -> Problems:
    domain = str(values.get("mailman_domain", ""))
    declared = {list_address(item["name"], domain) for _where, item in _lists(values) if item.get("state") != "absent"}
    for number, name in enumerate(_items(entry, "lists"), start=1):
        address = list_address(str(name), domain)
        if address in assigned:
            wrong = f"{address} already has an account, {assigned[address]}"
            yield Problem(f"{where}.lists[#{number}]", wrong, "[members]")
        elif address not in declared:
            yield Problem(f"{where}.lists[#{number}]", f"there is no list {address} in mailman_lists", "[members]")
        assigned.setdefault(address, where)


RULES = (
    host_names,
    web_hosts,
    mail_domains,
    former_names,
    addresses,
    secrets,
    administrator,
    administrators,
    numbers,
    certificate,
    files,
    written_files,
    acme,
    database,
    infomaniak,
    dns_names,
    alerts,
    canary,
    backup_rules.problems,
    list_names,
    list_duplicates,
    list_removals,
    list_people,
    list_members,
    list_filters_and_subscription,
    demand,
    archives,
    settings_of_lists,
    templates_of_lists,
    accounts,
)

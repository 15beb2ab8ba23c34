# SPDX-License-Identifier: MIT
"""What a spec cannot say about the operator's variables.

Each rule takes the values whose types are right, by name, and yields what is wrong. A rule passes over a variable that
is missing: whether it is required is the spec's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.lists.mailman3.plugins.module_utils import list_settings
from ansible_collections.lists.mailman3.plugins.module_utils.addresses import (
    SITE_LOCAL_PART,
    SUB_ADDRESSES,
    is_address,
    is_domain,
    list_address,
)
from ansible_collections.lists.mailman3.plugins.plugin_utils.problem import Problem

Values = Mapping[str, Any]
Problems = Iterator[Problem]

HOST_NAMES = {
    "fqdn": "lists.example.org",
    "mailman_domain": "example.org",
    "mail_host": "mail.infomaniak.com",
    "mail_imap_host": "mail.infomaniak.com",
    "database_host": "db.example.org",
}
MAY_BE_EMPTY = {"database_host"}
ADDRESSES = {
    "mail_account": "mailman@example.org",
    "mailman_email": "admin@example.org",
    "tls_email": "admin@example.org",
}
REQUIRED_SECRETS = ("mail_password", "mailman_password")
FILES = {
    "mail_ca_file": "CERTIFICATE",
    "tls_certificate_file": "CERTIFICATE",
    "tls_key_file": "PRIVATE KEY",
    "acme_ca_file": "CERTIFICATE",
    "database_ca_file": "CERTIFICATE",
}
# The relay's `relay_budget_reserve` and `relay_recipients_per_message` by default.
SMALLEST_LIMIT = 200
AT_LEAST_ONE = {"mail_alias_limit": 50, "mail_account_limit": 1440, "mail_budget_window": 86400}
SECRET_EXAMPLE = "\"{{ lookup('env', 'MAIL_PASSWORD') }}\", with that variable exported"  # noqa: S105 -- shows how, holds none

# Mailman's own rule for names, `listname_chars`.
_LIST_NAME = re.compile(r"[a-z0-9][-_.a-z0-9]*", re.IGNORECASE)
_LOGIN = re.compile(r"[\w.@+-]{1,150}")


def problems_of(values: Values) -> list[Problem]:
    """Return everything that is wrong with the operator's `values`."""
    return [problem for rule in RULES for problem in rule(values)]


def _given(values: Values, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    return ((name, str(values[name])) for name in names if name in values)


def host_names(values: Values) -> Problems:
    """Names of hosts and domains are fully qualified, and no addresses."""
    for name, text in _given(values, HOST_NAMES):
        if not is_domain(text) and not (text == "" and name in MAY_BE_EMPTY):
            yield Problem(name, f"{text!r} is not a fully qualified domain name", HOST_NAMES[name])
    for number, text in enumerate(values.get("mail_domain_synonyms", []), start=1):
        if not is_domain(str(text)):
            yield Problem(f"mail_domain_synonyms[#{number}]", f"{text!r} is not a domain", "example.net")


def addresses(values: Values) -> Problems:
    """Addresses are full ones."""
    for name, text in _given(values, ADDRESSES):
        if not is_address(text):
            yield _bad_address(name, text, ADDRESSES[name])


def _bad_address(name: str, text: str, example: str) -> Problem:
    wrong = "is not a full e-mail address" if "@" in text else "has no @: a full e-mail address is needed"
    return Problem(name, f"{text!r} {wrong}", example)


def secrets(values: Values) -> Problems:
    """Secrets are one line, not empty, and without the spaces that copying brings along."""
    for name, text in _given(values, REQUIRED_SECRETS):
        yield from _bad_secret(name, text)


def _bad_secret(name: str, text: str) -> Problems:
    if not text.strip():
        yield Problem(name, "is empty: the variable or vault that it comes from holds nothing", SECRET_EXAMPLE)
    elif text != text.strip() or "\n" in text:
        yield Problem(name, "begins or ends with a space or is more than one line", SECRET_EXAMPLE)


def administrator(values: Values) -> Problems:
    """The administrator's login is one that Django takes."""
    for name, text in _given(values, ("mailman_user",)):
        if not _LOGIN.fullmatch(text):
            yield Problem(name, f"{text!r} is not a login: letters, digits and @ . + - _ only, at most 150", "admin")


def numbers(values: Values) -> Problems:
    """Limits leave room for something."""
    for name, example in AT_LEAST_ONE.items():
        if name in values and int(values[name]) < 1:
            yield Problem(name, f"must be at least 1, not {values[name]}", str(example))
    limit = int(values.get("mail_account_limit", SMALLEST_LIMIT))
    if 1 <= limit < SMALLEST_LIMIT:
        yield _bad_limit("mail_account_limit", limit)
    if not 1 <= int(values.get("database_port", 5432)) <= 65535:
        yield Problem("database_port", f"{values['database_port']} is no port: 1 to 65535", "5432")


def _bad_limit(where: str, limit: int) -> Problem:
    reason = f"is {limit}; posts would wait for ever below {SMALLEST_LIMIT}: the reserve and one full message"
    return Problem(where, reason, "1440")


def certificate(values: Values) -> Problems:
    """A certificate of the operator's own has two files, and nothing else has any."""
    own = values.get("tls_mode") == "files"
    for name in ("tls_certificate_file", "tls_key_file"):
        given = bool(values.get(name))
        if own and not given:
            yield Problem(name, "is needed with tls_mode: files", f"/home/ana/lists/{name}.pem")
        if given and not own:
            yield Problem(name, f"is given, but tls_mode is {values.get('tls_mode', 'letsencrypt')}", "tls_mode: files")


def files(values: Values) -> Problems:
    """Files on this machine exist and hold what their names say."""
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
            yield Problem(name, f"{str(path)!r} holds no {content.lower()} in PEM", example)


def acme(values: Values) -> Problems:
    """The ACME server speaks HTTPS."""
    for name, text in _given(values, ("acme_directory_url",)):
        if text and not text.startswith("https://"):
            yield Problem(name, f"{text!r} is not an https address", "https://acme-v02.api.letsencrypt.org/directory")


def database(values: Values) -> Problems:
    """Another host wants a password."""
    if values.get("database_host") and not values.get("database_password"):
        yield Problem("database_password", "is needed with database_host", SECRET_EXAMPLE)


def _lists(values: Values) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, item in enumerate(values.get("mailman_lists", []), start=1):
        if isinstance(item, Mapping) and isinstance(item.get("name"), str):
            yield f"mailman_lists[#{number}]", item


def _items(entry: Mapping[str, Any], key: str) -> list[Any]:
    """Return the list at `key`; none when it is missing or no list, which the spec tells."""
    items = entry.get(key)
    return items if isinstance(items, list) else []


def list_names(values: Values) -> Problems:
    """Names of lists are ones that Mailman takes, and their addresses are free."""
    for where, item in _lists(values):
        name = item["name"]
        local, at, domain = name.partition("@")
        if not _LIST_NAME.fullmatch(local):
            yield Problem(
                f"{where}.name", f"{name!r} may have letters, digits and - _ . before the @, and no spaces", "members"
            )
        elif at and not is_domain(domain):
            yield Problem(f"{where}.name", f"{domain!r} is not a domain", "members@example.org")
        elif local.lower() == SITE_LOCAL_PART:
            yield Problem(f"{where}.name", f"{name!r} is the address that the web interface writes from", "members")
        elif list_address(name, str(values.get("mailman_domain"))) == str(values.get("mail_account")).lower():
            yield Problem(f"{where}.name", f"{name!r} is the mailbox's own address", "members")
        elif any(local.lower().endswith(f"-{sub}") for sub in SUB_ADDRESSES):
            yield Problem(
                f"{where}.name",
                f"{name!r} ends like the address of another list's {local.rpartition('-')[2]}",
                "members",
            )


def list_duplicates(values: Values) -> Problems:
    """A list is declared once."""
    first: dict[str, str] = {}
    for where, item in _lists(values):
        address = list_address(item["name"], str(values.get("mailman_domain", "")))
        if address in first:
            yield Problem(
                f"{where}.name", f"{address} is declared already, as {first[address]}", "one entry with all of its keys"
            )
        first.setdefault(address, where)


def list_people(values: Values) -> Problems:
    """Owners and moderators are addresses."""
    for where, item in _lists(values):
        for key in ("owners", "moderators"):
            for number, text in enumerate(_items(item, key), start=1):
                if not is_address(str(text)):
                    yield Problem(f"{where}.{key}[#{number}]", f"{text!r} is not an e-mail address", "ana@example.org")


def settings_of_lists(values: Values) -> Problems:
    """Settings are Mailman's, with values that it takes."""
    for where, item in _lists(values):
        settings = item.get("settings")
        for name, value in settings.items() if isinstance(settings, Mapping) else ():
            found = list_settings.problem(str(name), value)
            if found:
                yield Problem(f"{where}.settings.{name}", *found)
        if "\n" in str(item.get("description", "")):
            yield Problem(f"{where}.description", "must be a single line", "News for our members")


def accounts(values: Values) -> Problems:
    """Accounts are different ones with their own lists, and the site's own is among them."""
    entries = [entry for entry in values.get("mail_accounts", []) if isinstance(entry, Mapping)]
    addresses_seen: set[str] = set()
    placed: dict[str, str] = {}
    for number, entry in enumerate(entries, start=1):
        where, address = f"mail_accounts[#{number}]", str(entry.get("address", "")).lower()
        if not is_address(address):
            yield _bad_address(f"{where}.address", address, "lists2@example.org")
        if address in addresses_seen:
            yield Problem(f"{where}.address", f"{address} is declared already", "lists2@example.org")
        addresses_seen.add(address)
        yield from _bad_secret(f"{where}.password", str(entry.get("password", "")))
        if "limit" in entry and str(entry["limit"]).isdigit() and int(entry["limit"]) < SMALLEST_LIMIT:
            yield _bad_limit(f"{where}.limit", int(entry["limit"]))
        yield from _placements(where, entry, placed, values)
    main = str(values.get("mail_account", "")).lower()
    if entries and main and main not in addresses_seen:
        yield Problem(
            "mail_accounts", f"lacks mail_account, {main}, which sends the site's own mail", f"[{{address: {main}, …}}]"
        )


def _placements(where: str, entry: Mapping[str, Any], placed: dict[str, str], values: Values) -> Problems:
    domain = str(values.get("mailman_domain", ""))
    declared = {list_address(item["name"], domain) for _where, item in _lists(values)}
    for number, name in enumerate(_items(entry, "lists"), start=1):
        address = list_address(str(name), domain)
        if address in placed:
            yield Problem(
                f"{where}.lists[#{number}]", f"{address} has an account already, {placed[address]}", "[members]"
            )
        elif address not in declared:
            yield Problem(f"{where}.lists[#{number}]", f"there is no list {address} in mailman_lists", "[members]")
        placed.setdefault(address, where)


RULES = (
    host_names,
    addresses,
    secrets,
    administrator,
    numbers,
    certificate,
    files,
    acme,
    database,
    list_names,
    list_duplicates,
    list_people,
    settings_of_lists,
    accounts,
)

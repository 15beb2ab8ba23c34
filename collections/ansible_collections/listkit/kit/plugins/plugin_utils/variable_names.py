# SPDX-License-Identifier: MIT
"""Suggest variables of the kit for an unknown name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ansible_collections.listkit.kit.plugins.plugin_utils import spec_check
from ansible_collections.listkit.kit.plugins.plugin_utils.problem import Problem

# An unknown name that starts so is meant for the kit. Others are the operator's own variables.
KIT_PREFIXES = ("mail_", "mailman_", "tls_", "acme_", "infomaniak_")
EXAMPLE = "mailman_domain: example.org"
# Names that other software uses, by the kit's variable. Some are variables of a role.
SYNONYMS = {
    "acme_ca_file": ("acme_ca", "acme_ca_cert"),
    "acme_directory_url": ("acme_directory", "acme_server", "acme_url"),
    "base_automatic_reboot_time": ("automatic_reboot", "reboot_time"),
    "database_host": ("db_host", "postgres_host", "postgresql_host"),
    "database_password": ("db_password", "postgres_password", "postgresql_password"),
    "database_port": ("db_port", "postgres_port", "postgresql_port"),
    "fqdn": ("base_url", "host_name", "hostname", "server_name", "site_url", "url", "web_host", "web_hostname"),
    "infomaniak_token": ("api_token", "infomaniak_api_token"),
    "mail_account": (
        "imap_user",
        "mail_address",
        "mail_user",
        "mail_username",
        "mailbox",
        "smtp_user",
        "smtp_username",
    ),
    "mail_accounts": ("accounts", "mailboxes"),
    "mail_host": ("mail_server", "smtp_host", "smtp_hostname", "smtp_server"),
    "mail_imap_host": ("imap_host", "imap_server"),
    "mail_password": ("device_password", "imap_password", "mailbox_password", "smtp_password"),
    "mail_port": ("smtp_port",),
    "mailman_domain": ("domain", "domain_name", "list_domain", "mail_domain"),
    "mailman_email": ("admin_email", "admin_mail", "owner_email", "postmaster", "site_owner"),
    "mailman_list_defaults": ("default_settings", "list_defaults", "list_settings"),
    "mailman_lists": ("lists", "mailing_lists"),
    "mailman_password": ("admin_password", "superuser_password", "web_password"),
    "mailman_user": ("admin", "admin_login", "admin_user", "admin_username", "superuser", "web_user"),
    "organisation_name": ("organisation", "organization", "organization_name", "site_name", "site_title"),
    "tls_certificate_file": ("ssl_certificate", "ssl_certificate_file", "tls_cert", "tls_cert_file", "tls_certificate"),
    "tls_email": ("acme_email", "certbot_email", "letsencrypt_email"),
    "tls_key_file": ("ssl_certificate_key", "ssl_key", "ssl_key_file", "tls_key", "tls_private_key"),
    "web_language": ("language", "lang", "locale"),
    "web_time_zone": ("time_zone", "timezone", "tz"),
}
NOTES = {
    "base_automatic_reboot_time": "the time of day, or an empty text to never reboot",
    "web_language": "for the pages, and core_default_language for the lists",
    "web_time_zone": "for the pages; the host keeps its own",
}
_MEANT = {synonym: name for name, synonyms in SYNONYMS.items() for synonym in synonyms}


def problems(
    given: Collection[str],
    operators: Mapping[str, Mapping[str, Any]],
    roles: Mapping[str, Mapping[str, Any]],
    role_prefixes: tuple[str, ...],
) -> Iterator[Problem]:
    """Yield the names in `given` that are meant for the kit, but are not options of the operator or of a role.

    `operators`, `roles`: the options by name. `role_prefixes`: how the names of the roles' options start.
    """
    known = {**roles, **operators}
    for name in sorted(set(given) - set(known)):
        meant = _MEANT.get(name)
        # Only for a role's own names: an operator should set the operator's variables.
        close = spec_check.suggestion(name, known if name.startswith(role_prefixes) else operators)
        if meant in known and meant not in given:
            note = f" ({NOTES[meant]})" if meant in NOTES else ""
            yield Problem(name, f"is unknown; set {meant}{note}", _example(meant, known))
        elif close:
            yield Problem(name, f"is unknown; did you mean {close}?", _example(close, known))
        elif name.startswith((*KIT_PREFIXES, *role_prefixes)):
            yield Problem(name, "is unknown; docs/reference/variables.md has all names", EXAMPLE)


def _example(name: str, known: Mapping[str, Mapping[str, Any]]) -> str:
    return f"{name}: {spec_check.example(name, known[name])}"

"""The bridge's configuration: `/etc/listkit/bridge.json`, written by Ansible, and the passwords beside it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from listkit.common import configuration
from listkit.common.configuration import DOMAIN, Table
from listkit.common.endpoints import CORE_LMTP, CORE_REST, RELAY_SMTP, Endpoint

CONFIGURATION = Path("/etc/listkit/bridge.json")
# Names of the credentials.
MAIL_PASSWORDS = "mail_passwords"
REST_PASSWORD = "rest_password"  # noqa: S105 (a name, no password)

_STATE = "/var/lib/listkit-bridge"
_FOLDER = re.compile(r"[^\x00-\x1f\x7f\"*%\\]{1,200}")
_HEADER = re.compile(r"[!-9;-~]+")


@dataclass(frozen=True)
class Folders:
    """The folders of a mailbox, by what the bridge does with them."""

    fetch: tuple[str, ...] = ("INBOX", "Promotions", "SocialNetworks")
    report: tuple[str, ...] = ("Spam",)
    replay: str = "Replay"
    processed: str = "Processed"
    rejected: str = "Rejected"
    unrouted: str = "Unrouted"
    failed: str = "Failed"


@dataclass(frozen=True)
class KeepDays:
    """After how many days messages in a folder are deleted; 0 means never. `delivered` is the bridge's own record."""

    processed: int = 7
    rejected: int = 30
    unrouted: int = 30
    failed: int = 90
    delivered: int = 60


@dataclass(frozen=True)
class Mailbox:
    """One mailbox to read."""

    account: str
    host: str
    password: str = field(repr=False)
    port: int = 993
    ca_file: str | None = None
    folders: Folders = field(default_factory=Folders)

    @property
    def domain(self) -> str:
        """The account's mail domain."""
        return self.account.rpartition("@")[2]


@dataclass(frozen=True)
class Rest:
    """Mailman's REST API."""

    url: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class SiteOwner:
    """Where mail to the site's own addresses goes; `relay` is the local SMTP server."""

    address: str
    local_parts: tuple[str, ...]
    relay: Endpoint


@dataclass(frozen=True)
class Configuration:
    """All settings.

    domains: each mail domain and each of its synonyms, mapped to the domain that Mailman knows.
    delete_processed: delete delivered messages at once instead of keeping them in `Processed`.
    """

    mailboxes: tuple[Mailbox, ...]
    domains: Mapping[str, str]
    list_suffixes: frozenset[str]
    lmtp: Endpoint
    rest: Rest
    site_owner: SiteOwner | None
    state: Path
    metrics: Path | None
    envelope_headers: tuple[str, ...] = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To")
    keep_days: KeepDays = field(default_factory=KeepDays)
    delete_processed: bool = False
    processed_most: int = 4000
    poll_seconds: int = 60
    timeout_seconds: int = 30


def load(path: Path, credentials: Path | None = None) -> Configuration:
    """Read the configuration, and the passwords from the directory `credentials` (default: systemd's).

    Raises `ConfigurationError`.
    """
    directory = credentials or Path(os.environ.get("CREDENTIALS_DIRECTORY", "/etc/listkit/secrets"))
    return configuration.load(path, lambda table: _configuration(table, _Credentials(directory, table.problems)))


def load_without_passwords(path: Path = CONFIGURATION) -> Configuration:
    """Read the configuration without the passwords, which need not exist yet. Raises `ConfigurationError`."""
    return configuration.load(path, lambda table: _configuration(table, None))


class _Credentials:
    """The passwords in a directory. Their content never gets into a problem's text."""

    def __init__(self, directory: Path, problems: list[str]) -> None:
        self._directory = directory
        self._problems = problems

    def text(self, name: str) -> str:
        """Read a credential."""
        path = self._directory / name
        try:
            secret = path.read_text(encoding="utf-8").strip("\r\n")
        except (OSError, ValueError) as error:
            self._problems.append(f"can't read the credential {path} ({type(error).__name__})")
            return ""
        if not secret:
            self._problems.append(f"the credential {path} is empty")
        return secret

    def by_account(self, name: str, accounts: tuple[str, ...]) -> dict[str, str]:
        """Read a credential that is a JSON object of accounts and their passwords."""
        secret = self.text(name)
        if not secret:
            return {}
        try:
            passwords = json.loads(secret)
        except ValueError:
            passwords = None
        if not isinstance(passwords, dict) or not all(isinstance(one, str) and one for one in passwords.values()):
            self._problems.append(f"the credential {name} is not a JSON object of accounts and passwords")
            return {}
        passwords = {account.lower(): password for account, password in passwords.items()}
        for account in sorted(set(accounts) - set(passwords)):
            self._problems.append(f"the credential {name} has no password for {account!r}")
        return passwords


def _configuration(table: Table, credentials: _Credentials | None) -> Configuration:
    suffixes = table.texts("list_suffixes", pattern=r"[A-Za-z]+", example="owner")
    return Configuration(
        mailboxes=_mailboxes(table, credentials),
        domains=_domains(table),
        list_suffixes=frozenset(suffix.lower() for suffix in suffixes),
        lmtp=_endpoint(table, "lmtp", CORE_LMTP),
        rest=_rest(table, credentials),
        site_owner=_site_owner(table.table("site_owner")) if "site_owner" in table else None,
        state=table.path("state", example=_STATE, default=_STATE),
        metrics=table.path("metrics", example="/run/listkit-bridge/metrics.prom") if "metrics" in table else None,
        envelope_headers=table.texts(
            "envelope_headers", pattern=_HEADER, example="Delivered-To", default=Configuration.envelope_headers
        ),
        keep_days=_keep_days(table.table("keep_days", default={})),
        delete_processed=table.flag("delete_processed", default=False),
        processed_most=table.integer("processed_most", 1, 1_000_000, default=4000),
        poll_seconds=table.integer("poll_seconds", 1, 1500, default=60),
        timeout_seconds=table.integer("timeout_seconds", 1, 300, default=30),
    )


def _mailboxes(table: Table, credentials: _Credentials | None) -> tuple[Mailbox, ...]:
    accounts = table.addresses("mailboxes")
    for account in sorted({account for account in accounts if accounts.count(account) > 1}):
        table.problem("mailboxes", f"{account!r} is named twice", ["mailman@example.org"])
    imap = table.table("imap")
    host = imap.host("host")
    port = imap.port("port", default=993)
    ca_file = str(imap.path("ca_file", example="/etc/ssl/certs/ca-certificates.crt")) if "ca_file" in imap else None
    folders = _folders(imap.table("folders", default={}))
    passwords = credentials.by_account(MAIL_PASSWORDS, accounts) if credentials else {}
    return tuple(Mailbox(account, host, passwords.get(account, ""), port, ca_file, folders) for account in accounts)


def _folders(table: Table) -> Folders:
    default = Folders()
    folders = Folders(
        fetch=table.texts("fetch", pattern=_FOLDER, example="INBOX", default=default.fetch),
        report=table.texts("report", pattern=_FOLDER, example="Spam", default=default.report, may_be_empty=True),
        **{
            name: table.text(name, pattern=_FOLDER, example=getattr(default, name), default=getattr(default, name))
            for name in ("replay", "processed", "rejected", "unrouted", "failed")
        },
    )
    targets = [folders.processed, folders.rejected, folders.unrouted, folders.failed, folders.replay]
    for name in sorted({name for name in folders.fetch + folders.report if name in targets}):
        table.problem("", f"{name!r} is both read and written", "a folder of its own for each purpose")
    return folders


def _keep_days(table: Table) -> KeepDays:
    names = KeepDays.__dataclass_fields__
    keep = KeepDays(**{name: table.integer(name, 0, 10_000, default=getattr(KeepDays, name)) for name in names})
    if keep.delivered and keep.delivered <= keep.processed:
        table.problem("delivered", "must be more than keep_days.processed", keep.processed + 30)
    return keep


def _domains(table: Table) -> dict[str, str]:
    example = {"example.org": ["example.net"]}
    raw = table.mapping("domains", example=example)
    if "domains" in table and not raw:
        table.problem("domains", "must name at least one mail domain", example)
    domains: dict[str, str] = {}
    for domain, synonyms in raw.items():
        for name in (domain, *(synonyms if isinstance(synonyms, list) else [synonyms])):
            if not isinstance(name, str) or not DOMAIN.fullmatch(name):
                table.problem(f"domains.{domain}", f"{name!r} is not a domain name", "example.net")
            elif domains.setdefault(name.lower(), domain.lower()) != domain.lower():
                table.problem("domains", f"{name!r} belongs to two domains", example)
    return domains


def _endpoint(table: Table, name: str, default: Endpoint) -> Endpoint:
    endpoint = table.table(name, default={})
    return Endpoint(endpoint.host("host", default=default.host), endpoint.port("port", default=default.port))


def _rest(table: Table, credentials: _Credentials | None) -> Rest:
    rest = table.table("rest", default={})
    url = rest.url("url", example=CORE_REST.url, default=CORE_REST.url)
    user = rest.text("user", pattern=r"[^:\s]+", example=CORE_REST.user, default=CORE_REST.user)
    return Rest(url, user, credentials.text(REST_PASSWORD) if credentials else "")


def _site_owner(table: Table) -> SiteOwner:
    local_parts = table.texts("local_parts", pattern=r"[^@\s]+", example="postorius", default=("mailman", "postorius"))
    return SiteOwner(
        address=table.address("address"),
        local_parts=tuple(part.lower() for part in local_parts),
        relay=_endpoint(table, "relay", RELAY_SMTP),
    )

"""The bridge's configuration: `/etc/listkit/bridge.json`, written by Ansible, and the passwords beside it.

Every problem is reported at once, each with the key, the reason and a right example.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CONFIGURATION = Path("/etc/listkit/bridge.json")
# Names of the credentials.
MAIL_PASSWORDS = "mail_passwords"
REST_PASSWORD = "rest_password"  # noqa: S105 (a name, no password)

_DOMAIN = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
_ADDRESS = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+")
_FOLDER = re.compile(r"[ !#$'+,\-./0-9:;=?@A-Z\[\]^_`a-z{|}]{1,200}")
_HEADER = re.compile(r"[!-9;-~]+")


class ConfigurationError(Exception):
    """The configuration can't be used; the text names every problem, one a line."""


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
    failed: int = 0
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
class Server:
    """A server that messages are handed to."""

    host: str
    port: int


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
    relay: Server


@dataclass(frozen=True)
class Configuration:
    """Everything the bridge is told.

    domains: each mail domain and each of its synonyms, mapped to the domain that Mailman knows.
    delete_processed: delete delivered messages at once instead of keeping them in `Processed`.
    """

    mailboxes: tuple[Mailbox, ...]
    domains: Mapping[str, str]
    list_suffixes: frozenset[str]
    lmtp: Server
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
    """Read the configuration, and the passwords from the directory `credentials` (systemd's, unless told otherwise).

    Raises `ConfigurationError`.
    """
    return _read(path, credentials or Path(os.environ.get("CREDENTIALS_DIRECTORY", "/etc/listkit/secrets")))


def check(path: Path) -> None:
    """Check a configuration file without its passwords, which need not be there yet. Raises `ConfigurationError`."""
    _read(path, None)


def _read(path: Path, credentials: Path | None) -> Configuration:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{path} isn't JSON: {error}") from error
    reader = _Reader(credentials)
    configuration = reader.configuration(raw)
    if reader.problems:
        raise ConfigurationError("\n".join(f"{path}: {problem}" for problem in reader.problems))
    return configuration


class _Reader:
    """Takes the raw JSON apart and collects what is wrong with it."""

    def __init__(self, credentials: Path | None) -> None:
        self._credentials = credentials
        self.problems: list[str] = []

    def configuration(self, raw: Any) -> Configuration:
        raw = self._table("the file", raw, set(_TOP_KEYS))
        suffixes = self._texts("list_suffixes", raw.get("list_suffixes"), r"[A-Za-z]+", "owner")
        headers = raw.get("envelope_headers", Configuration.envelope_headers)
        metrics = raw.get("metrics")
        return Configuration(
            mailboxes=self._mailboxes(raw.get("mailboxes"), raw.get("imap", {})),
            domains=self._domains(raw.get("domains", {})),
            list_suffixes=frozenset(suffix.lower() for suffix in suffixes),
            lmtp=self._server("lmtp", raw.get("lmtp", {}), 8024),
            rest=self._rest(raw.get("rest", {})),
            site_owner=self._site_owner(raw.get("site_owner")),
            state=self._path("state", raw.get("state", "/var/lib/listkit-bridge"), "/var/lib/listkit-bridge"),
            metrics=self._path("metrics", metrics, "/run/listkit-bridge/metrics.prom") if metrics else None,
            envelope_headers=tuple(self._texts("envelope_headers", headers, _HEADER, "Delivered-To")),
            keep_days=self._keep_days(raw.get("keep_days", {})),
            delete_processed=self._flag("delete_processed", raw.get("delete_processed", False)),
            processed_most=self._number("processed_most", raw.get("processed_most", 4000), 1, 1_000_000),
            poll_seconds=self._number("poll_seconds", raw.get("poll_seconds", 60), 1, 1500),
            timeout_seconds=self._number("timeout_seconds", raw.get("timeout_seconds", 30), 1, 300),
        )

    def _problem(self, key: str, why: str, example: str) -> None:
        self.problems.append(f"{key}: {why}; for example: {example}")

    def _table(self, key: str, raw: Any, known: set[str]) -> dict[str, Any]:
        if not isinstance(raw, dict):
            self._problem(key, f"must be a JSON object, is {type(raw).__name__}", "{…}")
            return {}
        for name in sorted(set(raw) - known):
            self._problem(f"{key}: {name}", "is not a key of it", ", ".join(sorted(known)))
        return raw

    def _text(self, key: str, value: Any, pattern: str | re.Pattern[str], example: str) -> str:
        if isinstance(value, str) and re.fullmatch(pattern, value):
            return value
        self._problem(key, f"{value!r} isn't right", example)
        return ""

    def _texts(self, key: str, value: Any, pattern: str | re.Pattern[str], example: str) -> list[str]:
        if not isinstance(value, list | tuple) or not value:
            self._problem(key, "must be a list with at least one text in it", json.dumps([example]))
            return []
        return [self._text(f"{key}[{place}]", text, pattern, example) for place, text in enumerate(value)]

    def _number(self, key: str, value: Any, least: int, most: int) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self._problem(key, f"{value!r} isn't a whole number from {least} to {most}", str(least))
        return least

    def _flag(self, key: str, value: Any) -> bool:
        if isinstance(value, bool):
            return value
        self._problem(key, f"{value!r} is neither true nor false", "false")
        return False

    def _host(self, key: str, value: Any) -> str:
        return self._text(key, value, r"[A-Za-z0-9.:_-]{1,253}", "mail.infomaniak.com")

    def _server(self, key: str, raw: Any, port: int) -> Server:
        raw = self._table(key, raw, {"host", "port"})
        host = self._host(f"{key}.host", raw.get("host", "127.0.0.1"))
        return Server(host, self._number(f"{key}.port", raw.get("port", port), 1, 65_535))

    def _secret(self, name: str) -> str:
        """Read a credential; its content never gets into a problem's text."""
        if self._credentials is None:
            return ""
        try:
            secret = (self._credentials / name).read_text(encoding="utf-8").strip("\r\n")
        except (OSError, ValueError) as error:
            self.problems.append(f"the credential {self._credentials / name} can't be read ({type(error).__name__})")
            return ""
        if not secret:
            self.problems.append(f"the credential {self._credentials / name} is empty")
        return secret

    def _mail_passwords(self) -> dict[str, str]:
        """Read the passwords of the mailboxes: a JSON object with the accounts as its keys."""
        secret = self._secret(MAIL_PASSWORDS)
        if not secret:
            return {}
        try:
            passwords = json.loads(secret)
        except ValueError:
            passwords = None
        if not isinstance(passwords, dict) or not all(isinstance(one, str) and one for one in passwords.values()):
            self.problems.append(f"the credential {MAIL_PASSWORDS} isn't a JSON object of accounts and passwords")
            return {}
        return {account.lower(): password for account, password in passwords.items()}

    def _mailboxes(self, accounts: Any, imap: Any) -> tuple[Mailbox, ...]:
        imap = self._table("imap", imap, {"host", "port", "ca_file", "folders"})
        ca_file = imap.get("ca_file")
        common = {
            "host": self._host("imap.host", imap.get("host")),
            "port": self._number("imap.port", imap.get("port", 993), 1, 65_535),
            "ca_file": ca_file and str(self._path("imap.ca_file", ca_file, "/etc/ssl/certs/ca-certificates.crt")),
            "folders": self._folders("imap.folders", imap.get("folders", {})),
        }
        passwords = self._mail_passwords()
        found = [account.lower() for account in self._texts("mailboxes", accounts, _ADDRESS, "mailman@example.org")]
        for account in sorted({account for account in found if found.count(account) > 1}):
            self._problem("mailboxes", f"{account!r} is named twice", '["mailman@example.org"]')
        for account in sorted(set(found) - set(passwords)) if passwords else ():
            self.problems.append(f"the credential {MAIL_PASSWORDS} has no password for {account!r}")
        return tuple(Mailbox(account, password=passwords.get(account, ""), **common) for account in found)

    def _folders(self, key: str, raw: Any) -> Folders:
        fields = Folders.__dataclass_fields__
        raw = self._table(key, raw, set(fields))
        values: dict[str, Any] = {}
        for name, value in raw.items():
            if name in ("fetch", "report"):
                values[name] = (
                    tuple(self._texts(f"{key}.{name}", value, _FOLDER, "INBOX")) if value or name == "fetch" else ()
                )
            elif name in fields:
                values[name] = self._text(f"{key}.{name}", value, _FOLDER, fields[name].default)
        folders = Folders(**values)
        targets = [folders.processed, folders.rejected, folders.unrouted, folders.failed, folders.replay]
        for name in sorted({name for name in folders.fetch + folders.report if name in targets}):
            self._problem(key, f"{name!r} is both read and written", "a folder of its own for each purpose")
        return folders

    def _keep_days(self, raw: Any) -> KeepDays:
        fields = KeepDays.__dataclass_fields__
        raw = self._table("keep_days", raw, set(fields))
        values = {name: self._number(f"keep_days.{name}", raw[name], 0, 10_000) for name in raw if name in fields}
        keep = KeepDays(**values)
        if keep.delivered and keep.delivered <= keep.processed:
            self._problem("keep_days.delivered", "must be more than keep_days.processed", str(keep.processed + 30))
        return keep

    def _domains(self, raw: Any) -> dict[str, str]:
        if not isinstance(raw, dict) or not raw:
            self._problem("domains", "must name each mail domain and its synonyms", '{"example.org": ["example.net"]}')
            return {}
        domains: dict[str, str] = {}
        for domain, synonyms in raw.items():
            canonical = self._text("domains", domain.lower(), _DOMAIN, "example.org")
            names = synonyms if isinstance(synonyms, list) else [synonyms]
            for name in [canonical, *(self._text(f"domains.{domain}", n, _DOMAIN, "example.net") for n in names)]:
                if domains.setdefault(name.lower(), canonical) != canonical:
                    self._problem("domains", f"{name!r} belongs to two domains", '{"example.org": ["example.net"]}')
        return domains

    def _rest(self, raw: Any) -> Rest:
        raw = self._table("rest", raw, {"url", "user"})
        url = self._text(
            "rest.url", raw.get("url", "http://127.0.0.1:8001/3.1"), r"https?://\S+", "http://127.0.0.1:8001/3.1"
        )
        if url and not urlsplit(url).hostname:
            self._problem("rest.url", f"{url!r} names no host", "http://127.0.0.1:8001/3.1")
        user = self._text("rest.user", raw.get("user", "restadmin"), r"[^:\s]+", "restadmin")
        return Rest(url, user, self._secret(REST_PASSWORD))

    def _site_owner(self, raw: Any) -> SiteOwner | None:
        if raw is None:
            return None
        raw = self._table("site_owner", raw, {"address", "local_parts", "relay"})
        local_parts = raw.get("local_parts", ["mailman", "postorius"])
        return SiteOwner(
            address=self._text("site_owner.address", raw.get("address"), _ADDRESS, "admin@example.org").lower(),
            local_parts=tuple(
                part.lower() for part in self._texts("site_owner.local_parts", local_parts, r"[^@\s]+", "postorius")
            ),
            relay=self._server("site_owner.relay", raw.get("relay", {}), 25),
        )

    def _path(self, key: str, value: Any, example: str) -> Path:
        return Path(self._text(key, value, r"/.+", example))


_TOP_KEYS = frozenset(Configuration.__dataclass_fields__) | {"imap"}

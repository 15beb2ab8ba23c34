"""Where alerts and the status page go: written by Ansible. The URLs are secrets: many contain a token."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from listkit.common import configuration
from listkit.common.configuration import ConfigurationError, Table

CONFIGURATION = Path("/etc/listkit/alert.json")
SECRETS = Path("/etc/listkit/secrets")


@dataclass(frozen=True)
class Page:
    """The status page of this host. site: the site's name. has_core: whether Mailman core is on this host."""

    site: str
    has_core: bool


@dataclass(frozen=True)
class Destination:
    """Where alerts are sent.

    host: the name of this host in the messages. url: empty if no alerts are wanted.
    heartbeat: the URL that is requested at each run; may be empty.
    password: that of the SMTP account; empty without one.
    """

    host: str
    url: str
    heartbeat: str = ""
    password: str = ""
    page: Page | None = None


def load(path: Path = CONFIGURATION, secrets: Path = SECRETS) -> Destination:
    """Read the configuration. Raises ConfigurationError."""
    host, page = configuration.load(path, lambda table: (table.host("host"), _page(table)))
    url, heartbeat, password = (_secret(secrets / name) for name in ("alert_to", "alert_heartbeat", "alert_password"))
    return Destination(host, url, heartbeat, password, page)


def _page(table: Table) -> Page | None:
    if "page" not in table:
        return None
    page = table.table("page")
    return Page(page.text("site", example="Example Association"), page.flag("has_core"))


def _secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}; run the playbook to write it") from error

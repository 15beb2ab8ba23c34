"""Where alerts are sent: written by Ansible. The URLs are secrets: many contain a token."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from listkit.common import configuration
from listkit.common.configuration import ConfigurationError

CONFIGURATION = Path("/etc/listkit/alert.json")
SECRETS = Path("/etc/listkit/secrets")


@dataclass(frozen=True)
class Destination:
    """Where alerts are sent.

    host: the name of this host in the messages. heartbeat: the URL that is requested at each run; may be empty.
    password: that of the SMTP account; empty without one.
    """

    host: str
    url: str
    heartbeat: str = ""
    password: str = ""


def load(path: Path = CONFIGURATION, secrets: Path = SECRETS) -> Destination:
    """Read the configuration. Raises ConfigurationError."""
    host = configuration.load(path, lambda table: table.host("host"))
    return Destination(host, *(_secret(secrets / name) for name in ("alert_to", "alert_heartbeat", "alert_password")))


def _secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}; run the playbook to write it") from error

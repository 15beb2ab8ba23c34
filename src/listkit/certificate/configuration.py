"""`/etc/listkit/certificate.json`, which the role `certificate` writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from listkit.common import configuration
from listkit.common.configuration import DOMAIN, Table

CONFIGURATION = Path("/etc/listkit/certificate.json")
MODES = ("letsencrypt", "selfsigned", "files")


@dataclass(frozen=True)
class Configuration:
    """The settings.

    mode: one of `MODES`; names: the host names, the main one first; email, directory (a URL) and ca_file: for the ACME
    authority; check_reachable: whether to check that the names lead to this host before asking it; addresses: where
    the names should lead, looked up when empty; certificate_file and key_file: in the mode "files".
    """

    mode: str
    names: list[str]
    email: str = ""
    directory: str = ""
    ca_file: str = ""
    check_reachable: bool = True
    addresses: tuple[str, ...] = ()
    certificate_file: str = ""
    key_file: str = ""

    @classmethod
    def load(cls, path: Path | None = None) -> Configuration:
        """Read `path`, this host's file by default. Raises ConfigurationError."""
        return configuration.load(path or CONFIGURATION, cls._build)

    @classmethod
    def _build(cls, table: Table) -> Configuration:
        def optional(name: str, example: str) -> str:
            return table.text(name, pattern=r".*", example=example, default="")

        return cls(
            mode=table.choice("mode", MODES),
            names=list(table.texts("names", pattern=DOMAIN, example="lists.example.org")),
            email=optional("email", "admin@example.org"),
            directory=optional("directory", "https://acme-v02.api.letsencrypt.org/directory"),
            ca_file=optional("ca_file", "/etc/ssl/certs/ca-certificates.crt"),
            check_reachable=table.flag("check_reachable", default=True),
            addresses=table.texts("addresses", example="192.0.2.10", default=(), may_be_empty=True),
            certificate_file=optional("certificate_file", "/etc/listkit/tls-certificate.pem"),
            key_file=optional("key_file", "/etc/listkit/tls-key.pem"),
        )

    @property
    def question(self) -> str:
        """The request to the authority as text. When it changes, earlier failures no longer delay the next attempt."""
        return json.dumps([self.directory, self.names, self.ca_file, self.email])

"""The loopback addresses at which the kit's daemons find each other: `endpoints.json`, which Ansible reads, too."""

from __future__ import annotations

import json
import pkgutil
from dataclasses import dataclass


@dataclass(frozen=True)
class Endpoint:
    """A TCP server."""

    host: str
    port: int

    @property
    def address(self) -> tuple[str, int]:
        """Host and port as `socket` wants them."""
        return self.host, self.port


@dataclass(frozen=True)
class RestEndpoint(Endpoint):
    """Mailman's REST API: its version and the user who may call it."""

    version: str
    user: str

    @property
    def url(self) -> str:
        """The URL of the API, with its version."""
        return f"http://{self.host}:{self.port}/{self.version}"


@dataclass(frozen=True)
class HttpEndpoint(Endpoint):
    """A web application below `path`."""

    path: str

    @property
    def url(self) -> str:
        """The URL of the application."""
        return f"http://{self.host}:{self.port}{self.path}"


# `pkgutil`, because inside the zipapp the file has no path.
_FACTS = json.loads(pkgutil.get_data(__package__, "endpoints.json") or b"{}")

CORE_REST = RestEndpoint(**_FACTS["core_rest"])
CORE_LMTP = Endpoint(**_FACTS["core_lmtp"])
RELAY_SMTP = Endpoint(**_FACTS["relay_smtp"])
ARCHIVE = HttpEndpoint(**_FACTS["archive"])
DATABASE = Endpoint(**_FACTS["database"])

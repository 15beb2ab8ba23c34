"""The links to the other hosts of a site. Settings: `links`, each with `name`, `port` (on loopback), `protocol`, and
`address` and `tunnel_port` of the other end.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from listkit.check.finding import Check, Finding
from listkit.check.probes import TIMEOUT_SECONDS, greeting
from listkit.check.settings import Settings
from listkit.common.configuration import Table

PROTOCOLS = {
    "smtp": (b"", b"220"),
    "http": (b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1."),
    # Asks whether it has TLS; the answer is one letter.
    "postgresql": (struct.pack("!ii", 8, 80877103), b""),
}
"""A first request to a daemon, and how its answer begins."""


@dataclass(frozen=True)
class Link:
    """A loopback port that leads to a daemon on another host."""

    name: str
    port: int
    protocol: str
    address: str
    tunnel_port: int


def checks(settings: Settings) -> list[Check]:
    """Return a check for each link."""
    links = [_link(table) for table in settings.own.tables("links")]
    return [Check(f"link {link.name}", partial(check_link, link), needs_root=True) for link in links]


def _link(table: Table) -> Link:
    table.ignore("key")
    return Link(
        table.text("name", example="core-25"),
        table.port("port"),
        table.choice("protocol", PROTOCOLS),
        table.host("address"),
        table.port("tunnel_port"),
    )


def check_link(link: Link) -> Iterator[Finding]:
    """The daemon behind a link answers; the link itself accepts connections even when nothing is behind it."""
    request, beginning = PROTOCOLS[link.protocol]
    name, far = f"link {link.name}", f"{link.address} port {link.tunnel_port}"
    try:
        answer = greeting(("127.0.0.1", link.port), request)
    except ConnectionRefusedError:
        seen = f"nothing listens on 127.0.0.1 port {link.port}: the tunnel does not run"
        yield Finding.critical(name, seen, "`systemctl restart listkit-tunnel`")
        return
    except OSError as error:
        answer, reason = b"", str(error)
    else:
        reason = "the connection is closed at once" if not answer else "the answer is not the expected one"
    if answer and answer.startswith(beginning):
        yield Finding.ok(name, f"{far} answers")
    elif problem := _unreachable(link):
        remedy = (
            f"on {link.address}: `systemctl restart listkit-tunnel`, and let this host reach port {link.tunnel_port}"
        )
        yield Finding.critical(name, f"{far} cannot be reached: {problem}", remedy)
    else:
        seen = f"{far} can be reached, but the {link.protocol} server behind it does not answer: {reason}"
        yield Finding.critical(name, seen, f"on {link.address}: `listkit check` names the daemon that is down")


def _unreachable(link: Link) -> str:
    """Return the reason why the other end cannot be reached, or ""."""
    try:
        socket.create_connection((link.address, link.tunnel_port), TIMEOUT_SECONDS).close()
    except OSError as error:
        return str(error)
    return ""

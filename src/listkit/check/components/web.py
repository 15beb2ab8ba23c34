"""The web interface. Settings: `fqdn`, the site's host name."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

from listkit.check.finding import Check, Finding
from listkit.check.probes import with_last_log_line
from listkit.check.settings import Settings

FIRST_PAGE_SECONDS = 10.0
"""The first page after a start takes longer than the others."""
NAME = "web interface"


def checks(settings: Settings) -> list[Check]:
    """Return the check."""
    fqdn = settings.own.host("fqdn")
    return [Check(NAME, lambda: check_page(fqdn))]


def check_page(fqdn: str) -> Iterator[Finding]:
    """The page with all lists is served over TLS under the site's name."""
    try:
        status = fetch_status(fqdn)
    except ConnectionRefusedError as error:
        remedy = "`nginx -t` names faults of its configuration; `systemctl restart nginx`"
        yield Finding.critical(NAME, with_last_log_line(f"nginx does not listen: {error}", "nginx.service"), remedy)
    except OSError as error:
        yield Finding.critical(NAME, f"no page: {error}", "`systemctl restart mailman3-web`")
    else:
        if " 200 " in f"{status} ":
            yield Finding.ok(NAME, status)
        else:
            seen = with_last_log_line(status or "the connection is closed at once", "mailman3-web.service")
            yield Finding.critical(NAME, seen, "`systemctl restart mailman3-web`")


def fetch_status(fqdn: str) -> str:
    """Return the status line of the page. Raises OSError."""
    context = ssl.create_default_context()
    # Whether browsers accept the certificate is the finding of `certificate`.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = f"GET /mailman3/postorius/lists/ HTTP/1.1\r\nHost: {fqdn}\r\nConnection: close\r\n\r\n"
    with (
        socket.create_connection(("127.0.0.1", 443), FIRST_PAGE_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=fqdn) as connection,
    ):
        connection.sendall(request.encode())
        return connection.makefile("rb").readline().decode(errors="replace").strip()

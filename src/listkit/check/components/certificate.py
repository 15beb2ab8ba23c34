"""The certificate that the web server sends. Settings: `fqdn`, the site's host name; `days`, the days for which it must
still be valid; and `mode`, where it has to come from.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from listkit.certificate.configuration import MODES
from listkit.certificate.files import Certificate, parse
from listkit.check.finding import Check, Finding
from listkit.check.probes import TIMEOUT_SECONDS
from listkit.check.settings import Settings

DAY_SECONDS = 86_400
LEAST_SHARE_LEFT = 0.25
"""A certificate with a smaller share of its lifetime left is overdue: it is renewed after two thirds."""
RENEW = "`systemctl start listkit-certificate`"


def checks(settings: Settings) -> list[Check]:
    """Return the check."""
    fqdn, days = settings.own.host("fqdn"), settings.own.integer("days", 0, 10_000)
    mode = settings.own.choice("mode", MODES)
    return [Check("certificate", lambda: check_certificate(fqdn, days, mode))]


def check_certificate(fqdn: str, days: int, mode: str) -> Iterator[Finding]:
    """The web server sends a certificate for the site that is valid long enough, and of the authority where wanted."""
    try:
        certificate = parse(served(fqdn))
    except OSError as error:
        seen = f"the web server sends none: {error}"
        remedy = "`nginx -t` names faults of its configuration; `systemctl restart nginx`"
        yield Finding.critical("certificate", seen, remedy)
        return
    finding = judge(certificate, fqdn, days, time.time(), mode)
    yield finding.measured(listkit_certificate_not_after_timestamp_seconds=certificate.not_after)


def served(fqdn: str) -> bytes:
    """Return the certificate that the web server sends, as PEM. Raises OSError."""
    # Not the default context, which loads all authorities.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The finding names a certificate that browsers reject; here it has to be read.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", 443), TIMEOUT_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=fqdn) as connection,
    ):
        return ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True) or b"").encode()


def judge(certificate: Certificate, fqdn: str, days: int, now: float, mode: str) -> Finding:
    """Return the finding about a certificate."""
    left = certificate.not_after - now
    least = min(days * DAY_SECONDS, LEAST_SHARE_LEFT * (certificate.not_after - certificate.not_before))
    seen = f"for {fqdn}, {left / DAY_SECONDS:.0f} days left"
    if not certificate.covers([fqdn]):
        seen = f"not for {fqdn} but for {', '.join(sorted(certificate.names))}"
        return Finding.critical("certificate", f"{seen}{last_failure()}", RENEW)
    if left <= least:
        return Finding.critical("certificate", f"{seen}{last_failure()}", RENEW)
    if certificate.self_signed and mode == "letsencrypt":
        since = datetime.fromtimestamp(certificate.not_before, UTC)
        seen = f"temporary and self-signed since {since:%Y-%m-%d %H:%M} UTC, browsers warn of it{last_failure()}"
        return Finding.warning("certificate", seen, RENEW)
    return Finding.ok("certificate", seen)


def last_failure(record: Path | None = None) -> str:
    """Return the authority's last refusal, to append to a finding; "" when there is none or only root can read it."""
    # A zipapp keeps no bytecode: most of the regular checks do without it.
    from listkit.certificate import lifecycle

    try:
        reason = json.loads((record or lifecycle.ROOT / "attempts.json").read_text())["reason"]
    except (OSError, ValueError, KeyError):
        return ""
    return f"; the last attempt failed: {reason}"

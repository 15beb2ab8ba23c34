"""`listkit check`: look at every station of a message's way, say what is wrong and what to do about it.

Reads `/etc/listkit/check.json` (written by the role `verify`): `fqdn` (str), `units` (the systemd units that must be
active), `listeners` (the TCP ports that may listen to the outside), `certificate_days` (int: fewer left is a failure).

Exit status: 0 all well, 1 something is wrong, 2 the configuration can't be read.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

CONFIGURATION = Path("/etc/listkit/check.json")
TIMEOUT_SECONDS = 10
DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Finding:
    """What one check looked at, whether it is well, what was seen, and what to do when it isn't."""

    what: str
    well: bool
    seen: str
    fix: str = ""

    def __str__(self) -> str:
        text = f"{'ok  ' if self.well else 'FAIL'} {self.what}: {self.seen}"
        return text if self.well else f"{text}\n     → {self.fix}"


def check_units(units: Iterable[str]) -> Iterator[Finding]:
    """Every unit that the kit deployed is active."""
    units = list(units)
    answer = subprocess.run(["systemctl", "is-active", "--", *units], capture_output=True, text=True, check=False)
    for unit, state in zip(units, answer.stdout.split(), strict=True):
        yield Finding(unit, state == "active", state, f"journalctl -u {unit} -n 50 says why")


def check_listeners(allowed: Iterable[int], sockets: str | None = None) -> Iterator[Finding]:
    """Nothing but the allowed ports listens to the outside. `sockets`: the output of `ss`, looked up when not given."""
    if sockets is None:
        sockets = subprocess.run(["ss", "-Htln"], capture_output=True, text=True, check=True).stdout
    outside = {port for address, port in map(_local_address, sockets.splitlines()) if not _is_loopback(address)}
    surplus = sorted(outside - set(allowed))
    yield Finding(
        "ports open to the outside",
        not surplus,
        ", ".join(map(str, sorted(outside))) or "none",
        f"ss -tlnp shows who listens on {', '.join(map(str, surplus))}; bind it to 127.0.0.1 or remove it",
    )


def _local_address(line: str) -> tuple[str, int]:
    address, _, port = line.split()[3].rpartition(":")
    return address.strip("[]").partition("%")[0], int(port)


def _is_loopback(address: str) -> bool:
    return address != "*" and ipaddress.ip_address(address).is_loopback


def check_greeting(what: str, port: int, greeting: bytes, fix: str) -> Iterator[Finding]:
    """A server on loopback greets as it should."""
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
            seen = connection.recv(200)
    except OSError as error:
        yield Finding(what, False, f"127.0.0.1:{port}: {error}", fix)
    else:
        yield Finding(what, seen.startswith(greeting), seen.decode(errors="replace").strip(), fix)


def check_web(fqdn: str, days: int) -> Iterator[Finding]:
    """The list page is served over TLS under the site's name, and its certificate is good for a while."""
    # A temporary self-signed certificate is no fault of the web interface; `listkit certificate` reports on it.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = f"GET /mailman3/postorius/lists/ HTTP/1.1\r\nHost: {fqdn}\r\nConnection: close\r\n\r\n".encode()
    try:
        with (
            socket.create_connection(("127.0.0.1", 443), TIMEOUT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=fqdn) as connection,
        ):
            certificate = connection.getpeercert(binary_form=True)
            connection.sendall(request)
            status = connection.makefile("rb").readline().decode(errors="replace").strip()
    except OSError as error:
        yield Finding("web interface", False, str(error), "journalctl -u nginx -u mailman3-web -n 50 says why")
        return
    yield Finding("web interface", " 200 " in f"{status} ", status, "journalctl -u mailman3-web -n 50 says why")
    left = (_expiry(certificate) - time.time()) / DAY_SECONDS
    yield Finding(
        "certificate", left > days, f"{left:.0f} days left", "journalctl -u 'listkit-certificate*' -n 50 says why"
    )


def _expiry(certificate: bytes) -> float:
    """When a DER certificate ends, as seconds since 1970: Debian's openssl reads it, the standard library can't."""
    answer = subprocess.run(
        ["openssl", "x509", "-inform", "DER", "-noout", "-enddate"], input=certificate, capture_output=True, check=True
    )
    return ssl.cert_time_to_seconds(answer.stdout.decode().strip().partition("=")[2])


def look_at(configuration: dict) -> list[Finding]:
    """Run every check that the configuration names."""
    checks: list[Callable[[], Iterator[Finding]]] = [
        lambda: check_units(configuration["units"]),
        lambda: check_listeners(configuration["listeners"]),
    ]
    if "mailman3.service" in configuration["units"]:
        checks.append(
            lambda: check_greeting("Mailman's LMTP server", 8024, b"220", "journalctl -u mailman3 -n 50 says why")
        )
    if "postfix@-.service" in configuration["units"] or "postfix.service" in configuration["units"]:
        checks.append(lambda: check_greeting("the relay", 25, b"220", "journalctl -u 'postfix*' -n 50 says why"))
    if "nginx.service" in configuration["units"]:
        checks.append(lambda: check_web(configuration["fqdn"], configuration["certificate_days"]))
    return [finding for check in checks for finding in check()]


def main(arguments: list[str]) -> int:
    """Print the findings as text or, with `--json`, as a list of objects with the keys of `Finding`."""
    parser = argparse.ArgumentParser(prog="listkit check", description="Look at every station of a message's way.")
    parser.add_argument("--json", action="store_true", help="print a list of findings as JSON")
    parser.add_argument(
        "--wait", type=float, default=0, metavar="SECONDS", help="give failing checks this long to mend"
    )
    options = parser.parse_args(arguments)
    try:
        configuration = json.loads(CONFIGURATION.read_text())
    except (OSError, ValueError) as error:
        print(f"{CONFIGURATION}: {error}; run the playbook to write it", file=sys.stderr)
        return 2
    deadline = time.monotonic() + options.wait
    findings = look_at(configuration)
    while not all(finding.well for finding in findings) and time.monotonic() < deadline:
        time.sleep(0.5)
        findings = look_at(configuration)
    print(json.dumps([asdict(f) for f in findings]) if options.json else "\n".join(map(str, findings)))
    return 0 if all(finding.well for finding in findings) else 1

"""`listkit check`: look at every station of a message's way, say what is wrong and what to do about it.

Reads `/etc/listkit/check.json` (written by the role `verify`): `fqdn` (str), `units` (the systemd units that must be
active), `listeners` (the TCP ports that may listen to the outside), `links` (the loopback ports that lead to other
hosts, each with `name`, `port`, `protocol`, `address`, `tunnel_port`), `certificate_days` (int: the days that the
certificate must have left, if it is good for longer at all), `lists` (by address, the settings that each declared list
must have).

Exit status: 0 all well, 1 something is wrong, 2 the configuration can't be read.
"""

from __future__ import annotations

import argparse
import base64
import functools
import ipaddress
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from listkit.budget.service import STALE_SECONDS
from listkit.budget.service import STATUS as BUDGET_STATUS
from listkit.certificate import files as certificates
from listkit.common import patching

CONFIGURATION = Path("/etc/listkit/check.json")
TIMEOUT_SECONDS = 10
DAY_SECONDS = 86_400
LEAST_SHARE_LEFT = 0.25
"""A certificate with less of its life left should have been renewed: ours is, after two thirds."""
# What one says first to a daemon, and how its answer begins. PostgreSQL is asked whether it has TLS.
PROTOCOLS = {
    "smtp": (b"", b"220"),
    "http": (b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1."),
    "postgresql": (struct.pack("!ii", 8, 80877103), b""),
}
LEAST_FREE_BYTES = 512 * 1024**2
REST_URL = "http://127.0.0.1:8001/3.1"
REST_PASSWORD = Path("/etc/listkit/secrets/rest_password")
QUEUES = Path("/var/lib/mailman3/queue")
BRIDGE_CONFIGURATION = Path("/etc/listkit/bridge.json")
BRIDGE_METRICS = Path("/run/listkit-bridge/metrics.prom")
GROWING = tuple(map(Path, ("/", "/var/lib/mailman3", "/var/lib/postgresql", "/var/log", "/var/spool/postfix")))
"""Directories that fill up, each perhaps on a disk of its own."""
SECRET_FILES = (
    "etc/listkit/secrets/*",
    "etc/listkit/tls-key.pem",
    "etc/mailman3/listkit-hyperkitty.cfg",
    "etc/mailman3/mailman.cfg",
    "etc/mailman3/mailman-web.py",
    "etc/postfix/sasl_passwd*",
    "var/lib/listkit/certificate/live/privkey.pem",
)


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


def check_database() -> Iterator[Finding]:
    """The database answers. Debian's `postgresql.service` stays active when its cluster isn't."""
    answer = subprocess.run(["pg_isready"], capture_output=True, text=True, check=False)
    fix = "journalctl -u 'postgresql@*' -n 50 says why"
    yield Finding("the database", answer.returncode == 0, answer.stdout.strip(), fix)


def check_jobs() -> Iterator[Finding]:
    """None of the kit's jobs has failed the last time it ran."""
    command = ["systemctl", "list-units", "--failed", "--plain", "--no-legend", "listkit-*"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    failed = [line.split()[0] for line in answer.stdout.splitlines()]
    yield Finding(
        "jobs",
        not failed,
        f"failed: {', '.join(failed)}" if failed else "none has failed",
        f"journalctl -u {failed[0] if failed else ''} -n 50 says why; systemctl start runs it again",
    )


def check_disks(directories: Iterable[Path] = GROWING, least: int = LEAST_FREE_BYTES) -> Iterator[Finding]:
    """There is room, for bytes and for files."""
    full = []
    for directory in filter(Path.exists, directories):
        disk = os.statvfs(directory)
        if disk.f_bavail * disk.f_frsize < least or (disk.f_files and disk.f_favail == 0):
            full.append(str(directory))
    yield Finding(
        "disks",
        not full,
        f"less than {least // 1024**2} MiB free at {', '.join(full)}" if full else "there is room",
        "df -h and df -i show it; journalctl --vacuum-size=50M and apt-get clean make some room",
    )


def check_secrets(root: Path = Path("/")) -> Iterator[Finding]:
    """No file with a secret can be read by others."""
    files = sorted(path for pattern in SECRET_FILES for path in root.glob(pattern))
    open_ones = [str(path) for path in files if path.stat().st_mode & 0o007]
    yield Finding(
        "secrets",
        not open_ones,
        f"others can read {', '.join(open_ones)}" if open_ones else f"{len(files)} files, closed to others",
        "run the playbook, which sets the modes; renew the secret if somebody may have read it",
    )


def check_patches(records: Path = patching.DIRECTORY) -> Iterator[Finding]:
    """Every patch to Mailman and its web interface is applied."""
    fix = "docs/reference/patches.md says what each patch is for; update the kit, which must know the new release first"
    try:
        failures = list(patching.recorded_failures(records))
    except ValueError as error:
        yield Finding("patches", False, str(error), "restart mailman3 and mailman3-web, which write the records")
        return
    yield Finding(
        "patches",
        not failures,
        "; ".join(f"{failure.patch} is not applied: {failure.reason}" for failure in failures) or "all applied",
        fix,
    )


def check_set_aside(queues: Path = QUEUES) -> Iterator[Finding]:
    """Mailman hasn't set a message aside that it couldn't handle."""
    shunted = len(list(queues.glob("shunt/*.pck")))
    unreadable = len(list(queues.glob("bad/*")))
    yield Finding(
        "messages set aside",
        not shunted + unreadable,
        f"{shunted} in {queues}/shunt, {unreadable} in {queues}/bad",
        "/var/log/mailman3/mailman.log says why; `runuser -u list -- mailman unshunt` handles the first anew, "
        "`mailman qfile FILE` shows one; remove what isn't wanted",
    )


def check_outgoing(status: Path = BUDGET_STATUS) -> Iterator[Finding]:
    """The budget works, and no mail account pauses because the provider refused it.

    Not even for its quota, which the budget keeps: somebody else sends, or the limit is lower than configured.
    """
    try:
        numbers = json.loads(status.read_text())
    except FileNotFoundError:
        return  # not this host's; a budget that should run and doesn't is a unit that isn't active
    age, accounts = time.time() - numbers["time"], numbers["accounts"]
    if age > STALE_SECONDS:
        seen = f"the budget hasn't got on for {age:.0f} s, so nothing leaves"
        yield Finding("outgoing mail", False, seen, "journalctl -u listkit-budget -n 50 says why")
        return
    pausing = [account for account in accounts if account["pause"]]
    yield Finding(
        "outgoing mail",
        not pausing,
        "; ".join(f"{account['address']} pauses: {account['pause']['reply']}" for account in pausing)
        or "nothing pauses",
        f"{pausing[0]['pause']['advice'] if pausing else ''}; then `listkit budget resume`",
    )


def check_incoming(metrics: Path = BRIDGE_METRICS, configuration: Path = BRIDGE_CONFIGURATION) -> Iterator[Finding]:
    """The bridge is logged in to every mailbox."""
    try:
        lines = metrics.read_text().splitlines()
        accounts = json.loads(configuration.read_text())["mailboxes"]
    except FileNotFoundError:
        return  # a bridge that should run and doesn't is a unit that isn't active
    connected = {line.split('"')[1] for line in lines if line.startswith("listkit_bridge_up{") and line.endswith(" 1")}
    away = [account for account in accounts if account.lower() not in connected]
    yield Finding(
        "incoming mail",
        not away,
        f"not logged in to {', '.join(away)}" if away else "logged in to every mailbox",
        "journalctl -u listkit-bridge -n 50 says why; a refused password is mended in the inventory, and deployed",
    )


def check_lists(declared: dict[str, dict[str, object]]) -> Iterator[Finding]:
    """Mailman answers, which it can't without its database, and has the declared lists with their settings."""
    fix = "journalctl -u mailman3 -u 'postgresql*' -n 50 says why"
    try:
        existing = {entry["fqdn_listname"] for entry in _rest("lists").get("entries", [])}
        deviating = [
            f"{address}: {name} is {config[name]}"
            for address in sorted(existing & set(declared))
            for config in [_rest(f"lists/{address}/config")]
            for name, value in declared[address].items()
            if config[name] != value
        ]
    except (OSError, ValueError) as error:
        yield Finding("Mailman's REST API", False, str(error), fix)
        return
    yield Finding("Mailman's REST API", True, f"{len(existing)} lists")
    missing = sorted(set(declared) - existing)
    yield Finding(
        "declared lists",
        not missing,
        f"missing: {', '.join(missing)}" if missing else f"all {len(declared)} there",
        "run the playbook, which makes them, or take them out of mailman_lists",
    )
    yield Finding(
        "settings of the declared lists",
        not deviating,
        "; ".join(deviating) or "as declared",
        "run the playbook, which sets them again, or declare the change in mailman_lists",
    )


def _rest(path: str) -> dict:
    """What Mailman's REST API answers. Raises OSError when it doesn't, ValueError when it isn't JSON."""
    login = base64.b64encode(f"restadmin:{REST_PASSWORD.read_text().strip()}".encode()).decode()
    request = urllib.request.Request(f"{REST_URL}/{path}", headers={"Authorization": f"Basic {login}"})  # noqa: S310 -- REST_URL is http
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 -- REST_URL is http
        return json.load(answer)


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


def check_link(link: dict) -> Iterator[Finding]:
    """The daemon behind a link answers; the link itself takes a connection even when nothing is behind it."""
    request, greeting = PROTOCOLS[link["protocol"]]
    what, far = f"link {link['name']}", f"{link['address']} port {link['tunnel_port']}"
    try:
        with socket.create_connection(("127.0.0.1", link["port"]), TIMEOUT_SECONDS) as connection:
            connection.settimeout(TIMEOUT_SECONDS)
            connection.sendall(request)
            seen = connection.recv(200)
    except OSError as error:
        seen, shown = b"", str(error)
    else:
        shown = "answers" if seen else "the connection ends at once"
    fix = f"see that {far} can be reached and its daemon runs; journalctl -u listkit-tunnel says more, on both hosts"
    yield Finding(what, bool(seen) and seen.startswith(greeting), f"{far}: {shown}", fix)


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
            certificate = ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True)).encode()
            connection.sendall(request)
            status = connection.makefile("rb").readline().decode(errors="replace").strip()
    except OSError as error:
        yield Finding("web interface", False, str(error), "journalctl -u nginx -u mailman3-web -n 50 says why")
        return
    yield Finding("web interface", " 200 " in f"{status} ", status, "journalctl -u mailman3-web -n 50 says why")
    yield judge_certificate(certificates.parse(certificate), fqdn, days, time.time())


def judge_certificate(certificate: certificates.Certificate, fqdn: str, days: int, now: float) -> Finding:
    """The certificate is for the site, and good for so many days, or for a quarter of a shorter life."""
    left, named = certificate.not_after - now, certificate.covers([fqdn])
    least = min(days * DAY_SECONDS, LEAST_SHARE_LEFT * (certificate.not_after - certificate.not_before))
    return Finding(
        "certificate",
        left > least and named,
        f"{left / DAY_SECONDS:.0f} days left, {'' if named else 'not '}for {fqdn}",
        "journalctl -u 'listkit-certificate*' -n 50 says why",
    )


def look_at(configuration: dict) -> list[Finding]:
    """Run every check that the configuration names."""
    checks: list[Callable[[], Iterator[Finding]]] = [
        lambda: check_units(configuration["units"]),
        check_jobs,
        lambda: check_listeners(configuration["listeners"]),
        check_disks,
        check_secrets,
        check_outgoing,
        check_incoming,
        check_patches,
    ]
    checks += [functools.partial(check_link, link) for link in configuration["links"]]
    if "mailman3.service" in configuration["units"]:
        checks += [
            lambda: check_greeting("Mailman's LMTP server", 8024, b"220", "journalctl -u mailman3 -n 50 says why"),
            lambda: check_lists(configuration["lists"]),
            check_set_aside,
        ]
    if "postgresql.service" in configuration["units"]:
        checks.append(check_database)
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

"""A certificate from an ACME authority such as Let's Encrypt: whether it is worth asking, and asking with certbot."""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from listkit import certificate_dns
from listkit.certificate_files import CertificateError, Pair

ROOT = Path("/var/lib/listkit/acme")
WEBROOT = Path("/var/lib/listkit/acme-webroot")
CHALLENGES = ".well-known/acme-challenge"
NAME = "listkit"
TIMEOUT_SECONDS = 5
CERTBOT_SECONDS = 300
FIRST_PAUSE_SECONDS = 15 * 60
LONGEST_PAUSE_SECONDS = 24 * 3600
"""Let's Encrypt allows five failures an hour and name: who says no is left alone for longer and longer."""

CHATTER = (
    "Account registered",
    "Ask for help",
    "Hint:",
    "Renewing an existing",
    "Requesting a certificate",
    "Saving debug log",
    "Some challenges",
)
"""How certbot begins the lines that explain nothing."""


class Unreachable(CertificateError):
    """The authority couldn't reach this host under its names: asking would only spend an attempt."""


class Refused(CertificateError):
    """The authority gave no certificate. `names`: those that it holds against us, as far as it says."""

    def __init__(self, reason: str, names: Sequence[str]) -> None:
        super().__init__(reason)
        self.names = names


@dataclass
class Attempts:
    """What came of the last attempts. `next_at`: seconds since 1970; `wanted`: the question that was asked."""

    wanted: str = ""
    failures: int = 0
    next_at: float = 0
    reason: str = ""

    @classmethod
    def load(cls, path: Path, wanted: str) -> Attempts:
        """Read `path`; a new question, or a file that can't be read, starts from nothing."""
        try:
            attempts = cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return cls(wanted)
        return attempts if attempts.wanted == wanted else cls(wanted)

    def save(self, path: Path) -> None:
        """Write them to `path`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(json.dumps(asdict(self)))
        new.replace(path)

    def failed(self, now: float, reason: str) -> None:
        """Count a failure: the next attempt is twice as far away as the last one was."""
        pause = min(FIRST_PAUSE_SECONDS * 2**self.failures, LONGEST_PAUSE_SECONDS)
        self.failures, self.next_at, self.reason = self.failures + 1, now + pause, reason


def own_addresses() -> list[str]:
    """Return the addresses from which this host speaks to the internet. Nothing is sent."""
    found = []
    for family, elsewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((elsewhere, 9))
            except OSError:
                continue
            found.append(probe.getsockname()[0])
    return found


def record_lines(name: str, addresses: Sequence[str]) -> str:
    """Return the DNS records that lead `name` to `addresses`, as they are typed into a zone."""
    return " and ".join(f"{name}. {'AAAA' if ':' in address else 'A'} {address}" for address in addresses)


def unreachable(names: Sequence[str], addresses: Sequence[str]) -> dict[str, str]:
    """Return the names that don't lead back to this host's port 80, each with why, and the records to create."""
    token = secrets.token_urlsafe(24)
    file = WEBROOT / CHALLENGES / f"listkit-{token}"
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        file.write_text(token)
        file.chmod(0o644)
        problems = {name: "; ".join(_problems(name, addresses, file.name, token)) for name in names}
    finally:
        file.unlink(missing_ok=True)
    return {name: problem for name, problem in problems.items() if problem}


def _problems(name: str, own: Sequence[str], file: str, token: str) -> Iterator[str]:
    try:
        found = certificate_dns.addresses(name)
    except certificate_dns.DnsError as error:
        yield str(error)
        return
    record = record_lines(name, own or own_addresses())
    if not found:
        yield f"{name} has no DNS record: create {record}"
    for address in found:
        reason = _fetch(name, address, f"/{CHALLENGES}/{file}", token)
        if reason:
            yield f"the DNS leads {name} to {address}, where this host doesn't answer ({reason}): it should be {record}"


def _fetch(name: str, address: str, path: str, expected: str) -> str:
    """Return why `path` can't be had from `address`, or nothing."""
    connection = http.client.HTTPConnection(address, 80, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path, headers={"Host": name})
        answer = connection.getresponse()
        body = answer.read(len(expected) + 1)
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return "" if (answer.status, body) == (200, expected.encode()) else f"HTTP {answer.status}, another host's page"


def issued() -> Pair | None:
    """Return what the authority issued last, if it can be used: a killed certbot may leave the key of another one."""
    lineage = ROOT / "live" / NAME
    return Pair.usable(lineage / "fullchain.pem", lineage / "privkey.pem")


def issuer() -> str:
    """Return the directory of the authority that was asked last, as certbot keeps it."""
    try:
        kept = (ROOT / "renewal" / f"{NAME}.conf").read_text()
    except OSError:
        return ""
    found = re.search(r"^server\s*=\s*(\S+)", kept, re.M)
    return found[1].strip("\"'") if found else ""


def _forget() -> None:
    """Take away what certbot keeps of the certificate: it stumbles over files that it left half-written itself."""
    for folder in ("live", "archive"):
        shutil.rmtree(ROOT / folder / NAME, ignore_errors=True)  # either may be missing: it is half-written
    (ROOT / "renewal" / f"{NAME}.conf").unlink(missing_ok=True)


def certbot_command(names: Sequence[str], email: str, directory: str) -> list[str]:
    """Return the command that gets a certificate for `names` now, whatever is there already."""
    contact = ["--email", email, "--no-eff-email"] if email else ["--register-unsafely-without-email"]
    return [
        *("certbot", "certonly", "--non-interactive", "--agree-tos", *contact, "--server", directory),
        *("--config-dir", str(ROOT), "--work-dir", str(ROOT / "work"), "--logs-dir", str(ROOT / "logs")),
        *("--max-log-backups", "10", "--cert-name", NAME, "--key-type", "ecdsa"),
        *("--force-renewal", "--renew-with-new-domains", "--webroot", "--webroot-path", str(WEBROOT)),
        # Else it keeps a real certificate when the directory is changed to that of a staging authority.
        "--break-my-certs",
        *(argument for name in names for argument in ("--domain", name)),
    ]


def obtain(
    names: Sequence[str],
    email: str,
    directory: str,
    ca_file: str | None,
    run: Callable[..., subprocess.CompletedProcess] = subprocess.run,
) -> Pair:
    """Ask the authority at `directory` for a certificate. `ca_file`: whom to believe about its own certificate."""
    WEBROOT.mkdir(parents=True, exist_ok=True)
    if issued() is None or not issuer():
        _forget()
    environment = dict(os.environ, **({"REQUESTS_CA_BUNDLE": ca_file} if ca_file else {}))
    command = certbot_command(names, email, directory)
    try:
        answer = run(command, env=environment, capture_output=True, text=True, timeout=CERTBOT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CertificateError(f"certbot: {error}") from error
    if answer.returncode:
        said = answer.stderr + answer.stdout
        reason = f"the authority at {directory} gave none: {explanation(said)}"
        raise Refused(reason, re.findall(r"^\s*Domain:\s*(\S+)", said, re.M))
    pair = issued()
    # What isn't recognised would be asked for again at once, until the authority has enough of it.
    if pair is None or not pair.certificate.covers(names) or issuer() != directory:
        raise CertificateError(
            f"certbot reports success, but the certificate of {directory} for {', '.join(names)} isn't under "
            f"{ROOT / 'live' / NAME}"
        )
    return pair


def explanation(output: str) -> str:
    """Return the lines of certbot's output that say what went wrong."""
    lines = (line.strip() for line in output.splitlines())
    return " ".join(dict.fromkeys(line for line in lines if line and not line.startswith(CHATTER)))

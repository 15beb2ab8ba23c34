"""A certificate from an ACME authority such as Let's Encrypt, obtained with certbot."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from listkit.certificate.files import CertificateError, Pair
from listkit.common.backoff import Backoff
from listkit.common.durable import write_durably

ROOT = Path("/var/lib/listkit/acme")
WEBROOT = Path("/var/lib/listkit/acme-webroot")
NAME = "listkit"
CERTBOT_SECONDS = 300
RETRY = Backoff(first=15 * 60, longest=24 * 3600)
"""Let's Encrypt allows five failed validations for a name in an hour."""

CHATTER = (
    "Account registered",
    "Ask for help",
    "Hint:",
    "Renewing an existing",
    "Requesting a certificate",
    "Saving debug log",
    "Some challenges",
)
"""Beginnings of the lines of certbot's output that explain nothing."""


class Refused(CertificateError):
    """The authority issued no certificate. `names`: the names that it rejected, as far as it says."""

    def __init__(self, reason: str, names: Sequence[str]) -> None:
        super().__init__(reason)
        self.names = names


@dataclass
class Attempts:
    """Failed attempts in a row. `next_at`: when to try next, in seconds since 1970; `wanted`: the request."""

    wanted: str = ""
    failures: int = 0
    next_at: float = 0
    reason: str = ""

    @classmethod
    def load(cls, path: Path, wanted: str) -> Attempts:
        """Read `path`; a new request, or a file that cannot be read, starts without failures."""
        try:
            attempts = cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return cls(wanted)
        return attempts if attempts.wanted == wanted else cls(wanted)

    def save(self, path: Path) -> None:
        """Write them to `path`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, json.dumps(asdict(self)))

    def failed(self, now: float, reason: str) -> None:
        """Count a failure: the delay until the next attempt doubles."""
        self.failures += 1
        self.next_at, self.reason = now + RETRY.delay(self.failures), reason


def issued() -> Pair | None:
    """Return the last certificate issued, or None when it is not usable: a killed certbot may leave another's key."""
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
    """Remove certbot's files of the certificate: it fails on files that it left half-written itself."""
    for folder in ("live", "archive"):
        shutil.rmtree(ROOT / folder / NAME, ignore_errors=True)  # either may be missing: it is half-written
    (ROOT / "renewal" / f"{NAME}.conf").unlink(missing_ok=True)


def certbot_command(names: Sequence[str], email: str, directory: str) -> list[str]:
    """Return the command that obtains a certificate for `names` now, even if there is a valid one."""
    contact = ["--email", email, "--no-eff-email"] if email else ["--register-unsafely-without-email"]
    return [
        *("certbot", "certonly", "--non-interactive", "--agree-tos", *contact, "--server", directory),
        *("--config-dir", str(ROOT), "--work-dir", str(ROOT / "work"), "--logs-dir", str(ROOT / "logs")),
        *("--max-log-backups", "10", "--cert-name", NAME, "--key-type", "ecdsa"),
        *("--force-renewal", "--renew-with-new-domains", "--webroot", "--webroot-path", str(WEBROOT)),
        # Otherwise it keeps a trusted certificate when `directory` changes to a staging authority's.
        "--break-my-certs",
        *(argument for name in names for argument in ("--domain", name)),
    ]


def obtain(
    names: Sequence[str],
    email: str,
    directory: str,
    ca_file: str | None,
    run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run,
) -> Pair:
    """Ask the authority at `directory` for a certificate. `ca_file`: the CA of its own certificate.

    Raises Refused, or CertificateError when certbot itself fails.
    """
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
        reason = f"the authority at {directory} issued none: {explanation(said)}"
        raise Refused(reason, re.findall(r"^\s*Domain:\s*(\S+)", said, re.M))
    pair = issued()
    # A certificate that is not recognised would be requested again and again, up to the authority's rate limit.
    if pair is None or not pair.certificate.covers(names) or issuer() != directory:
        raise CertificateError(
            f"certbot reports success, but the certificate of {directory} for {', '.join(names)} is not in "
            f"{ROOT / 'live' / NAME}"
        )
    return pair


def explanation(output: str) -> str:
    """Return the lines of certbot's output that explain the failure."""
    lines = (line.strip() for line in output.splitlines())
    return " ".join(dict.fromkeys(line for line in lines if line and not line.startswith(CHATTER)))

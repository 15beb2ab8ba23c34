"""`listkit certificate`: the web server's certificate, from nothing to the hundredth renewal.

`ensure` puts the best certificate in place that can be had without asking anybody: the authority's, the operator's own,
or a self-signed one. `renew` does that too, asks the ACME authority when it is time, and has nginx take what is new.

Reads `/etc/listkit/certificate.json` (written by the role `web`): `mode` ("letsencrypt", "selfsigned" or "files"),
`names` (list of host names, the main one first), `email`, `directory` (the authority's URL), `ca_file`,
`check_reachable` (bool), `addresses` (what the names should lead to; looked up when empty), `certificate_file` and
`key_file` (mode "files").

Exit status: 0 all is well or the name doesn't lead here yet (a warning says so), 1 what is needed can't be had, 2 the
configuration can't be read.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from listkit import certificate_acme as acme
from listkit.certificate_files import CertificateError, Pair, Store, make_self_signed

CONFIGURATION = Path("/etc/listkit/certificate.json")
ROOT = Path("/var/lib/listkit/certificate")
MODES = ("letsencrypt", "selfsigned", "files")


@dataclass(frozen=True)
class Configuration:
    """What `/etc/listkit/certificate.json` says; this module's documentation explains each field."""

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
    def load(cls, path: Path) -> Configuration:
        """Read `path`; `ValueError` says what is wrong with it."""
        data = json.loads(path.read_text())
        unknown = set(data) - {field.name for field in fields(cls)}
        if unknown or data.get("mode") not in MODES or not data.get("names"):
            raise ValueError(
                f"needs a mode of {', '.join(MODES)} and a list of names; unknown: {sorted(unknown) or 'none'}"
            )
        return cls(**data)

    @property
    def question(self) -> str:
        """What would be asked of the authority: a change means that earlier failures don't count any more."""
        return json.dumps([self.directory, self.names, self.ca_file, self.email])


@dataclass(frozen=True)
class Status:
    """What is in place. `temporary`: it stands in for the authority's; `wanted`: it is time to ask the authority."""

    changed: bool
    temporary: bool
    wanted: bool
    self_signed: bool
    names: list[str]
    expires: str


def best(configuration: Configuration, installed: Pair | None, now: float) -> Pair:
    """Return the certificate that should be in place, making a self-signed one if there is nothing better."""
    if configuration.mode == "files":
        return _own_files(configuration)
    if configuration.mode == "letsencrypt":
        # One that lacks a name which was added later is still better for the main name than one that nobody trusts.
        pair = acme.issued()
        if pair and pair.certificate.covers(configuration.names[:1]):
            return pair
    if installed:
        certificate = installed.certificate
        if certificate.self_signed and certificate.names == set(configuration.names) and not certificate.is_due(now):
            return installed
    return make_self_signed(configuration.names)


def _own_files(configuration: Configuration) -> Pair:
    pair = Pair.read(Path(configuration.certificate_file), Path(configuration.key_file))
    if pair is None:
        raise CertificateError(
            f"web_tls_mode is files, but {configuration.certificate_file or 'web_tls_certificate_file'} or "
            f"{configuration.key_file or 'web_tls_key_file'} is missing on this host"
        )
    pair.check_key()
    missing = [name for name in configuration.names if not pair.certificate.covers([name])]
    if missing:
        raise CertificateError(f"{configuration.certificate_file} isn't for {', '.join(missing)}")
    return pair


def ensure(configuration: Configuration, store: Store, now: float, dry_run: bool = False) -> Status:
    """Put the best certificate in place that can be had without asking anybody."""
    installed = store.installed()
    pair = best(configuration, installed, now)
    changed = pair != installed
    if changed and not dry_run:
        store.install(pair)
    certificate = pair.certificate
    return Status(
        changed=changed,
        temporary=configuration.mode == "letsencrypt" and certificate.self_signed,
        wanted=is_wanted(configuration, now),
        self_signed=certificate.self_signed,
        names=sorted(certificate.names),
        expires=_moment(certificate.not_after),
    )


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def is_wanted(configuration: Configuration, now: float) -> bool:
    """Whether it is time to ask the authority."""
    if configuration.mode != "letsencrypt":
        return False
    pair = acme.issued()
    return pair is None or not pair.certificate.covers(configuration.names) or pair.certificate.is_due(now)


def ask_authority(configuration: Configuration, now: float) -> None:
    """Get a certificate from the authority. `CertificateError`: not now; `acme.Unreachable`: asking is pointless."""
    record = ROOT / "attempts.json"
    attempts = acme.Attempts.load(record, configuration.question)
    if now < attempts.next_at:
        raise CertificateError(
            f"{attempts.reason} (asked {attempts.failures} times; again at {_moment(attempts.next_at)})"
        )
    if configuration.check_reachable:
        acme.check_reachable(configuration.names, configuration.addresses)
    try:
        acme.obtain(configuration.names, configuration.email, configuration.directory, configuration.ca_file or None)
    except CertificateError as error:
        attempts.failed(now, str(error))
        attempts.save(record)
        raise
    record.unlink(missing_ok=True)


def renew(configuration: Configuration, store: Store, now: float) -> int:
    """Ask the authority if it is time, put what is best in place, have nginx take it; return the exit status."""
    status, failure = 0, ""
    if is_wanted(configuration, now):
        try:
            ask_authority(configuration, now)
        except acme.Unreachable as unreachable:
            status, failure = int(acme.issued() is not None), str(unreachable)
        except CertificateError as error:
            status, failure = 1, str(error)
    result = ensure(configuration, store, now)
    if result.changed:
        _reload_web_server()
    if failure:
        kind = "a temporary self-signed" if result.temporary else "the old"
        print(f"{kind} certificate stays in place, until {result.expires}: {failure}", file=sys.stderr)
    return status


def _reload_web_server() -> None:
    subprocess.run(["systemctl", "try-reload-or-restart", "nginx.service"], check=True)


@contextmanager
def alone() -> Iterator[None]:
    """Keep the timer and a deployment out of each other's way."""
    ROOT.mkdir(parents=True, exist_ok=True)
    with (ROOT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(arguments: list[str]) -> int:
    """Carry out `ensure` or `renew`; `ensure` prints its `Status` as JSON."""
    parser = argparse.ArgumentParser(prog="listkit certificate", description="Look after the web server's certificate.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("ensure", help="put the best certificate in place that can be had without asking anybody")
    commands.add_parser("renew", help="ask the authority if it is time, and have nginx take what is new")
    options = parser.parse_args(arguments)
    try:
        configuration = Configuration.load(CONFIGURATION)
    except (OSError, ValueError) as error:
        print(f"{CONFIGURATION}: {error}; run the playbook to write it", file=sys.stderr)
        return 2
    store = Store(ROOT)
    try:
        with alone():
            if options.command == "renew":
                return renew(configuration, store, time.time())
            print(json.dumps(asdict(ensure(configuration, store, time.time()))))
    except CertificateError as error:
        print(error, file=sys.stderr)
        return 1
    return 0

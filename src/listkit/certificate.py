"""`listkit certificate`: the web server's certificate, from nothing to the hundredth renewal.

`ensure` puts the best certificate in place that can be had without asking anybody: the authority's, the operator's own,
or a self-signed one. `renew` does that too, asks the ACME authority when it is time, and has nginx take what is new;
what nginx refused to take it offers again at the next run.

Reads `/etc/listkit/certificate.json` (written by the role `web`): `mode` ("letsencrypt", "selfsigned" or "files"),
`names` (list of host names, the main one first), `email`, `directory` (the authority's URL), `ca_file`,
`check_reachable` (bool), `addresses` (what the names should lead to; looked up when empty), `certificate_file` and
`key_file` (mode "files").

Exit status: 0 all is well or the main name doesn't lead here yet (a warning says so), 1 what is needed can't be had,
for one of the names at least, 2 the configuration can't be read.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
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
    """What is in place.

    `changed`: the web server has yet to take it; `temporary`: it stands in for the authority's; `wanted`: `renew` has
    something to ask, or to try again.
    """

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
        # One that lacks a name which was added later is still better for the main name than one that nobody trusts, and
        # so is what is in place while the authority's can't be used.
        for pair in (acme.issued(), installed):
            if pair and pair.certificate.covers(configuration.names[:1]) and not pair.certificate.self_signed:
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
            f"tls_mode is files, but {configuration.certificate_file} or {configuration.key_file} is missing on this "
            "host: run the playbook, which brings them"
        )
    pair.check()
    missing = [name for name in configuration.names if not pair.certificate.covers([name])]
    if missing:
        raise CertificateError(f"{configuration.certificate_file} isn't for {', '.join(missing)}")
    return pair


def ensure(configuration: Configuration, store: Store, now: float, dry_run: bool = False) -> Status:
    """Put the best certificate in place that can be had without asking anybody."""
    installed = store.installed()
    pair = best(configuration, installed, now)
    new = pair != installed
    if new and not dry_run:
        store.install(pair)
    certificate, wanted = pair.certificate, is_wanted(configuration, configuration.names, now)
    if not wanted and not dry_run:
        # What the timer's job failed of is over, and `listkit check` need not wait for its next run to see that. A
        # pattern, because a unit that never ran isn't loaded, which is an error.
        command = ["systemctl", "reset-failed", "listkit-certificate.servic[e]"]
        subprocess.run(command, check=False)  # where that fails, the job's next good run ends the failure
    return Status(
        changed=new or not store.served,
        temporary=configuration.mode == "letsencrypt" and certificate.self_signed,
        wanted=wanted,
        self_signed=certificate.self_signed,
        names=sorted(certificate.names),
        expires=_moment(certificate.not_after),
    )


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def is_wanted(configuration: Configuration, names: Sequence[str], now: float) -> bool:
    """Whether it is time to ask the authority for a certificate for `names`."""
    if configuration.mode != "letsencrypt":
        return False
    pair = acme.issued()
    if pair is None or acme.issuer() != configuration.directory:
        return True
    return not pair.certificate.covers(names) or pair.certificate.is_due(now)


def ask_authority(configuration: Configuration, now: float) -> None:
    """Get a certificate from the authority for the main name, and for as many of the others as can be had.

    `CertificateError` names the problems of the rest, `acme.Unreachable` those for which the authority wasn't asked.
    """
    record = ROOT / "attempts.json"
    attempts = acme.Attempts.load(record, configuration.question)
    if now < attempts.next_at:
        raise CertificateError(
            f"{attempts.reason} (asked {attempts.failures} times; again at {_moment(attempts.next_at)})"
        )
    problems = {}
    if configuration.check_reachable:
        problems = acme.unreachable(configuration.names, configuration.addresses)
    names = [name for name in configuration.names if name not in problems]
    if configuration.names[0] in names and is_wanted(configuration, names, now):
        try:
            _obtain(configuration, names, now)
        except CertificateError as error:
            reason = "; ".join([str(error), *problems.values()])
            attempts.failed(now, reason)
            attempts.save(record)
            raise CertificateError(reason) from error
        record.unlink(missing_ok=True)
    if problems:
        raise acme.Unreachable("; ".join(problems.values()))


def _obtain(configuration: Configuration, names: list[str], now: float) -> None:
    """Ask for a certificate for `names`, and again without those that the authority refuses if these can't wait."""

    def ask(names: list[str]) -> None:
        acme.obtain(names, configuration.email, configuration.directory, configuration.ca_file or None)

    try:
        ask(names)
    except acme.Refused as refused:
        others = [name for name in names if name not in refused.names]
        if others != names and names[0] in others and is_wanted(configuration, others, now):
            ask(others)
        raise


def renew(configuration: Configuration, store: Store, now: float) -> int:
    """Ask the authority if it is time, put what is best in place, have nginx take it; return the exit status."""
    problem: CertificateError | None = None
    before = store.installed()
    if is_wanted(configuration, configuration.names, now):
        try:
            ask_authority(configuration, now)
        except CertificateError as error:
            problem = error
    result = ensure(configuration, store, now)
    if problem:
        what = "the old certificate stays"
        if result.temporary:
            what = "a temporary self-signed certificate stays"
        elif store.installed() != before:
            what = "a new certificate is"
        print(f"{what} in place, until {result.expires}: {problem}", file=sys.stderr)
    if result.changed:
        have_served(store)
        print(f"nginx took the certificate for {', '.join(result.names)}, until {result.expires}")
    waits = isinstance(problem, acme.Unreachable) and acme.issued() is None and result.temporary
    return int(problem is not None and not waits)


def have_served(store: Store) -> None:
    """Have the web server, if it runs, take what is in place; `CertificateError` when it refuses."""
    answer = subprocess.run(
        ["systemctl", "try-reload-or-restart", "nginx.service"], capture_output=True, text=True, check=False
    )
    if answer.returncode:
        raise CertificateError(
            f"nginx doesn't take the new certificate; `nginx -t` says why: {' '.join(answer.stderr.split())}"
        )
    store.mark_served()


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

"""Which certificate is installed, when it is renewed, and the web server's reload."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from listkit.certificate import acme
from listkit.certificate.configuration import Configuration
from listkit.certificate.files import CertificateError, Pair, make_self_signed
from listkit.certificate.store import Store

ROOT = Path("/var/lib/listkit/certificate")


class NotReachable(CertificateError):
    """Some names do not lead to this host, so the authority was not asked for them."""


@dataclass(frozen=True)
class Status:
    """The installed certificate.

    `changed`: the web server has not loaded it yet; `temporary`: it is self-signed until the authority issues one;
    `wanted`: `renew` has to ask the authority.
    """

    changed: bool
    temporary: bool
    wanted: bool
    self_signed: bool
    names: list[str]
    expires: str


def best(configuration: Configuration, installed: Pair | None, now: float) -> Pair:
    """Return the certificate to install; a new self-signed one if there is nothing better. Raises CertificateError."""
    if configuration.mode == "files":
        return _own_files(configuration)
    if configuration.mode == "letsencrypt":
        # A trusted certificate that lacks a name which was added later still serves the main name, and so does the
        # installed one while the authority's is not usable.
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
            "host: run the playbook to install them"
        )
    pair.check()
    missing = [name for name in configuration.names if not pair.certificate.covers([name])]
    if missing:
        raise CertificateError(f"{configuration.certificate_file} is not valid for {', '.join(missing)}")
    return pair


def ensure(configuration: Configuration, store: Store, now: float, dry_run: bool = False) -> Status:
    """Install the best certificate that is available without asking the authority. Raises CertificateError."""
    pair = best(configuration, store.installed(), now)
    new = not store.holds(pair)
    if new and not dry_run:
        store.install(pair)
    certificate, wanted = pair.certificate, is_wanted(configuration, configuration.names, now)
    if not wanted and not dry_run:
        # The cause of the job's last failure is gone: `listkit check` should not report it until the next run. A
        # pattern, because it is an error to name a unit that never ran.
        command = ["systemctl", "reset-failed", "listkit-certificate.servic[e]"]
        subprocess.run(command, check=False)  # if this fails, the job's next successful run clears the failure
    return Status(
        changed=new or not store.served,
        temporary=configuration.mode == "letsencrypt" and certificate.self_signed,
        wanted=wanted,
        self_signed=certificate.self_signed,
        names=sorted(certificate.names),
        expires=_date(certificate.not_after),
    )


def _date(seconds: float) -> str:
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
    """Obtain a certificate for the main name, and for as many of the others as possible.

    Raises CertificateError for the names that the authority rejected, NotReachable for those that it was not asked for.
    """
    # Only asking pays for the DNS library.
    from listkit.certificate import reachability

    record = ROOT / "attempts.json"
    attempts = acme.Attempts.load(record, configuration.question)
    if now < attempts.next_at:
        raise CertificateError(
            f"{attempts.reason} (attempts: {attempts.failures}; the next one is at {_date(attempts.next_at)})"
        )
    problems = {}
    if configuration.check_reachable:
        problems = reachability.unreachable(configuration.names, configuration.addresses)
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
        raise NotReachable("; ".join(problems.values()))


def _obtain(configuration: Configuration, names: list[str], now: float) -> None:
    """Ask for a certificate for `names`; if the authority rejects some and the others cannot wait, ask for those."""

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
    """Ask the authority if it is time, install the best certificate, reload nginx; return the exit status."""
    problem: CertificateError | None = None
    before = store.installed()
    if is_wanted(configuration, configuration.names, now):
        try:
            ask_authority(configuration, now)
        except CertificateError as error:
            problem = error
    result = ensure(configuration, store, now)
    if problem:
        installed = "the old certificate stays"
        if result.temporary:
            installed = "a temporary self-signed certificate stays"
        elif store.installed() != before:
            installed = "a new certificate is"
        print(f"{installed} in place, valid until {result.expires}: {problem}", file=sys.stderr)
    if result.changed:
        reload_web_server(store)
        print(f"nginx serves the certificate for {', '.join(result.names)}, valid until {result.expires}")
    # A new host whose DNS record is yet to be created hasn't failed.
    expected = isinstance(problem, NotReachable) and acme.issued() is None and result.temporary
    return int(problem is not None and not expected)


def reload_web_server(store: Store) -> None:
    """Make the web server, if it runs, load the installed certificate. Raises CertificateError when it refuses."""
    answer = subprocess.run(
        ["systemctl", "try-reload-or-restart", "nginx.service"], capture_output=True, text=True, check=False
    )
    if answer.returncode:
        raise CertificateError(
            f"nginx rejects its configuration; `nginx -t` names the reason: {' '.join(answer.stderr.split())}"
        )
    store.mark_served()


def try_reload(store: Store) -> bool:
    """Make the web server, if it runs, load the installed certificate; return whether it did.

    During a deployment it may refuse because of a file that is about to be replaced. `renew` tries again after that.
    """
    try:
        reload_web_server(store)
    except CertificateError:
        return False
    return True


@contextmanager
def lock() -> Iterator[None]:
    """Keep the timer and a deployment out of each other's way."""
    ROOT.mkdir(parents=True, exist_ok=True)
    with (ROOT / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

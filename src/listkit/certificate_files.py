"""Certificates as files: reading them, making self-signed ones, putting one where the web server looks.

Debian's `openssl` does the cryptography: the standard library reads no certificate files.
"""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SELF_SIGNED_DAYS = 820
"""Apple's systems take no certificate for longer, whoever signed it."""

SELF_SIGNED_REQUEST = """\
[req]
prompt = no
distinguished_name = subject
x509_extensions = extensions
[subject]
O = listkit, self-signed
[extensions]
subjectAltName = {names}
basicConstraints = critical, CA:TRUE
keyUsage = critical, digitalSignature, keyCertSign
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
"""

TRUSTED_HEADERS = 'add_header Strict-Transport-Security "max-age=63072000" always;\n'
SELF_SIGNED_HEADERS = "# No Strict-Transport-Security: browsers would refuse to go on with a self-signed certificate.\n"


MISMATCHES = ("KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED")
"""What OpenSSL says of another certificate's key, and of one of another kind."""


class CertificateError(Exception):
    """A certificate can't be read, made or used; the text says what to do about it."""


@dataclass(frozen=True)
class Certificate:
    """What matters of the first certificate in a file. Times are seconds since 1970."""

    names: frozenset[str]
    not_before: float
    not_after: float
    self_signed: bool
    fingerprint: str

    def covers(self, names: Sequence[str]) -> bool:
        """Whether it is good for all `names`; a wildcard stands for one label."""
        return all(name in self.names or "*." + name.partition(".")[2] in self.names for name in names)

    def is_due(self, now: float) -> bool:
        """Whether it should be renewed: two thirds of its life are over, whether that is 90 days or 6."""
        return now >= self.not_after - (self.not_after - self.not_before) / 3


def openssl(*arguments: str, stdin: bytes = b"") -> str:
    """Run `openssl` and return what it printed; `CertificateError` when it refuses."""
    answer = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=False)
    if answer.returncode:
        lines = answer.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise CertificateError(f"openssl {arguments[0]}: {lines[0]}")
    return answer.stdout.decode()


def parse(pem: bytes) -> Certificate:
    """Read the first certificate of a PEM file's content."""
    text = openssl(
        "x509",
        "-noout",
        "-dates",
        "-subject",
        "-issuer",
        "-fingerprint",
        "-sha256",
        "-ext",
        "subjectAltName",
        stdin=pem,
    )
    fields = dict(re.findall(r"^(notBefore|notAfter|subject|issuer|sha256 Fingerprint)=(.*)$", text, re.M | re.I))
    fields = {name.lower(): value.strip() for name, value in fields.items()}
    return Certificate(
        names=frozenset(name.lower() for name in re.findall(r"DNS:([^,\s]+)", text)),
        not_before=ssl.cert_time_to_seconds(fields["notbefore"]),
        not_after=ssl.cert_time_to_seconds(fields["notafter"]),
        self_signed=fields["subject"] == fields["issuer"],
        fingerprint=fields["sha256 fingerprint"].replace(":", "").lower(),
    )


@dataclass(frozen=True)
class Pair:
    """A certificate with its chain, and its private key, as PEM."""

    chain: bytes
    key: bytes

    @classmethod
    def read(cls, chain: Path, key: Path) -> Pair | None:
        """Read both files; None when one is missing."""
        try:
            return cls(chain.read_bytes(), key.read_bytes())
        except FileNotFoundError:
            return None

    @classmethod
    def usable(cls, chain: Path, key: Path) -> Pair | None:
        """Read both files; None unless a web server can use them."""
        pair = cls.read(chain, key)
        try:
            if pair:
                pair.check()
        except CertificateError:
            return None
        return pair

    @property
    def certificate(self) -> Certificate:
        """What the first certificate of the chain says."""
        return parse(self.chain)

    def check(self) -> None:
        """Raise `CertificateError` unless a web server can use it: the whole chain, and the key that belongs to it."""
        with tempfile.TemporaryDirectory() as folder:
            chain, key = Path(folder) / "chain", Path(folder) / "key"
            chain.write_bytes(self.chain)
            key.write_bytes(self.key)
            try:
                # Without a password, OpenSSL asks whoever sits at the terminal for the one of an encrypted key.
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key, password="")
            except ssl.SSLError as error:
                if error.reason in MISMATCHES:
                    raise CertificateError("the private key doesn't belong to the certificate") from error
                raise CertificateError(f"the certificate, its chain or its key can't be used: {error}") from error


def make_self_signed(names: Sequence[str]) -> Pair:
    """Make a key and a certificate for `names` that nobody but us has signed."""
    with tempfile.TemporaryDirectory() as folder:
        request, chain, key = (Path(folder) / name for name in ("request", "chain", "key"))
        request.write_text(SELF_SIGNED_REQUEST.format(names=", ".join(f"DNS:{name}" for name in names)))
        openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256"),
            *("-days", str(SELF_SIGNED_DAYS), "-config", str(request), "-keyout", str(key), "-out", str(chain)),
        )
        return Pair(chain.read_bytes(), key.read_bytes())


class Store:
    """The place where the web server finds its certificate: `live/`, a link that changes all its files at once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._served = root / "served"

    @property
    def live(self) -> Path:
        """The directory with `fullchain.pem`, `privkey.pem` and `headers.conf` (nginx)."""
        return self._root / "live"

    def installed(self) -> Pair | None:
        """What the web server is told to use, if anything; what can't be used counts as nothing."""
        pair = Pair.usable(self.live / "fullchain.pem", self.live / "privkey.pem")
        return pair if (self.live / "headers.conf").exists() else None

    @property
    def served(self) -> bool:
        """Whether the web server has taken what is in `live/` now."""
        try:
            return self._served.read_text() == str(self.live.readlink())
        except OSError:
            return False

    def mark_served(self) -> None:
        """Remember that the web server has taken what is in `live/` now."""
        self._served.write_text(str(self.live.readlink()))

    def install(self, pair: Pair) -> None:
        """Put `pair` in place, and forget what was there before."""
        certificate = pair.certificate
        self._root.mkdir(parents=True, exist_ok=True)
        generation = Path(tempfile.mkdtemp(dir=self._root, prefix=f"{certificate.fingerprint[:12]}-"))
        headers = SELF_SIGNED_HEADERS if certificate.self_signed else TRUSTED_HEADERS
        _write(generation / "fullchain.pem", pair.chain, 0o644)
        _write(generation / "privkey.pem", pair.key, 0o600)
        _write(generation / "headers.conf", headers.encode(), 0o644)
        generation.chmod(0o755)
        link = generation.with_name("live.new")
        link.unlink(missing_ok=True)
        link.symlink_to(generation.name)
        link.replace(self.live)
        for path in self._root.iterdir():
            if path.is_dir() and not path.is_symlink() and path != generation:
                shutil.rmtree(path)


def _write(path: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    path.chmod(mode)

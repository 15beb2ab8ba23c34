"""Certificate files: reading, checking and making them.

Debian's `openssl` does the cryptography: the standard library cannot read certificates.
"""

from __future__ import annotations

import re
import ssl
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SELF_SIGNED_DAYS = 820
"""Apple's systems reject a certificate that is valid for longer, self-signed or not."""

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

MISMATCHES = ("KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED")
"""OpenSSL's reasons for a key that belongs to another certificate, and for a key of another type."""


class CertificateError(Exception):
    """A certificate cannot be read, made or used; the text has the reason and the remedy."""


@dataclass(frozen=True)
class Certificate:
    """The fields of a certificate that matter here. Times are seconds since 1970."""

    names: frozenset[str]
    not_before: float
    not_after: float
    self_signed: bool
    fingerprint: str

    def covers(self, names: Sequence[str]) -> bool:
        """Whether it is valid for all `names`; a wildcard stands for one label."""
        return all(name in self.names or "*." + name.partition(".")[2] in self.names for name in names)

    def is_due(self, now: float) -> bool:
        """Whether to renew it: two thirds of its lifetime are over, be that 90 days or 6."""
        return now >= self.not_after - (self.not_after - self.not_before) / 3


def openssl(*arguments: str, stdin: bytes = b"") -> str:
    """Run `openssl` and return its output. Raises CertificateError."""
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
        """Read both files; None when a web server could not use them."""
        pair = cls.read(chain, key)
        try:
            if pair:
                pair.check()
        except CertificateError:
            return None
        return pair

    @property
    def certificate(self) -> Certificate:
        """The first certificate of the chain."""
        return parse(self.chain)

    def check(self) -> None:
        """Raise CertificateError unless a web server can use the whole chain, and the key belongs to it."""
        with tempfile.TemporaryDirectory() as folder:
            chain, key = Path(folder) / "chain", Path(folder) / "key"
            chain.write_bytes(self.chain)
            key.write_bytes(self.key)
            try:
                # Without a password, OpenSSL would ask at the terminal for the one of an encrypted key.
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key, password="")
            except ssl.SSLError as error:
                if error.reason in MISMATCHES:
                    raise CertificateError("the private key does not belong to the certificate") from error
                raise CertificateError(f"the certificate, its chain or its key is not usable: {error}") from error


def make_self_signed(names: Sequence[str]) -> Pair:
    """Make a key and a self-signed certificate for `names`."""
    with tempfile.TemporaryDirectory() as folder:
        request, chain, key = (Path(folder) / name for name in ("request", "chain", "key"))
        request.write_text(SELF_SIGNED_REQUEST.format(names=", ".join(f"DNS:{name}" for name in names)))
        openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256"),
            *("-days", str(SELF_SIGNED_DAYS), "-config", str(request), "-keyout", str(key), "-out", str(chain)),
        )
        return Pair(chain.read_bytes(), key.read_bytes())
